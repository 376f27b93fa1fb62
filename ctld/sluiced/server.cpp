#include "ctld/sluiced/server.h"

#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "common/base/clock.h"
#include "common/base/listen.h"
#include "common/client/connection.h"

namespace sluice::daemon {
namespace {

constexpr int kMaxDepth = 32;  // what is emitted stays well under the parser's bound
constexpr size_t kMaxConnections = 256;
constexpr size_t kMaxConnectionsPerUser = 32;  // of one that is no administrator
constexpr size_t kMaxUnsent = 16U << 20;       // a caller that does not read is cut off
constexpr size_t kUnsentFirst = 64U << 10;     // above it, the caller reads before it asks more
constexpr int kBacklog = 128;                  // and a turn accepts no more of them
constexpr int64_t kIdleMs = 60'000;            // a connection that asks nothing is closed
constexpr int kTickMs = 200;
constexpr int64_t kAdminAgeMs = 60'000;  // how long the name service's word is taken
constexpr size_t kMaxAdmins = 1000;

}  // namespace

Json problem(const std::string& what) {
  Json out = Json::object();
  out.set("error", Json::of(what));
  return out;
}

struct Reply::Shared {
  std::mutex mutex;
  std::string out;
  bool busy = false;  // a request is being answered
  bool gone = false;
  Server* server = nullptr;
};

void Reply::say(const Json& line) const {
  std::lock_guard lock(shared_->mutex);
  if (shared_->gone) return;
  shared_->out += line.dump();
  shared_->out += '\n';
  shared_->server->wake();
}

void Reply::end() const {
  std::lock_guard lock(shared_->mutex);
  shared_->busy = false;
  if (!shared_->gone) shared_->server->wake();
}

bool Reply::gone() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->gone;
}

size_t Reply::unsent() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->out.size();
}

struct Server::Connection {
  Fd fd;
  Caller caller;
  std::string in;
  size_t at = 0;         // where in `in` the next request begins
  bool whole = false;    // all of that request is there
  bool closing = false;  // the caller has sent all it will send
  int64_t active_ms = 0;
  Reply reply;

  // Nothing is left to say of the request before, or little enough.
  bool free() const {
    std::lock_guard lock(reply.shared_->mutex);
    return !reply.shared_->busy && reply.shared_->out.size() < kUnsentFirst;
  }
};

Result<std::unique_ptr<Server>> Server::open(const std::string& path,
                                             const std::string& admin_group, Handler handler,
                                             std::function<void()> tick) {
  auto s = std::unique_ptr<Server>(new Server);
  // Every user may connect: jobs emit. What each may ask is decided by who they are.
  auto listener = listen_unix(path, 0666, kBacklog);
  if (!listener) return fail("socket " + path + ": " + listener.error().what);
  s->listener_ = std::move(*listener);
  s->path_ = path;
  s->admin_group_ = admin_group;
  s->handler_ = std::move(handler);
  s->tick_ = std::move(tick);
  return s;
}

void Server::serve() {
  thread_ = std::thread([this] { loop(); });
}

void Server::stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

Server::~Server() {
  stop();
  for (auto& c : connections_) {
    std::lock_guard lock(c->reply.shared_->mutex);
    c->reply.shared_->gone = true;
  }
  ::unlink(path_.c_str());
}

void Server::wake() {
  event_.wake();
}

bool Server::is_admin(const Caller& caller) {
  if (caller.admin) return true;
  int64_t now = clock::mono_ms();
  auto [it, fresh] = admins_.try_emplace(caller.uid);
  if (fresh || now - it->second.first > kAdminAgeMs)
    it->second = {now, in_admin_group(caller.uid, caller.gid)};
  bool admin = it->second.second;
  if (admins_.size() > kMaxAdmins) admins_.clear();
  return admin;
}

bool Server::in_admin_group(uid_t uid, gid_t gid) const {
  char buf[16384];
  group gr{};
  group* g = nullptr;
  if (::getgrnam_r(admin_group_.c_str(), &gr, buf, sizeof buf, &g) != 0 || g == nullptr)
    return false;
  if (gid == g->gr_gid) return true;
  char name_buf[4096];
  passwd pw{};
  passwd* p = nullptr;
  if (::getpwuid_r(uid, &pw, name_buf, sizeof name_buf, &p) != 0 || p == nullptr) return false;
  for (char** m = g->gr_mem; *m != nullptr; ++m)
    if (strcmp(*m, p->pw_name) == 0) return true;
  return false;
}

