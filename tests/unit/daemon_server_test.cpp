// The daemon's socket: requests are taken apart right, and one caller's flood delays no other.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "common/base/clock.h"
#include "common/client/connection.h"
#include "ctld/sluiced/server.h"
#include "temp_folder.h"

namespace sluice::daemon {
namespace {

// Answers every request with itself.
class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    auto opened = Server::open(
        path_, "no-such-group",
        [](const Json& request, const Caller&, const Reply& reply) { reply.answer(request); },
        [] {});
    server_ = std::move(*opened);
    server_->serve();
  }

  Fd connect(int flags = 0) const {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
    sockaddr_un addr{};
    addr.sun_family = AF_UNIX;
    memcpy(addr.sun_path, path_.c_str(), path_.size());
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&addr), sizeof addr), 0);
    return fd;
  }

  // All that is answered to `text` until the server hangs up.
  std::string answers(std::string text) const {
    Fd fd = connect();
    std::thread writer([&fd, text = std::move(text)] {
      for (std::string_view left = text; !left.empty();) {
        ssize_t n = ::send(fd.get(), left.data(), left.size(), MSG_NOSIGNAL);
        if (n < 0) break;
        left.remove_prefix(static_cast<size_t>(n));
      }
      ::shutdown(fd.get(), SHUT_WR);
    });
    std::string out;
    char buf[65536];
    for (ssize_t n = 0; (n = ::recv(fd.get(), buf, sizeof buf, 0)) > 0;)
      out.append(buf, static_cast<size_t>(n));
    writer.join();
    return out;
  }

  testing::TempFolder folder_;
  std::string path_ = folder_ / "sock";
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, EveryPipelinedRequestIsAnsweredInOrder) {
  std::string asked;  // more of them than one request may be long
  for (int i = 0; i < 60'000; ++i) asked += "{\"n\":" + std::to_string(i) + "}\n";
  ASSERT_GT(asked.size(), size_t{700'000});
  EXPECT_TRUE(answers(asked) == asked);
}

TEST_F(ServerTest, EmptyLinesAreRefusedAsOne) {
  std::string refused =
      R"({"error":"a request must be one JSON object a line: line 1 column 1: empty text"})"
      "\n";
  EXPECT_EQ(answers("\n"), refused);
  EXPECT_EQ(answers("{\"n\":1}\n\n\n\n{\"n\":2}\n\n"),
            "{\"n\":1}\n" + refused + "{\"n\":2}\n" + refused);
  EXPECT_LT(answers(std::string(1U << 20, '\n')).size(), 100'000U);
}

TEST_F(ServerTest, OneLineHasABound) {
  std::string longest = "{\"n\":\"" + std::string((512U << 10) - 9, 'x') + "\"}\n";
  ASSERT_EQ(longest.size(), 512U << 10);
  EXPECT_TRUE(answers(longest + longest) == longest + longest);
  std::string longer = "{\"n\":1}\n" + std::string(512U << 10, ' ') + "{}\n";
  EXPECT_EQ(answers(longer),
            "{\"n\":1}\n{\"error\":\"a request may have at most 524288 bytes\"}\n");
}

TEST_F(ServerTest, AFloodDelaysNobodyElse) {
  std::atomic<bool> stop = false;
  std::thread hostile([&] {
    std::string flood;
    while (flood.size() < 256U << 10) flood += "\n1\n[]\n";
    std::vector<Fd> fds;
    for (int i = 0; i < 32; ++i) fds.push_back(connect(SOCK_NONBLOCK));
    std::vector<char> buf(1U << 20);
    while (!stop)
      for (auto& fd : fds) {
        ssize_t ignored = ::send(fd.get(), flood.data(), flood.size(), MSG_NOSIGNAL);
        ignored = ::recv(fd.get(), buf.data(), buf.size(), 0);
        (void)ignored;
      }
  });
  ::usleep(200'000);
  int64_t worst = 0;
  auto ping = *Json::parse(R"({"op":"ping"})");
  for (int i = 0; i < 10; ++i) {
    int64_t before = clock::mono_ms();
    auto c = client::Connection::open(path_);
    EXPECT_TRUE(c && c->ask(ping));
    worst = std::max(worst, clock::mono_ms() - before);
  }
  stop = true;
  hostile.join();
  EXPECT_LT(worst, 1500);  // ms; it is some 10 in a build without sanitizers
}

}  // namespace
}  // namespace sluice::daemon
