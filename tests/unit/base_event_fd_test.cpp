// Wake-ups.
#include "common/base/event_fd.h"

#include <gtest/gtest.h>
#include <poll.h>

namespace sluice {
namespace {

TEST(EventFd, IsReadableUntilTaken) {
  EventFd event;
  pollfd p{event.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&p, 1, 0), 0);
  EXPECT_FALSE(event.take());
  event.wake();
  event.wake();
  EXPECT_EQ(::poll(&p, 1, 0), 1);
  EXPECT_TRUE(event.take());
  EXPECT_FALSE(event.take());
}

}  // namespace
}  // namespace sluice
