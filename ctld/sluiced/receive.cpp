#include "ctld/sluiced/receive.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>

#include "common/base/clock.h"
#include "common/base/listen.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/config/check.h"
#include "common/slurm/jobs.h"
#include "common/wire/credential.h"
#include "common/wire/frame.h"

namespace sluice::daemon {
namespace {

constexpr int kBacklog = 512;
constexpr size_t kMaxPeers = 4096;
constexpr size_t kMaxStrangers = 512;         // peers that have not shown a credential yet
constexpr size_t kMaxCredential = 16U << 10;  // bytes; munge's own is some hundred
constexpr int64_t kStrangerMs = 10'000;  // from accept to a credential, however slowly it drips
constexpr int64_t kIdleMs = 120'000;
constexpr size_t kMaxAnswer = 64U << 10;  // bytes of refusals in one answer
constexpr int kTickMs = 1000;

}  // namespace

struct Receive::Peer {
  Fd fd;
  std::string in;
  std::string out;
  std::string nonce, digest;  // of the batch whose credential was shown
  bool shown = false;         // a good credential, its batch still to come
  bool known = false;         // has shown one before
  bool busy = false;          // a batch is being committed
  int64_t accepted_ms = 0;
  int64_t active_ms = 0;
  // What became of the batch; set by whoever committed it.
  std::mutex mutex;
  std::optional<Commit> verdict;
};

namespace {

// What a node's hooks and users leave: a start or an end only slurmctld can know of.
bool from_nodes(const std::string& kind) {
  static const std::set<std::string> kinds{"launch",   "exit", "step_start",
                                           "step_end", "user", "gap"};
  return kinds.contains(kind);
}

}  // namespace

Result<std::unique_ptr<Receive>> Receive::start(const config::Config& config, Intake& intake,
                                                Stats& stats) {
  auto r = std::unique_ptr<Receive>(new Receive(intake, stats));
  r->munge_socket_ = config.munge_socket;
  r->slurm_uid_ = slurm::facts().slurm_uid;
  std::string host;
  std::string port;
  config::split_host_port(config.listen, &host, &port);
  auto listener = listen_tcp(host, port, kBacklog);
  if (!listener) return fail("listen " + config.listen + ": " + listener.error().what);
  r->listener_ = std::move(*listener);
  r->thread_ = std::thread([raw = r.get()] { raw->loop(); });
  return r;
}

Receive::~Receive() {
  stop();
}

void Receive::stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  event_->wake();
  if (thread_.joinable()) thread_.join();
}

void Receive::accept_all() {
  for (;;) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      // Out of files: whoever waits stays readable, and poll would not rest.
      if (errno == EMFILE || errno == ENFILE) accept_again_ms_ = clock::mono_ms() + kTickMs;
      return;
    }
    auto strangers = std::ranges::count_if(peers_, [](const auto& p) { return !p->known; });
    if (peers_.size() >= kMaxPeers || static_cast<size_t>(strangers) >= kMaxStrangers) continue;
    auto peer = std::make_shared<Peer>();
    peer->fd = std::move(fd);
    peer->accepted_ms = peer->active_ms = clock::mono_ms();
    peers_.push_back(std::move(peer));
  }
}

// Signed here and not by whoever committed: munged may be slow, and the importer must not wait.
void Receive::answer(Peer& peer, const Commit& commit) {
  std::string text = "SLUICE-ACK1\n" + peer.nonce + "\n" + (commit.why.empty() ? "ok" : commit.why);
  for (const auto& [id, why] : commit.refused) {
    text += "\n" + id + " " + text::printable(why);
    if (text.size() > kMaxAnswer) break;
  }
  auto credential = wire::make_credential(munge_socket_, text);
  if (credential) wire::put_frame(&peer.out, *credential);
  peer.busy = false;
}

// The first frame: who sends, and which batch is to come. Empty, or why it is refused.
std::string Receive::introduce(Peer& peer, const std::string& credential) {
  auto sender = wire::open_credential(munge_socket_, credential);
  if (!sender) return sender.error().what;
  if (sender->uid != 0 && sender->uid != slurm_uid_)
    return "sent by uid " + std::to_string(sender->uid) + "; only root and SlurmUser may forward";
  auto parts = text::split(sender->payload, '\n');
  if (parts.size() != 4 || parts[0] != "SLUICE-FWD1") return "malformed credential";
  peer.nonce = parts[2];
  peer.digest = parts[3];
  peer.known = true;
  return {};
}

