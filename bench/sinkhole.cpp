// A receiver that costs as little as an HTTP receiver can: one thread, epoll, an answer made in
// advance. It speaks enough HTTP/1.1 for clients that send Content-Length, and nothing more.
//
//   sinkhole PORT [--eventbridge] [--capture FILE] [--arrivals FILE]
//
//   --eventbridge  answers PutEvents and DescribeEventBus (AWS JSON 1.1), each entry taken
//   --capture      keeps every POST, headers and body, for bare_loop (format: bare_loop.cpp)
//   --arrivals     a line an event: arrival in µs since 1970, id, type, time, subject
//
// GET /stats answers {"requests","events","bytes","first_us","last_us","connections"}: POSTs only,
// times from CLOCK_MONOTONIC. GET /reset begins anew.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

struct Connection {
  std::string in;
  size_t scanned = 0;  // where the search for the headers' end goes on
  size_t headers = 0;  // size of the headers, 0: not there yet
  size_t body = 0;
};

struct Stats {
  int64_t requests = 0, events = 0, bytes = 0, first_us = 0, last_us = 0, connections = 0;
};

Stats stats;
bool eventbridge = false;
FILE* capture = nullptr;
FILE* arrivals = nullptr;

int64_t now_us(clockid_t clock) {
  timespec ts{};
  clock_gettime(clock, &ts);
  return int64_t{ts.tv_sec} * 1'000'000 + ts.tv_nsec / 1000;
}

bool same(char a, char b) {
  return a == b || (a >= 'A' && a <= 'Z' && a + 32 == b);
}

// The value of a header; `name` in lower case, with its colon.
std::string_view header(std::string_view headers, std::string_view name) {
  for (size_t at = 0; (at = headers.find("\r\n", at)) != headers.npos;) {
    at += 2;
    if (headers.size() - at < name.size()) break;
    size_t i = 0;
    while (i < name.size() && same(headers[at + i], name[i])) ++i;
    if (i < name.size()) continue;
    auto value = headers.substr(at + name.size());
    value = value.substr(0, value.find("\r\n"));
    while (value.starts_with(' ')) value.remove_prefix(1);
    return value;
  }
  return {};
}

std::string_view member(std::string_view json, std::string_view key) {
  std::string wanted = "\"" + std::string(key) + "\":\"";
  size_t at = json.find(wanted);
  if (at == json.npos) return "-";
  auto value = json.substr(at + wanted.size());
  return value.substr(0, value.find('"'));
}

int count(std::string_view text, std::string_view what) {
  int n = 0;
  for (size_t at = 0; (at = text.find(what, at)) != text.npos; at += what.size()) ++n;
  return n;
}

std::string answer(std::string_view body, const char* type = "application/json") {
  char head[160];
  snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
           type, body.size());
  return head + std::string(body);
}

const std::string& put_events_answer(int entries) {
  static std::unordered_map<int, std::string> made;
  std::string& out = made[entries];
  if (out.empty()) {
    std::string body = R"({"FailedEntryCount":0,"Entries":[)";
    for (int i = 0; i < entries; ++i)
      body +=
          std::string(i > 0 ? "," : "") + R"({"EventId":"11710aed-b79e-4468-a20b-bb3c0c3b4860"})";
    out = answer(body + "]}", "application/x-amz-json-1.1");
  }
  return out;
}

void keep(std::string_view headers, std::string_view body) {
  uint32_t sizes[2] = {static_cast<uint32_t>(headers.size()), static_cast<uint32_t>(body.size())};
  fwrite(sizes, sizeof sizes, 1, capture);
  fwrite(headers.data(), headers.size(), 1, capture);
  fwrite(body.data(), body.size(), 1, capture);
}

void note_arrival(std::string_view body) {
  auto field = [&](const char* key) { return std::string(member(body, key)); };
  fprintf(arrivals, "%lld %s %s %s %s\n", static_cast<long long>(now_us(CLOCK_REALTIME)),
          field("id").c_str(), field("type").c_str(), field("time").c_str(),
          field("subject").c_str());
  fflush(arrivals);
}

std::string stats_answer() {
  char text[300];
  snprintf(text, sizeof text,
           "{\"requests\":%lld,\"events\":%lld,\"bytes\":%lld,\"first_us\":%lld,"
           "\"last_us\":%lld,\"connections\":%lld}",
           static_cast<long long>(stats.requests), static_cast<long long>(stats.events),
           static_cast<long long>(stats.bytes), static_cast<long long>(stats.first_us),
           static_cast<long long>(stats.last_us), static_cast<long long>(stats.connections));
  return answer(text);
}

