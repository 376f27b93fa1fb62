// sluice.h as C++ sees it: what goes wrong is a code and a sentence, never an exception.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "common/base/fd.h"
#include "sluice/sluice.h"

namespace {

using sluice::Fd;

// Says one thing to each caller, whatever it asks; "" hangs up.
class Answerer {
 public:
  explicit Answerer(std::string answer, int callers = 1) : answer_(std::move(answer)) {
    sockaddr_un addr{};
    addr.sun_family = AF_UNIX;
    path_ = ::testing::TempDir() + "sluice-abi-" + std::to_string(::getpid());
    ::unlink(path_.c_str());
    memcpy(addr.sun_path, path_.c_str(), path_.size());
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&addr), sizeof addr), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
    thread_ = std::thread([this, callers] {
      for (int i = 0; i < callers; ++i) serve();
    });
  }
  ~Answerer() {
    thread_.join();
    ::unlink(path_.c_str());
  }
  Answerer(const Answerer&) = delete;
  Answerer& operator=(const Answerer&) = delete;
  const char* path() const { return path_.c_str(); }
  std::string asked() const { return asked_; }

 private:
  void serve() {
    Fd caller(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char buf[4096];
    ssize_t n = ::recv(caller.get(), buf, sizeof buf, 0);
    if (n > 0) asked_.assign(buf, static_cast<size_t>(n));
    std::string line = answer_ + "\n";
    if (answer_.empty()) return;
    EXPECT_GT(::send(caller.get(), line.data(), line.size(), MSG_NOSIGNAL), 0);
  }

  Fd listener_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::string path_;
  std::string answer_;
  std::string asked_;
  std::thread thread_;
};

struct Sent {
  int code;
  std::string message;
  sluice_receipt receipt;
};

Sent send(const char* path, const char* type, const char* data) {
  sluice_error err{};
  sluice_handle* handle = nullptr;
  Sent out{};
  EXPECT_EQ(sluice_open(path, 5000, &handle, &err), SLUICE_OK) << err.message;
  out.code = sluice_send(handle, type, data, &out.receipt, &err);
  out.message = err.message;
  EXPECT_EQ(err.code, out.code);
  sluice_close(handle);
  return out;
}

TEST(CAbi, TakenWithAReceipt) {
  Answerer daemon(R"({"job_id":42,"record":"abc","committed":true})");
  Sent sent = send(daemon.path(), "user.x", "{\"a\": [1]}");
  EXPECT_EQ(sent.code, SLUICE_OK);
  EXPECT_EQ(sent.receipt.job_id, 42U);
  EXPECT_STREQ(sent.receipt.record, "abc");
  EXPECT_EQ(daemon.asked(), "{\"op\":\"emit\",\"type\":\"user.x\",\"data\":{\"a\":[1]}}\n");
}

TEST(CAbi, KeptOnTheNode) {
  Answerer daemon(R"({"job_id":7,"record":"r","committed":false,"note":"kept on this node"})");
  Sent sent = send(daemon.path(), "user.x", nullptr);
  EXPECT_EQ(sent.code, SLUICE_E_KEPT);
  EXPECT_EQ(sent.message, "kept on this node");
  EXPECT_EQ(sent.receipt.job_id, 7U);
}

TEST(CAbi, RefusedInSluicedsWords) {
  Answerer daemon(R"({"error":"process 1 is in no job of this host"})");
  Sent sent = send(daemon.path(), "user.x", "1");
  EXPECT_EQ(sent.code, SLUICE_E_REFUSED);
  EXPECT_EQ(sent.message, "process 1 is in no job of this host");
  EXPECT_EQ(sent.receipt.job_id, 0U);
}

TEST(CAbi, LostAndGarbled) {
  {
    Answerer daemon("");
    EXPECT_EQ(send(daemon.path(), "user.x", "1").code, SLUICE_E_LOST);
  }
  {
    Answerer daemon("HTTP/1.1 400 Bad Request");
    EXPECT_EQ(send(daemon.path(), "user.x", "1").code, SLUICE_E_PROTOCOL);
  }
  {
    Answerer daemon("{\"something\":\"else\"}");
    EXPECT_EQ(send(daemon.path(), "user.x", "1").code, SLUICE_E_PROTOCOL);
  }
}

TEST(CAbi, ALongMessageIsCutBetweenCharacters) {
  std::string text;
  while (text.size() < 1000) text += "ä";
  Answerer daemon("{\"error\":\"x" + text + "\"}");
  Sent sent = send(daemon.path(), "user.x", "1");
  EXPECT_EQ(sent.message, "x" + text.substr(0, 506));
}

