// Sockets that listen.
#include "common/base/listen.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "temp_folder.h"

namespace sluice {
namespace {

TEST(Listen, AtAPathWithItsPermissions) {
  testing::TempFolder folder;
  std::string path = folder / "sock";
  for (unsigned mode : {0666U, 0660U}) {  // the second takes the first one's place
    auto fd = listen_unix(path, mode, 1);
    ASSERT_TRUE(fd) << fd.error().what;
    struct stat st{};
    EXPECT_EQ(::stat(path.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, mode);
    EXPECT_EQ(::accept(fd->get(), nullptr, nullptr), -1);
    EXPECT_EQ(errno, EAGAIN);
  }
}

TEST(Listen, SaysWhyNot) {
  testing::TempFolder folder;
  EXPECT_EQ(listen_unix(folder / "no/sock", 0666, 1).error().what,
            "bind: No such file or directory");
  EXPECT_EQ(listen_unix(folder / std::string(200, 'x'), 0666, 1).error().what,
            "a path may have at most 107 bytes");
  auto first = listen_tcp("127.0.0.1", "0", 1);
  ASSERT_TRUE(first);
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  ASSERT_EQ(::getsockname(first->get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  auto port = std::to_string(ntohs(reinterpret_cast<sockaddr_in*>(&at)->sin_port));
  EXPECT_EQ(listen_tcp("127.0.0.1", port, 1).error().what, "bind: Address already in use");
  EXPECT_FALSE(listen_tcp("256.256.256.256", "0", 1));
}

}  // namespace
}  // namespace sluice