std::string respond(std::string_view headers, std::string_view body) {
  static const std::string taken = answer("");
  if (headers.starts_with("GET /stats")) return stats_answer();
  if (headers.starts_with("GET /reset")) {
    stats = {};
    return taken;
  }
  if (!headers.starts_with("POST ")) return taken;
  if (eventbridge && headers.find("DescribeEventBus") != headers.npos)
    return answer(R"({"Name":"default","Arn":"arn:aws:events:us-east-1:1:event-bus/default"})");
  int64_t now = now_us(CLOCK_MONOTONIC);
  if (stats.first_us == 0) stats.first_us = now;
  stats.last_us = now;
  ++stats.requests;
  stats.bytes += static_cast<int64_t>(headers.size() + body.size());
  if (capture != nullptr) keep(headers, body);
  if (arrivals != nullptr) note_arrival(body);
  if (!eventbridge) {
    ++stats.events;
    return taken;
  }
  // Unescaped, so only the entries' own: a Detail is a string.
  int entries = count(body, "\"EventBusName\":");
  stats.events += entries;
  return put_events_answer(entries);
}

// All whole requests that have come; false if the connection is to be closed.
bool serve(int fd, Connection* c) {
  std::string out;
  size_t at = 0;
  for (;;) {
    std::string_view rest = std::string_view(c->in).substr(at);
    if (c->headers == 0) {
      size_t end = rest.find("\r\n\r\n", c->scanned);
      if (end == rest.npos) {
        c->scanned = rest.size() > 3 ? rest.size() - 3 : 0;
        break;
      }
      c->headers = end + 4;
      auto length = header(rest.substr(0, c->headers), "content-length:");
      c->body = length.empty() ? 0 : strtoul(std::string(length).c_str(), nullptr, 10);
    }
    if (rest.size() < c->headers + c->body) break;
    out += respond(rest.substr(0, c->headers), rest.substr(c->headers, c->body));
    at += c->headers + c->body;
    c->headers = 0;
    c->scanned = 0;
  }
  c->in.erase(0, at);
  for (size_t sent = 0; sent < out.size();) {
    ssize_t n = ::send(fd, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) continue;  // answers are small: this does not happen
    if (n < 0) return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

bool readable(int fd, Connection* c) {
  static char buffer[256 * 1024];
  for (;;) {
    ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    c->in.append(buffer, static_cast<size_t>(n));
    if (!serve(fd, c)) return false;
    if (static_cast<size_t>(n) < sizeof buffer) return true;
  }
}

int listen_on(uint16_t port) {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int one = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::listen(fd, 512) != 0) {
    perror("sinkhole: listen");
    exit(1);
  }
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  long port = argc > 1 ? strtol(argv[1], nullptr, 10) : 0;
  for (int i = 2; i < argc; ++i) {
    if (strcmp(argv[i], "--eventbridge") == 0)
      eventbridge = true;
    else if (strcmp(argv[i], "--capture") == 0 && i + 1 < argc)
      capture = fopen(argv[++i], "we");
    else if (strcmp(argv[i], "--arrivals") == 0 && i + 1 < argc)
      arrivals = fopen(argv[++i], "we");
    else
      port = 0;
  }
  if (port <= 0 || port > 65535) {
    fprintf(stderr, "sinkhole PORT [--eventbridge] [--capture FILE] [--arrivals FILE]\n");
    return 2;
  }
  signal(SIGTERM, [](int) {
    if (capture != nullptr) fflush(capture);
    _exit(0);
  });
  int listener = listen_on(static_cast<uint16_t>(port));
  int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{EPOLLIN, {.fd = listener}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  std::unordered_map<int, std::unique_ptr<Connection>> connections;
  for (;;) {
    epoll_event ready[64];
    int n = ::epoll_wait(epoll, ready, 64, -1);
    for (int i = 0; i < n; ++i) {
      int fd = ready[i].data.fd;
      if (fd != listener) {
        if (readable(fd, connections[fd].get())) continue;
        connections.erase(fd);
        ::close(fd);
        continue;
      }
      int peer = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (peer < 0) continue;
      int one = 1;
      ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      ++stats.connections;
      connections[peer] = std::make_unique<Connection>();
      epoll_event added{EPOLLIN, {.fd = peer}};
      ::epoll_ctl(epoll, EPOLL_CTL_ADD, peer, &added);
    }
  }
}
