#include "common/http/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>

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

struct Client::Impl {
  CURLM* multi = nullptr;
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

  bool deliver();
};

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
  impl_->multi = curl_multi_init();
  curl_multi_setopt(impl_->multi, CURLMOPT_MAXCONNECTS, kCachedConnections);
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
  int running = 0;
  curl_multi_perform(impl_->multi, &running);
  if (!impl_->deliver() && timeout_ms > 0) {
    auto wait = static_cast<int>(std::min<int64_t>(timeout_ms, 3'600'000));
    curl_multi_poll(impl_->multi, nullptr, 0, wait, nullptr);
    curl_multi_perform(impl_->multi, &running);
    if (!impl_->deliver()) return;
  }
  // What the callbacks sent goes out now and not at the next call.
  curl_multi_perform(impl_->multi, &running);
}

void Client::wake() {
  curl_multi_wakeup(impl_->multi);
}

size_t Client::in_flight() const {
  return impl_->active.size() + impl_->stillborn.size();
}

}  // namespace sluice::http
