#include "ctld/sluiced/forward.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/config/check.h"
#include "common/slurm/jobs.h"
#include "common/wire/credential.h"
#include "common/wire/frame.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kConnectMs = 3'000;
constexpr int64_t kExchangeMs = 20'000;  // the controller may be waiting for Slurm's answer

bool ready(int fd, short events, int64_t deadline_ms) {
  for (;;) {
    int64_t left = deadline_ms - clock::mono_ms();
    if (left <= 0) return false;
    pollfd p{fd, events, 0};
    int n = ::poll(&p, 1, static_cast<int>(left));
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return false;
  }
}

std::string nonce() {
  char bytes[16];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return {};
  return text::hex({bytes, sizeof bytes});
}

// The user that packages run the controller's sluiced as.
bool trusted(uid_t uid) {
  if (uid == 0 || uid == slurm::facts().slurm_uid) return true;
  char buf[4096];
  passwd pw{};
  passwd* found = nullptr;
  return getpwnam_r("sluice", &pw, buf, sizeof buf, &found) == 0 && found != nullptr &&
         found->pw_uid == uid;
}

}  // namespace

Result<void> Forward::connect(const std::string& controller) {
  std::string host;
  std::string port;
  config::split_host_port(controller, &host, &port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (int rc = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); rc != 0)
    return fail("controller " + controller + ": " + gai_strerror(rc));
  Result<void> result = fail("controller " + controller + ": no address");
  for (addrinfo* a = found; a != nullptr; a = a->ai_next) {
    Fd fd(::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    int err = 0;
    socklen_t size = sizeof err;
    if (!fd) continue;
    if (::connect(fd.get(), a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) err = errno;
    if (err == 0 && !ready(fd.get(), POLLOUT, clock::mono_ms() + kConnectMs)) err = ETIMEDOUT;
    if (err == 0) (void)::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &err, &size);
    if (err == 0) {
      fd_ = std::move(fd);
      result = {};
      break;
    }
    result = fail_errno("controller " + controller, err);
  }
  ::freeaddrinfo(found);
  return result;
}

Result<void> Forward::write_all(const std::string& bytes, int64_t deadline) {
  for (std::string_view left = bytes; !left.empty();) {
    ssize_t n = ::send(fd_.get(), left.data(), left.size(), MSG_NOSIGNAL);
    if (n >= 0)
      left.remove_prefix(static_cast<size_t>(n));
    else if (errno == EAGAIN && !ready(fd_.get(), POLLOUT, deadline))
      return fail("timed out");
    else if (errno != EAGAIN && errno != EINTR)
      return fail_errno("send");
  }
  return {};
}

Result<std::string> Forward::read_frame(int64_t deadline) {
  std::string buffer;
  std::string payload;
  char buf[8192];
  for (;;) {
    auto taken = wire::take_frame(&buffer, &payload);
    if (!taken) return std::unexpected(taken.error());
    if (*taken) return payload;
    ssize_t n = ::recv(fd_.get(), buf, sizeof buf, 0);
    if (n > 0)
      buffer.append(buf, static_cast<size_t>(n));
    else if (n == 0)
      return fail("closed the connection");
    else if (errno == EAGAIN && !ready(fd_.get(), POLLIN, deadline))
      return fail("did not answer in time");
    else if (errno != EAGAIN && errno != EINTR)
      return fail_errno("receive");
  }
}

Result<Refused> Forward::exchange(const std::string& bytes) {
  int64_t deadline = clock::mono_ms() + kExchangeMs;
  std::string once = nonce();
  auto credential = wire::make_credential(
      munge_socket_, "SLUICE-FWD1\n" + node_ + "\n" + once + "\n" + wire::sha256_hex(bytes));
  if (!credential) return std::unexpected(credential.error());
  std::string frames;
  wire::put_frame(&frames, *credential);
  wire::put_frame(&frames, bytes);
  if (auto written = write_all(frames, deadline); !written) return std::unexpected(written.error());
  auto answer = read_frame(deadline);
  if (!answer) return std::unexpected(answer.error());
  auto sender = wire::open_credential(munge_socket_, *answer);
  if (!sender) return std::unexpected(sender.error());
  if (!trusted(sender->uid))
    return fail("answered as uid " + std::to_string(sender->uid) +
                ", which is neither root, SlurmUser nor sluice");
  auto parts = text::split(sender->payload, '\n');
  if (parts.size() < 3 || parts[0] != "SLUICE-ACK1") return fail("gave a malformed answer");
  if (parts[2] != "ok") return fail("refused: " + text::printable(parts[2]));
  if (parts[1] != once) return fail("answered something else");
  Refused refused;
  for (size_t i = 3; i < parts.size(); ++i) {
    size_t blank = parts[i].find(' ');
    if (blank != parts[i].npos) refused[parts[i].substr(0, blank)] = parts[i].substr(blank + 1);
  }
  return refused;
}

Result<Refused> Forward::send(const std::vector<inbox::RawRecord>& records) {
  std::string bytes = wire::encode_batch(records);
  std::string why;
  for (size_t tries = 0; tries < controllers_.size() + 1; ++tries) {
    const std::string& controller = controllers_[current_];
    bool reused = static_cast<bool>(fd_);
    auto connected = reused ? Result<void>{} : connect(controller);
    auto done = connected ? exchange(bytes) : std::unexpected(connected.error());
    if (done) return done;
    fd_.reset();
    why += (why.empty() ? "" : "; ") + ("controller " + controller + ": " + done.error().what);
    // A kept connection may simply have grown old: the same controller once more.
    if (!reused) current_ = (current_ + 1) % controllers_.size();
  }
  return fail(why);
}

}  // namespace sluice::daemon