void Server::accept_some() {
  for (int i = 0; i < kBacklog; ++i) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    ucred cred{};
    socklen_t size = sizeof cred;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0) continue;
    Caller caller{cred.pid, cred.uid, cred.gid, cred.uid == 0 || cred.uid == ::geteuid()};
    auto same = std::ranges::count_if(connections_,
                                      [&](const auto& c) { return c->caller.uid == caller.uid; });
    if (connections_.size() >= kMaxConnections ||
        (!caller.admin && static_cast<size_t>(same) >= kMaxConnectionsPerUser)) {
      std::string line = problem("too many connections; try again later").dump() + "\n";
      ssize_t ignored = ::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL);
      (void)ignored;
      continue;
    }
    auto c = std::make_unique<Connection>();
    c->fd = std::move(fd);
    c->caller = caller;
    c->active_ms = clock::mono_ms();
    c->reply.shared_ = std::make_shared<Reply::Shared>();
    c->reply.shared_->server = this;
    connections_.push_back(std::move(c));
  }
}

// What has come, a bounded part of it. Called only when no whole request is there: a caller who
// asks faster than it is answered fills its own socket, not this process. False: close it.
bool Server::read(Connection& c) {
  c.in.erase(0, c.at);
  c.at = 0;
  char buf[65536];
  ssize_t n = ::recv(c.fd.get(), buf, sizeof buf, 0);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  c.closing = n == 0;
  c.in.append(buf, static_cast<size_t>(n));
  c.active_ms = clock::mono_ms();
  return true;
}

// Finds the next request. False: it is too long, which the caller has been told.
bool Server::find_request(Connection& c) {
  size_t eol = c.in.find('\n', c.at);
  c.whole = eol != c.in.npos;
  if (std::min(eol, c.in.size()) - c.at < client::kMaxRequest) return true;
  c.reply.say(
      problem("a request may have at most " + std::to_string(client::kMaxRequest) + " bytes"));
  flush(c);
  return false;
}

// One turn: hands over one request at most, so that nobody waits for more than one of each of the
// others. False: close it.
bool Server::serve_connection(Connection& c, bool readable) {
  if (readable && !c.whole && !c.closing && (!read(c) || !find_request(c))) return false;
  if (!c.free()) return true;
  if (!c.whole) return !c.closing || c.reply.unsent() > 0;
  size_t eol = c.in.find('\n', c.at);
  auto request = Json::parse(std::string_view(c.in).substr(c.at, eol - c.at), false, kMaxDepth);
  // Empty lines that follow each other are refused as one.
  c.at = eol > c.at ? eol + 1 : std::min(c.in.find_first_not_of('\n', eol), c.in.size());
  c.active_ms = clock::mono_ms();
  {
    std::lock_guard lock(c.reply.shared_->mutex);
    c.reply.shared_->busy = true;
  }
  if (!request || !request->is_object())
    c.reply.answer(problem("a request must be one JSON object a line" +
                           (request ? std::string() : ": " + request.error().what)));
  else
    handler_(*request, c.caller, c.reply);
  return find_request(c);
}

bool Server::flush(Connection& c) {
  std::lock_guard lock(c.reply.shared_->mutex);
  std::string& out = c.reply.shared_->out;
  size_t sent = 0;
  bool good = true;
  while (sent < out.size()) {
    ssize_t n = ::send(c.fd.get(), out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      good = errno == EAGAIN && out.size() - sent <= kMaxUnsent;
      break;
    }
    sent += static_cast<size_t>(n);
  }
  out.erase(0, sent);
  return good;
}

void Server::loop() {
  int64_t ticked = 0;
  for (;;) {
    std::vector<pollfd> fds{{listener_.get(), POLLIN, 0}, {event_.get(), POLLIN, 0}};
    bool more = false;  // a request is here already: poll would not tell of it
    for (auto& c : connections_) {
      short events = c->closing || c->whole ? 0 : POLLIN;
      if (c->reply.unsent() > 0) events |= POLLOUT;
      fds.push_back({c->fd.get(), events, 0});
      more = more || (c->whole && c->free());
    }
    ::poll(fds.data(), fds.size(), more ? 0 : kTickMs);
    {
      std::lock_guard lock(mutex_);
      if (stop_) return;
    }
    bool woken = event_.take();
    int64_t now = clock::mono_ms();
    size_t i = 2;
    for (auto it = connections_.begin(); it != connections_.end(); ++i) {
      Connection& c = **it;
      bool readable = (fds[i].revents & POLLIN) != 0;
      bool hung_up = (fds[i].revents & (POLLHUP | POLLERR)) != 0 && !readable;
      bool busy = false;
      {
        std::lock_guard lock(c.reply.shared_->mutex);
        busy = c.reply.shared_->busy;
      }
      bool idle = !busy && now - c.active_ms > kIdleMs;
      bool keep = !hung_up && !idle && serve_connection(c, readable) && flush(c);
      if (keep) {
        ++it;
        continue;
      }
      {
        std::lock_guard lock(c.reply.shared_->mutex);
        c.reply.shared_->gone = true;
      }
      it = connections_.erase(it);
    }
    if (fds[0].revents != 0) accept_some();
    if (woken || now - ticked >= kTickMs) {
      tick_();
      ticked = now;
    }
  }
}

}  // namespace sluice::daemon