// The second frame: the batch itself.
std::string Receive::take_batch(const std::shared_ptr<Peer>& peer, const std::string& bytes) {
  if (peer->digest != wire::sha256_hex(bytes)) return "the batch is not the one that was signed";
  Refused refused;
  auto records = wire::decode_batch(bytes, &refused);
  if (!records) return records.error().what;
  // Its runs would be open here for ever: their ends are told where slurmctld is.
  if (!stats_.in_charge) return "another controller is in charge";
  // One that is wrong must not hold up the others, as the node would send it again and again.
  std::erase_if(*records, [&](const inbox::RawRecord& r) {
    if (from_nodes(r.kind)) return false;
    refused[r.id] = "a record of kind " + text::printable(r.kind) + " cannot come from a node";
    return true;
  });
  if (!refused.empty())
    log::once(
        log::Level::warning, "receive-kind",
        "a node's record " + refused.begin()->first + ": " + refused.begin()->second + "; refused");
  peer->busy = true;
  intake_.submit(std::move(*records), [peer, event = event_, refused](Commit commit) {
    commit.refused.insert(refused.begin(), refused.end());
    {
      std::lock_guard lock(peer->mutex);
      peer->verdict = std::move(commit);
    }
    event->wake();
  });
  return {};
}

// False: close it.
bool Receive::serve(const std::shared_ptr<Peer>& peer) {
  Peer& p = *peer;
  std::optional<Commit> verdict;
  {
    std::lock_guard lock(p.mutex);
    verdict.swap(p.verdict);
  }
  if (verdict) answer(p, *verdict);
  while (!p.out.empty()) {
    ssize_t n = ::send(p.fd.get(), p.out.data(), p.out.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) return false;
    p.out.erase(0, static_cast<size_t>(n));
  }
  char buf[65536];
  while (!p.busy) {
    std::string payload;
    auto taken = wire::take_frame(&p.in, &payload, p.shown ? wire::kMaxFrame : kMaxCredential);
    if (!taken) return false;
    if (*taken) {
      std::string why = p.shown ? take_batch(peer, payload) : introduce(p, payload);
      p.shown = !p.shown;
      if (why.empty()) continue;
      log::once(log::Level::warning, "receive", "a node's batch was refused: " + why);
      answer(p, {why, {}});
      return !p.known ? false : flush_and_close(p);
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

// A refusal ends the connection: what follows it could not be told apart.
bool Receive::flush_and_close(Peer& peer) {
  ssize_t ignored = ::send(peer.fd.get(), peer.out.data(), peer.out.size(), MSG_NOSIGNAL);
  (void)ignored;
  return false;
}

bool Receive::expired(const Peer& peer, int64_t now) {
  if (peer.busy) return false;
  return now - peer.active_ms > kIdleMs || (!peer.known && now - peer.accepted_ms > kStrangerMs);
}

void Receive::loop() {
  for (;;) {
    bool accepts = clock::mono_ms() >= accept_again_ms_;
    std::vector<pollfd> fds{{accepts ? listener_.get() : -1, POLLIN, 0},
                            {event_->get(), POLLIN, 0}};
    for (auto& p : peers_) {
      short events = p->busy ? 0 : POLLIN;
      if (!p->out.empty()) events |= POLLOUT;
      // A peer that waits for its answer is not watched: should it hang up, poll would not rest.
      fds.push_back({events == 0 ? -1 : p->fd.get(), events, 0});
    }
    ::poll(fds.data(), fds.size(), kTickMs);
    {
      std::lock_guard lock(mutex_);
      if (stop_) return;
    }
    event_->take();
    int64_t now = clock::mono_ms();
    std::erase_if(peers_, [&](const auto& p) { return !serve(p) || expired(*p, now); });
    if (fds[0].revents != 0) accept_all();
  }
}

}  // namespace sluice::daemon
