#include "ctld/sluiced/receive.h"

#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/config/check.h"
#include "common/slurm/jobs.h"
#include "common/wire/credential.h"
#include "common/wire/frame.h"

namespace sluice::daemon {
namespace {

constexpr size_t kMaxPeers = 4096;
constexpr int64_t kIdleMs = 120'000;
constexpr int kTickMs = 1000;

}  // namespace

struct Receive::Peer {
  Fd fd;
  std::string in;
  std::string credential;  // of the batch whose bytes are still to come
  bool have_credential = false;
  bool busy = false;       // a batch is being committed
  int64_t active_ms = 0;
  std::mutex mutex;
  std::string out;         // guarded by mutex; so is answered
  bool answered = false;
};

namespace {

void wake(const Fd& event) {
  uint64_t one = 1;
  ssize_t ignored = ::write(event.get(), &one, sizeof one);
  (void)ignored;
}

}  // namespace

// Called on any thread, perhaps when the listener is gone already.
void Receive::answer(const std::shared_ptr<Peer>& peer, const std::shared_ptr<Fd>& event,
                     const std::string& munge_socket, const std::string& nonce,
                     const Commit& commit) {
  std::string lines = "SLUICE-ACK1\n" + nonce + "\n" + (commit.why.empty() ? "ok" : commit.why);
  for (const auto& [id, why] : commit.refused) lines += "\n" + id + " " + text::printable(why);
  auto credential = wire::make_credential(munge_socket, lines);
  {
    std::lock_guard lock(peer->mutex);
    if (credential) wire::put_frame(&peer->out, *credential);
    peer->answered = true;
  }
  wake(*event);
}

Result<std::unique_ptr<Receive>> Receive::start(const config::Config& config, Intake& intake) {
  auto r = std::unique_ptr<Receive>(new Receive(intake));
  r->munge_socket_ = config.munge_socket;
  r->slurm_uid_ = slurm::facts().slurm_uid;
  std::string host;
  std::string port;
  config::split_host_port(config.listen, &host, &port);
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (int rc = ::getaddrinfo(host == "*" ? nullptr : host.c_str(), port.c_str(), &hints, &found);
      rc != 0)
    return fail("listen " + config.listen + ": " + gai_strerror(rc));
  r->listener_ = Fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int one = 1;
  (void)::setsockopt(r->listener_.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  int rc = ::bind(r->listener_.get(), found->ai_addr, found->ai_addrlen);
  int err = errno;
  ::freeaddrinfo(found);
  if (rc != 0) return fail_errno("listen " + config.listen, err);
  if (::listen(r->listener_.get(), 512) != 0) return fail_errno("listen " + config.listen);
  r->event_ = std::make_shared<Fd>(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  r->thread_ = std::thread([raw = r.get()] { raw->loop(); });
  return r;
}

Receive::~Receive() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake(*event_);
  if (thread_.joinable()) thread_.join();
}

void Receive::accept_all() {
  for (;;) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    if (peers_.size() >= kMaxPeers) continue;
    auto peer = std::make_shared<Peer>();
    peer->fd = std::move(fd);
    peer->active_ms = clock::mono_ms();
    peers_.push_back(std::move(peer));
  }
}

void Receive::batch(const std::shared_ptr<Peer>& peer, const std::string& credential,
                    const std::string& bytes) {
  auto refuse = [&](const std::string& why) {
    log::once(log::Level::warning, "receive", "a node's batch was refused: " + why);
    answer(peer, event_, munge_socket_, "", {why, {}});
  };
  auto sender = wire::open_credential(munge_socket_, credential);
  if (!sender) return refuse(sender.error().what);
  if (sender->uid != 0 && sender->uid != slurm_uid_)
    return refuse("sent by uid " + std::to_string(sender->uid) +
                  "; only root and SlurmUser may forward");
  auto parts = text::split(sender->payload, '\n');
  if (parts.size() != 4 || parts[0] != "SLUICE-FWD1") return refuse("malformed credential");
  if (parts[3] != wire::sha256_hex(bytes)) return refuse("the batch is not the one that was signed");
  auto records = wire::decode_batch(bytes);
  if (!records) return refuse(records.error().what);
  std::string nonce = parts[2];
  intake_.submit(std::move(*records),
                 [peer, nonce, event = event_, socket = munge_socket_](const Commit& commit) {
                   answer(peer, event, socket, nonce, commit);
                 });
}

bool Receive::serve(const std::shared_ptr<Peer>& peer) {
  Peer& p = *peer;
  {
    std::lock_guard lock(p.mutex);
    if (p.answered) {
      p.answered = false;
      p.busy = false;
    }
    while (!p.out.empty()) {
      ssize_t n = ::send(p.fd.get(), p.out.data(), p.out.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) break;
      if (n < 0) return false;
      p.out.erase(0, static_cast<size_t>(n));
    }
  }
  char buf[65536];
  while (!p.busy) {
    std::string payload;
    auto taken = wire::take_frame(&p.in, &payload);
    if (!taken) return false;
    if (*taken && !p.have_credential) {
      p.credential = std::move(payload);
      p.have_credential = true;
      continue;
    }
    if (*taken) {
      p.have_credential = false;
      p.busy = true;
      batch(peer, p.credential, payload);
      continue;
    }
    ssize_t n = ::recv(p.fd.get(), buf, sizeof buf, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    p.in.append(buf, static_cast<size_t>(n));
    p.active_ms = clock::mono_ms();
  }
  return true;
}

void Receive::loop() {
  for (;;) {
    std::vector<pollfd> fds{{listener_.get(), POLLIN, 0}, {event_->get(), POLLIN, 0}};
    for (auto& p : peers_) {
      std::lock_guard lock(p->mutex);
      short events = p->busy ? 0 : POLLIN;
      if (!p->out.empty()) events |= POLLOUT;
      fds.push_back({p->fd.get(), events, 0});
    }
    ::poll(fds.data(), fds.size(), kTickMs);
    {
      std::lock_guard lock(mutex_);
      if (stop_) return;
    }
    uint64_t count = 0;
    ssize_t ignored = ::read(event_->get(), &count, sizeof count);
    (void)ignored;
    int64_t now = clock::mono_ms();
    std::erase_if(peers_, [&](const auto& p) {
      return !serve(p) || (!p->busy && now - p->active_ms > kIdleMs);
    });
    if (fds[0].revents != 0) accept_all();
  }
}

}  // namespace sluice::daemon
