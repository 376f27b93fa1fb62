// An HTTP server on loopback for unit tests: one thread, one script of answers. What it is told to
// answer it sends byte by byte as given, so that it can misbehave in every way.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sluice::tests {

struct Seen {
  std::string head;  // request line and headers
  std::string body;
  // A header's value, empty if absent; `name` in lower case.
  std::string header(const std::string& name) const;
  std::string line() const { return head.substr(0, head.find("\r\n")); }
};

struct Reply {
  std::string bytes;   // the whole answer
  bool close = false;  // afterwards
  bool hang = false;   // say nothing more, keep the connection open
};

Reply reply(int status, const std::string& body = "", const std::string& headers = "");

class LoopbackServer {
 public:
  // `answer` runs on the server's thread.
  explicit LoopbackServer(std::function<Reply(const Seen&)> answer);
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  std::string url(const std::string& path = "/") const;
  std::vector<Seen> seen() const;
  size_t connections() const;

 private:
  struct Connection {
    int fd = -1;
    std::string in;
    bool hung = false;
  };
  void run();
  bool serve(Connection* c);

  std::function<Reply(const Seen&)> answer_;
  int listener_ = -1;
  int stop_[2] = {-1, -1};
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
  size_t accepted_ = 0;
  std::thread thread_;
};

}  // namespace sluice::tests
