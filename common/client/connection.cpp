#include "common/client/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace sluice::client {
namespace {

constexpr size_t kMaxAnswer = 64U << 20;  // ten thousand dead letters fit many times

int64_t now_ms() {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return int64_t{ts.tv_sec} * 1000 + ts.tv_nsec / 1'000'000;
}

std::string words(int err) {
  char buf[128];
  return strerror_r(err, buf, sizeof buf);
}

std::string advice(int err) {
  switch (err) {
    case ENOENT:
    case ECONNREFUSED:
      return "no sluiced serves it; start sluiced on this host, or name its socket with --socket "
             "or SLUICE_SOCKET";
    case EACCES:
      return "a folder on its path is closed to this user";
    case EAGAIN:
      return "sluiced does not take connections now; is it stopped?";
    default:
      return words(err);
  }
}

enum class Ready { yes, late, stop };

// Until `fd` has `events`, `stop` is readable or the deadline has passed.
Ready wait(int fd, short events, const Deadline& deadline, int stop) {
  for (;;) {
    int left = deadline.left();
    if (left == 0) return Ready::late;  // even if a byte now and then still comes
    pollfd fds[2] = {{fd, events, 0}, {stop, POLLIN, 0}};
    int n = ::poll(fds, 2, left);
    if (n < 0 && errno == EINTR) continue;
    if (n > 0 && fds[1].revents != 0) return Ready::stop;
    if (n > 0) return Ready::yes;
    if (n == 0) return Ready::late;
  }
}

// A Unix socket's connect waits while the listener's queue is full, and poll knows nothing of that
// wait: SO_SNDTIMEO bounds it. A signal ends it, and then only what is left is waited for, or a
// caller's interval timer would keep it going for ever. Zero or errno, EAGAIN once it is too late.
int connect_until(int fd, const sockaddr_un& addr, const Deadline& deadline) {
  for (;;) {
    int left = deadline.left();
    if (left == 0) return EAGAIN;
    timeval limit{left / 1000, left % 1000 * 1000L};
    if (left > 0) (void)::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&addr), sizeof addr) == 0) return 0;
    if (errno != EINTR) return errno;
  }
}

}  // namespace

Deadline::Deadline(int ms) : ms_(ms), at_(now_ms() + ms) {}

int Deadline::left() const {
  return ms_ < 0 ? -1 : static_cast<int>(std::max(at_ - now_ms(), int64_t{0}));
}

std::unexpected<Failure> Connection::failure(Fault fault, const std::string& what) const {
  return std::unexpected(Failure{fault, "sluiced at " + socket_ + ": " + what});
}

Outcome<Connection> Connection::open(const std::string& socket, Deadline deadline) {
  auto unreachable = [&socket](const std::string& why) {
    return std::unexpected(
        Failure{Fault::unreachable, "cannot reach sluiced at " + socket + ": " + why});
  };
  sockaddr_un addr{};
  addr.sun_family = AF_UNIX;
  if (socket.empty()) return unreachable("the socket's path is empty");
  if (socket.size() >= sizeof addr.sun_path)
    return unreachable("a socket's path may have at most " +
                       std::to_string(sizeof addr.sun_path - 1) + " bytes");
  memcpy(addr.sun_path, socket.data(), socket.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return unreachable(words(errno));
  if (int err = connect_until(fd.get(), addr, deadline); err != 0) return unreachable(advice(err));
  return Connection(std::move(fd), socket);
}

Outcome<void> Connection::send(const Json& request, Deadline deadline) {
  std::string line = request.dump();
  line += '\n';
  if (line.size() > kMaxRequest)
    return failure(Fault::too_long, "the request has " + std::to_string(line.size()) +
                                        " bytes, at most " + std::to_string(kMaxRequest) +
                                        " are allowed");
  for (std::string_view left = line; !left.empty();) {
    ssize_t n = ::send(fd_.get(), left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      left.remove_prefix(static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      if (wait(fd_.get(), POLLOUT, deadline, -1) == Ready::late)
        return failure(Fault::timed_out, "it does not take the request");
    } else if (errno != EINTR) {
      return failure(Fault::lost, words(errno));
    }
  }
  return {};
}

Outcome<Json> Connection::receive(Deadline deadline, int stop) {
  size_t searched = 0;
  for (;;) {
    size_t eol = in_.find('\n', searched);
    if (eol != std::string::npos) {
      auto line = Json::parse(std::string_view(in_).substr(0, eol));
      in_.erase(0, eol + 1);
      if (!line || !line->is_object())
        return failure(Fault::garbled, "its answer is no JSON object; is this sluiced's socket?");
      return *line;
    }
    searched = in_.size();
    if (in_.size() > kMaxAnswer) return failure(Fault::garbled, "its answer has no end");
    switch (wait(fd_.get(), POLLIN, deadline, stop)) {
      case Ready::late:
        return failure(Fault::timed_out,
                       "no answer within " + std::to_string(deadline.whole()) + " ms");
      case Ready::stop:
        return failure(Fault::stopped, "stopped");
      case Ready::yes:
        break;
    }
    char buf[65536];
    ssize_t n = ::recv(fd_.get(), buf, sizeof buf, MSG_DONTWAIT);
    if (n > 0)
      in_.append(buf, static_cast<size_t>(n));
    else if (n == 0)
      return failure(Fault::lost, "it closed the connection");
    else if (errno != EAGAIN && errno != EINTR)
      return failure(Fault::lost, words(errno));
  }
}

Outcome<Json> Connection::ask(const Json& request, Deadline deadline) {
  auto sent = send(request, deadline);
  // sluiced may have said why before it closed: that is worth more than "broken pipe".
  if (!sent && sent.error().fault != Fault::lost) return std::unexpected(sent.error());
  auto answer = receive(deadline);
  if (!sent && !answer) return std::unexpected(sent.error());
  return answer;
}

bool Connection::closed() const {
  char byte = 0;
  ssize_t n = ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

}  // namespace sluice::client
