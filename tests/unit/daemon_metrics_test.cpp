// /metrics: served where it was asked for, and nothing left behind.
#include "ctld/sluiced/metrics.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>

#include "common/base/fd.h"
#include "temp_folder.h"

namespace sluice::daemon {
namespace {

ptrdiff_t descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

std::string get(const std::string& path) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un addr{};
  addr.sun_family = AF_UNIX;
  memcpy(addr.sun_path, path.c_str(), path.size());
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&addr), sizeof addr), 0);
  std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  EXPECT_GT(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL), 0);
  std::string out;
  char buf[4096];
  for (ssize_t n = 0; (n = ::recv(fd.get(), buf, sizeof buf, 0)) > 0;)
    out.append(buf, static_cast<size_t>(n));
  return out;
}

TEST(Metrics, ServedAtAPathThatGoesWithIt) {
  testing::TempFolder folder;
  ptrdiff_t before = descriptors();
  auto server = MetricsServer::start("unix:" + (folder / "m"), [] { return "some 1\n"; });
  ASSERT_TRUE(server) << server.error().what;
  EXPECT_TRUE(get(folder / "m").ends_with("\r\n\r\nsome 1\n"));
  server->reset();
  EXPECT_TRUE(folder.names().empty());
  EXPECT_EQ(descriptors(), before);
}

TEST(Metrics, AnAddressThatCannotBeHadCostsNoDescriptor) {
  testing::TempFolder folder;
  ptrdiff_t before = descriptors();
  std::string address = "unix:" + (folder / "no/m");
  auto server = MetricsServer::start(address, [] { return std::string(); });
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().what,
            "metrics: cannot listen on " + address + ": bind: No such file or directory");
  EXPECT_EQ(descriptors(), before);
}

}  // namespace
}  // namespace sluice::daemon
