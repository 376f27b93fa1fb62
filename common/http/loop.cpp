#include "common/http/loop.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include "common/base/clock.h"

namespace sluice::http {
namespace {

// libcurl's own default, four per transfer under way, would close kept connections between bursts.
constexpr long kCachedConnections = 256;
constexpr size_t kIdleHandles = 256;
constexpr int kLongestSleepMs = 60'000;
constexpr int64_t kLongestTurnMs = 60'000;

void init_curl_once() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)done;
}

}  // namespace

Loop::Loop() {
  init_curl_once();
  multi_ = curl_multi_init();
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kCachedConnections);
}

void Loop::launch() {
  // The program's signals are its other threads' to take.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Loop::~Loop() {
  drop();
  idle_.clear();
  curl_multi_cleanup(multi_);
}

void Loop::drop() {
  end_thread();
  for (auto& [easy, transfer] : active_) curl_multi_remove_handle(multi_, easy);
  active_.clear();
  groups_.clear();
  failed_.clear();
  started_.clear();
  finished_.clear();
  ended_.clear();
}

void Loop::end_thread() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  curl_multi_wakeup(multi_);
  thread_.join();
  stop_ = recall_ = false;
}

void Loop::recall() {
  {
    std::lock_guard lock(mutex_);
    recall_ = true;
  }
  curl_multi_wakeup(multi_);
}

void Loop::start(Exchanges exchanges) {
  if (!thread_.joinable()) launch();
  bool asleep = false;
  {
    std::lock_guard lock(mutex_);
    std::ranges::move(exchanges, std::back_inserter(started_));
    asleep = std::exchange(asleep_, false);
  }
  if (asleep) curl_multi_wakeup(multi_);
}

Loop::Exchanges Loop::ended(int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  told_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                 [this] { return woken_ || !ended_.empty(); });
  woken_ = false;
  return std::exchange(ended_, {});
}

int64_t Loop::cpu_us() {
  return thread_.joinable() ? clock::thread_cpu_us(thread_.native_handle()) : 0;
}

void Loop::wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  told_.notify_one();
}

void Loop::run() {
  pthread_setname_np(pthread_self(), "sluice-http");
  while (take_started()) {
    int running = 0;
    curl_multi_perform(multi_, &running);
    collect();
    hand_over();
    if (may_sleep()) curl_multi_poll(multi_, nullptr, 0, kLongestSleepMs, nullptr);
  }
}

bool Loop::may_sleep() {
  std::lock_guard lock(mutex_);
  asleep_ = !stop_ && started_.empty();
  return asleep_;
}

// False when it is over.
bool Loop::take_started() {
  Exchanges taken;
  bool recall = false;
  {
    std::lock_guard lock(mutex_);
    asleep_ = false;
    if (stop_) return false;
    taken.swap(started_);
    recall = std::exchange(recall_, false);
  }
  for (auto& exchange : taken) in_turn(std::move(exchange));
  if (recall)
    for (auto& [name, group] : groups_) end_unsent(&group.waiting);
  return true;
}

void Loop::in_turn(std::unique_ptr<Exchange> exchange) {
  const Request& r = exchange->request;
  if (!r.group.empty()) {
    // Who sent this did not know yet that the group's receiver, say, asked to be left alone.
    if (auto failed = failed_.find(r.group); failed != failed_.end()) {
      if (exchange->known < failed->second) {
        exchange->response.unsent = true;
        return give_back(std::move(exchange));
      }
      failed_.erase(failed);
    }
    Group& group = groups_[r.group];
    if (group.under_way >= r.at_once) {
      exchange->since_ms = clock::mono_ms();
      group.waiting.push_back(std::move(exchange));
      return;
    }
    ++group.under_way;
  }
  begin(std::move(exchange));
}

void Loop::begin(std::unique_ptr<Exchange> exchange) {
  auto t = idle_transfer(exchange->request.ca_file);
  CURLMcode added = CURLM_INTERNAL_ERROR;
  if (t->prepare(std::move(exchange))) added = curl_multi_add_handle(multi_, t->easy());
  if (added == CURLM_OK) {
    active_.emplace(t->easy(), std::move(t));
    return;
  }
  exchange = t->finish(CURLE_FAILED_INIT);
  keep(std::move(t));
  finished(std::move(exchange));
}

void Loop::finished(std::unique_ptr<Exchange> exchange) {
  auto group = groups_.find(exchange->request.group);
  bool well = exchange->response.status >= 200 && exchange->response.status < 300;
  give_back(std::move(exchange));
  if (group == groups_.end()) return;
  if (!well) failed_[group->first] = ended_count_;
  auto& waiting = group->second.waiting;
  // What waited for long was signed long ago.
  if (!well || (!waiting.empty() && clock::mono_ms() - waiting.front()->since_ms > kLongestTurnMs))
    end_unsent(&waiting);
  if (!waiting.empty()) {
    auto next = std::move(waiting.front());
    waiting.erase(waiting.begin());
    begin(std::move(next));
  } else if (--group->second.under_way == 0) {
    groups_.erase(group);
  }
}

void Loop::end_unsent(Exchanges* waiting) {
  for (auto& exchange : *waiting) {
    exchange->response.unsent = true;
    give_back(std::move(exchange));
  }
  waiting->clear();
}

void Loop::give_back(std::unique_ptr<Exchange> exchange) {
  exchange->ended = ++ended_count_;
  finished_.push_back(std::move(exchange));
}

void Loop::collect() {
  int left = 0;
  while (CURLMsg* m = curl_multi_info_read(multi_, &left)) {
    if (m->msg != CURLMSG_DONE) continue;
    CURL* easy = m->easy_handle;
    CURLcode result = m->data.result;  // read before the handle leaves: `m` dies with it
    auto node = active_.extract(easy);
    curl_multi_remove_handle(multi_, easy);
    if (node.empty()) continue;
    auto exchange = node.mapped()->finish(result);
    keep(std::move(node.mapped()));
    finished(std::move(exchange));
  }
}

void Loop::hand_over() {
  if (finished_.empty()) return;
  {
    std::lock_guard lock(mutex_);
    std::ranges::move(finished_, std::back_inserter(ended_));
  }
  finished_.clear();
  told_.notify_one();
}

std::unique_ptr<Transfer> Loop::idle_transfer(const std::string& ca_file) {
  auto& pool = idle_[ca_file];
  if (pool.empty()) return std::make_unique<Transfer>(ca_file);
  auto t = std::move(pool.back());
  pool.pop_back();
  --idle_count_;
  return t;
}

void Loop::keep(std::unique_ptr<Transfer> t) {
  if (idle_count_ >= kIdleHandles) return;
  ++idle_count_;
  idle_[t->ca_file()].push_back(std::move(t));
}

}  // namespace sluice::http
