// The loopback server of the other http and sink tests (loopback_server.h); no tests of its own.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tests/unit/loopback_server.h"

namespace sluice::tests {

std::string Seen::header(const std::string& name) const {
  std::string low = head;
  std::ranges::transform(low, low.begin(), [](unsigned char c) { return char(tolower(c)); });
  size_t at = low.find("\r\n" + name + ":");
  if (at == low.npos) return {};
  at += name.size() + 3;
  size_t end = std::min(head.find("\r\n", at), head.size());
  while (at < end && head[at] == ' ') ++at;
  return head.substr(at, end - at);
}

Reply reply(int status, const std::string& body, const std::string& headers) {
  return {"HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body,
          false, false};
}

LoopbackServer::LoopbackServer(std::function<Reply(const Seen&)> answer)
    : answer_(std::move(answer)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t n = sizeof a;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&a), n) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&a), &n) != 0 || pipe(stop_) != 0)
    abort();
  port_ = ntohs(a.sin_port);
  thread_ = std::thread([this] { run(); });
}

LoopbackServer::~LoopbackServer() {
  close(stop_[1]);
  thread_.join();
  close(stop_[0]);
  close(listener_);
}

std::string LoopbackServer::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<Seen> LoopbackServer::seen() const {
  std::lock_guard lock(mutex_);
  return seen_;
}

size_t LoopbackServer::connections() const {
  std::lock_guard lock(mutex_);
  return accepted_;
}

void LoopbackServer::run() {
  std::vector<Connection> open;
  for (;;) {
    std::vector<pollfd> fds{{stop_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& c : open) fds.push_back({c.fd, POLLIN, 0});
    if (poll(fds.data(), fds.size(), -1) < 0) continue;
    if (fds[0].revents != 0) break;
    for (size_t i = open.size(); i-- > 0;) {
      if (fds[i + 2].revents == 0 || serve(&open[i])) continue;
      close(open[i].fd);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (fds[1].revents != 0) {
      std::lock_guard lock(mutex_);
      open.push_back({accept(listener_, nullptr, nullptr), {}, false});
      ++accepted_;
    }
  }
  for (const auto& c : open) close(c.fd);
}

// False when the connection is to be closed.
bool LoopbackServer::serve(Connection* c) {
  char buf[65536];
  ssize_t n = read(c->fd, buf, sizeof buf);
  if (n <= 0) return false;
  if (c->hung) return true;
  c->in.append(buf, static_cast<size_t>(n));
  for (;;) {
    size_t end = c->in.find("\r\n\r\n");
    if (end == c->in.npos) return true;
    Seen seen{c->in.substr(0, end + 2), {}};
    size_t length = strtoul(seen.header("content-length").c_str(), nullptr, 10);
    if (c->in.size() < end + 4 + length) return true;
    seen.body = c->in.substr(end + 4, length);
    c->in.erase(0, end + 4 + length);
    Reply r = answer_(seen);
    {
      std::lock_guard lock(mutex_);
      seen_.push_back(std::move(seen));
    }
    const char* p = r.bytes.data();
    for (size_t left = r.bytes.size(); left > 0;) {
      ssize_t sent = send(c->fd, p, left, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      p += sent;
      left -= static_cast<size_t>(sent);
    }
    c->hung = r.hang;
    if (r.close) return false;
  }
}

}  // namespace sluice::tests