TEST(CAbi, ConnectsAgainAfterARestart) {
  Answerer daemon(R"({"job_id":1,"record":"r","committed":true})", 2);
  sluice_error err{};
  sluice_handle* handle = nullptr;
  ASSERT_EQ(sluice_open(daemon.path(), 5000, &handle, &err), SLUICE_OK);
  EXPECT_EQ(sluice_send(handle, "user.x", "1", nullptr, &err), SLUICE_OK);
  // The answerer hangs up after its answer, as a sluiced that stops does; it is given the time to.
  ::usleep(50'000);
  EXPECT_EQ(sluice_send(handle, "user.x", "2", nullptr, &err), SLUICE_OK) << err.message;
  sluice_close(handle);
}

// A listener that never accepts, and whose queue is full: connect waits.
class Busy {
 public:
  Busy() {
    sockaddr_un addr{};
    addr.sun_family = AF_UNIX;
    path_ = ::testing::TempDir() + "sluice-busy-" + std::to_string(::getpid());
    ::unlink(path_.c_str());
    memcpy(addr.sun_path, path_.c_str(), path_.size());
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&addr), sizeof addr), 0);
    EXPECT_EQ(::listen(listener_.get(), 0), 0);
  }
  ~Busy() { ::unlink(path_.c_str()); }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  const char* path() const { return path_.c_str(); }

  void fill() {
    sockaddr_un addr{};
    addr.sun_family = AF_UNIX;
    memcpy(addr.sun_path, path_.c_str(), path_.size());
    for (;;) {
      Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&addr), sizeof addr) != 0) return;
      waiting_.push_back(std::move(fd));
    }
  }
  Fd accept() { return Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  Fd listener_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::string path_;
  std::vector<Fd> waiting_;
};

int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

// A program with an interval timer, as profilers and MPI libraries have. It ends by itself: a call
// that waits anew at each signal would not.
class Ticking {
 public:
  Ticking() {
    left_ = 150;
    struct sigaction action{};
    action.sa_handler = [](int) {
      itimerval off{};
      if (--left_ == 0) ::setitimer(ITIMER_REAL, &off, nullptr);
    };
    ::sigaction(SIGALRM, &action, &before_);
    itimerval every{{0, 20'000}, {0, 20'000}};
    ::setitimer(ITIMER_REAL, &every, nullptr);
  }
  ~Ticking() {
    itimerval off{};
    ::setitimer(ITIMER_REAL, &off, nullptr);
    ::sigaction(SIGALRM, &before_, nullptr);
  }
  Ticking(const Ticking&) = delete;
  Ticking& operator=(const Ticking&) = delete;

 private:
  static std::atomic<int> left_;
  struct sigaction before_{};
};

std::atomic<int> Ticking::left_ = 0;

TEST(CAbi, ConnectingEndsInTimeUnderATimer) {
  Busy daemon;
  daemon.fill();
  Ticking timer;
  int64_t before = now_ms();
  sluice_error err{};
  sluice_handle* handle = nullptr;
  EXPECT_EQ(sluice_open(daemon.path(), 500, &handle, &err), SLUICE_E_UNREACHABLE);
  EXPECT_EQ(handle, nullptr);
  EXPECT_NE(std::string(err.message).find("does not take connections"), std::string::npos);
  int64_t took = now_ms() - before;
  EXPECT_GE(took, 490);
  EXPECT_LT(took, 1500);
}

TEST(CAbi, OneDeadlineForAllOfACall) {
  Busy daemon;
  sluice_error err{};
  sluice_handle* handle = nullptr;
  ASSERT_EQ(sluice_open(daemon.path(), 1000, &handle, &err), SLUICE_OK);
  daemon.accept().reset();  // so that the call has to connect
  daemon.fill();
  Ticking timer;
  std::vector<Fd> accepted;
  std::thread slow([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    accepted.push_back(daemon.accept());
  });
  int64_t before = now_ms();
  EXPECT_EQ(sluice_send(handle, "user.x", "1", nullptr, &err), SLUICE_E_TIMEOUT) << err.message;
  int64_t took = now_ms() - before;
  EXPECT_GE(took, 990);
  EXPECT_LT(took, 1500);
  slow.join();
  sluice_close(handle);
}

// What a thread does that is cancelled in its call.
struct Cancelled {
  sluice_handle* handle;
  std::atomic<int> code = -1;

  static void* run(void* self) {
    auto* me = static_cast<Cancelled*>(self);
    me->code = sluice_send(me->handle, "user.x", "1", nullptr, nullptr);
    sluice_close(me->handle);
    pthread_testcancel();
    return nullptr;
  }
};

TEST(CAbi, CancelledThreadEndsAfterItsCall) {
  Busy daemon;
  sluice_error err{};
  Cancelled caller{};
  ASSERT_EQ(sluice_open(daemon.path(), 5000, &caller.handle, &err), SLUICE_OK);
  pthread_t thread{};
  ASSERT_EQ(pthread_create(&thread, nullptr, Cancelled::run, &caller), 0);
  Fd connection = daemon.accept();
  char request[256];
  ASSERT_GT(::recv(connection.get(), request, sizeof request, 0), 0);  // now it waits
  ASSERT_EQ(pthread_cancel(thread), 0);
  ::usleep(50'000);
  EXPECT_EQ(caller.code, -1);
  const char answer[] = "{\"job_id\":1,\"record\":\"r\",\"committed\":true}\n";
  ASSERT_GT(::send(connection.get(), answer, sizeof answer - 1, MSG_NOSIGNAL), 0);
  void* ended = nullptr;
  ASSERT_EQ(pthread_join(thread, &ended), 0);
  EXPECT_EQ(ended, PTHREAD_CANCELED);
  EXPECT_EQ(caller.code, SLUICE_OK);
}

}  // namespace
