#include "common/http/client.h"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <map>
#include <unordered_map>

#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/http/transfer.h"

namespace sluice::http {
namespace {

// libcurl's own default, four per transfer under way, would close kept connections between bursts.
constexpr long kCachedConnections = 256;
constexpr size_t kIdleHandles = 256;

void init_curl_once() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)done;
}

}  // namespace

// libcurl says which sockets it waits for and for how long (curl_multi_socket_action), and is told
// which are ready: the cost of a request does not grow with how many others are under way, as that
// of curl_multi_perform does, which looks at every socket each time.
struct Client::Impl {
  CURLM* multi = nullptr;
  Fd epoll;
  Fd woken;                      // an eventfd: wake()
  int64_t timer_ms = INT64_MAX;  // on the monotonic clock: when libcurl wants to be called anyway
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> active;
  // By CA file: a handle's is set once, since libcurl cannot go back to the system's.
  std::map<std::string, std::vector<std::unique_ptr<Transfer>>> idle;
  size_t idle_count = 0;
  std::deque<std::pair<Done, Response>> stillborn;  // could not be started; told from poll()

  std::unique_ptr<Transfer> take(const std::string& ca_file) {
    auto& pool = idle[ca_file];
    if (pool.empty()) return std::make_unique<Transfer>(ca_file);
    auto t = std::move(pool.back());
    pool.pop_back();
    --idle_count;
    return t;
  }

  void give_back(std::unique_ptr<Transfer> t) {
    if (idle_count >= kIdleHandles) return;
    ++idle_count;
    idle[t->ca_file()].push_back(std::move(t));
  }

  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* known);
  static int on_timer(CURLM* multi, long ms, void* self);
  void set_up();
  void wait(int64_t timeout_ms);
  void kick();
  bool deliver();
};

int Client::Impl::on_socket(CURL*, curl_socket_t fd, int what, void* self, void* known) {
  auto* impl = static_cast<Impl*>(self);
  if (what == CURL_POLL_REMOVE) {
    (void)::epoll_ctl(impl->epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
    curl_multi_assign(impl->multi, fd, nullptr);
    return 0;
  }
  epoll_event event{};
  if (what != CURL_POLL_OUT) event.events |= EPOLLIN;
  if (what != CURL_POLL_IN) event.events |= EPOLLOUT;
  event.data.fd = fd;
  int rc =
      ::epoll_ctl(impl->epoll.get(), known != nullptr ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
  // A number that was closed and given out again behind libcurl's back.
  if (rc != 0 && errno == EEXIST)
    (void)::epoll_ctl(impl->epoll.get(), EPOLL_CTL_MOD, fd, &event);
  else if (rc != 0 && errno == ENOENT)
    (void)::epoll_ctl(impl->epoll.get(), EPOLL_CTL_ADD, fd, &event);
  curl_multi_assign(impl->multi, fd, impl);  // any value but null: it is watched
  return 0;
}

int Client::Impl::on_timer(CURLM*, long ms, void* self) {
  static_cast<Impl*>(self)->timer_ms = ms < 0 ? INT64_MAX : clock::mono_ms() + ms;
  return 0;
}

void Client::Impl::set_up() {
  multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, kCachedConnections);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
  epoll = Fd(::epoll_create1(EPOLL_CLOEXEC));
  woken = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = woken.get();
  (void)::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, woken.get(), &event);
}

// What libcurl's own clock asks for: new requests begin this way, and timeouts end.
void Client::Impl::kick() {
  int running = 0;
  while (clock::mono_ms() >= timer_ms) {
    timer_ms = INT64_MAX;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

void Client::Impl::wait(int64_t timeout_ms) {
  std::array<epoll_event, 64> ready;
  if (timer_ms != INT64_MAX)
    timeout_ms = std::clamp<int64_t>(timer_ms - clock::mono_ms(), 0, timeout_ms);
  int n = ::epoll_wait(epoll.get(), ready.data(), static_cast<int>(ready.size()),
                       static_cast<int>(std::min<int64_t>(timeout_ms, INT_MAX)));
  for (int i = 0; i < n; ++i) {
    const epoll_event& e = ready[static_cast<size_t>(i)];
    if (e.data.fd == woken.get()) {
      uint64_t count = 0;
      ssize_t ignored = ::read(woken.get(), &count, sizeof count);
      (void)ignored;
      continue;
    }
    int what = ((e.events & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0) |
               ((e.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
               ((e.events & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0);
    int running = 0;
    curl_multi_socket_action(multi, e.data.fd, what, &running);
    // What the callback sends goes out before the next answer is read: the receiver works on it
    // while this thread works on the other answers.
    if (deliver()) kick();
  }
}

// Calls back for all that ended; true if there was any.
bool Client::Impl::deliver() {
  bool any = !stillborn.empty();
  for (auto told = std::exchange(stillborn, {}); auto& [done, response] : told)
    done(std::move(response));
  int left = 0;
  while (CURLMsg* m = curl_multi_info_read(multi, &left)) {
    if (m->msg != CURLMSG_DONE) continue;
    CURL* easy = m->easy_handle;
    CURLcode result = m->data.result;  // read before the handle leaves: `m` dies with it
    auto node = active.extract(easy);
    curl_multi_remove_handle(multi, easy);
    if (node.empty()) continue;
    Response response = node.mapped()->finish(result);
    Done done = node.mapped()->take_done();
    // Back in the pool first, so that a send() from `done` finds this very handle.
    give_back(std::move(node.mapped()));
    done(std::move(response));
    any = true;
  }
  return any;
}

Client::Client() : impl_(std::make_unique<Impl>()) {
  init_curl_once();
  impl_->set_up();
}

Client::~Client() {
  for (auto& [easy, transfer] : impl_->active) curl_multi_remove_handle(impl_->multi, easy);
  impl_->active.clear();
  impl_->idle.clear();
  curl_multi_cleanup(impl_->multi);
}

void Client::send(Request request, Done done) {
  auto t = impl_->take(request.ca_file);
  CURLMcode added = CURLM_INTERNAL_ERROR;
  if (t->prepare(std::move(request), std::move(done)))
    added = curl_multi_add_handle(impl_->multi, t->easy());
  if (added == CURLM_OK) {
    impl_->active.emplace(t->easy(), std::move(t));
    return;
  }
  Response response = t->finish(CURLE_FAILED_INIT);
  impl_->stillborn.emplace_back(t->take_done(), std::move(response));
  impl_->give_back(std::move(t));
}

void Client::poll(int64_t timeout_ms) {
  impl_->kick();
  // Nothing is waited for while there are results to tell; more may be ready by now, though.
  impl_->wait(impl_->deliver() ? 0 : std::max<int64_t>(timeout_ms, 0));
  impl_->kick();
  impl_->deliver();
  // What the callbacks sent goes out now and not at the next call.
  impl_->kick();
}

void Client::wake() {
  uint64_t one = 1;
  ssize_t ignored = ::write(impl_->woken.get(), &one, sizeof one);
  (void)ignored;  // full means that a wake-up is pending already
}

size_t Client::in_flight() const {
  return impl_->active.size() + impl_->stillborn.size();
}

}  // namespace sluice::http
