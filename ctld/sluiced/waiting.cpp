#include "ctld/sluiced/waiting.h"

#include <utility>

#include "common/base/clock.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kAskAgainMs = 500;  // after slurmctld did not answer

}  // namespace

int64_t Waiting::size() const {
  int64_t n = 0;
  for (const auto& [id, lane] : lanes_) n += static_cast<int64_t>(lane.items.size());
  return n;
}

void Waiting::add(Item item) {
  uint32_t job = item.record.job_id();
  Lane& lane = lanes_[job];
  lane.items.push_back(std::move(item));
  ask(job, &lane);
}

void Waiting::ask(uint32_t job_id, Lane* lane) {
  if (lane->asked != 0) return;
  lane->asked = ++asks_;
  for (auto& item : lane->items)
    if (item.asked == 0) item.asked = lane->asked;
  ask_(job_id, lane->asked);
}

void Waiting::answered(const Answers& answers, std::deque<Item>* ready) {
  for (const auto& [job_id, answer] : answers) {
    auto it = lanes_.find(job_id);
    if (it == lanes_.end()) continue;
    Lane& lane = it->second;
    // An answer to an older ask may be older than the records that wait now.
    if (answer.asked != lane.asked) continue;
    uint64_t asked = std::exchange(lane.asked, 0);
    if (answer.status == Answer::Status::unreachable) {
      lane.ask_again_ms = clock::mono_ms() + kAskAgainMs;
      continue;
    }
    // Only what had arrived when slurmctld was asked: its answer may be older than the rest.
    release(job_id, answer, asked, ready);
  }
}

void Waiting::release(uint32_t job_id, const Answer& answer, uint64_t up_to,
                      std::deque<Item>* ready) {
  auto it = lanes_.find(job_id);
  Lane& lane = it->second;
  while (!lane.items.empty() && lane.items.front().asked != 0 &&
         lane.items.front().asked <= up_to) {
    Item item = std::move(lane.items.front());
    lane.items.pop_front();
    item.answer = answer;
    ready->push_back(std::move(item));
  }
  if (lane.items.empty())
    lanes_.erase(it);
  else if (lane.asked == 0)
    ask(job_id, &lane);
}

// Who has waited long enough goes without an answer; the others ask again.
void Waiting::give_up(int64_t limit_ms, std::deque<Item>* ready) {
  int64_t now = clock::mono_ms();
  for (auto it = lanes_.begin(); it != lanes_.end();) {
    Lane& lane = it->second;
    while (!lane.items.empty() && now - lane.items.front().since_ms >= limit_ms) {
      lane.items.front().answer.status = Answer::Status::unreachable;
      ready->push_back(std::move(lane.items.front()));
      lane.items.pop_front();
    }
    if (lane.items.empty()) {
      it = lanes_.erase(it);
      continue;
    }
    if (lane.asked == 0 && now >= lane.ask_again_ms) ask(it->first, &lane);
    ++it;
  }
}

}  // namespace sluice::daemon
