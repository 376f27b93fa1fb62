// Records that wait for what slurmctld says of their job. Everything of a job behind the first of
// them waits too, in its lane, so that a job's events are journaled in order. Nobody waits longer
// than the limit: events go out without an answer rather than not at all.
//
// For one thread; knows neither the asker nor the journal.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "common/inbox/record.h"
#include "ctld/sluiced/answer.h"
#include "ctld/sluiced/intake.h"

namespace sluice::daemon {

struct Batch {
  size_t left = 0;   // records that are not yet committed
  size_t bytes = 0;  // of all
  Committed committed;
  Refused refused;
  std::string undecided;  // why its sender has to keep it
};

// A record on its way into the journal.
struct Item {
  inbox::RawRecord record;
  std::shared_ptr<Batch> batch;  // null: a file of the inbox
  int64_t since_ms = 0;
  uint64_t asked = 0;  // the ask it waits for
  Answer answer;
  std::string refused;    // why it became no event
  std::string undecided;  // why that is not known yet
};

class Waiting {
 public:
  // `ask` must bring about answered() for that job, with that number in the answer.
  explicit Waiting(std::function<void(uint32_t job_id, uint64_t number)> ask)
      : ask_(std::move(ask)) {}

  bool holds(uint32_t job_id) const { return lanes_.contains(job_id); }
  int64_t size() const;

  void add(Item item);
  // Who has their answer, or has waited `limit_ms`, goes to the end of `ready`.
  void answered(const Answers& answers, std::deque<Item>* ready);
  void give_up(int64_t limit_ms, std::deque<Item>* ready);

 private:
  struct Lane {
    std::deque<Item> items;
    uint64_t asked = 0;        // number of the ask that is under way, 0: none
    int64_t ask_again_ms = 0;  // after slurmctld did not answer
  };

  void ask(uint32_t job_id, Lane* lane);
  void release(uint32_t job_id, const Answer& answer, uint64_t up_to, std::deque<Item>* ready);

  std::function<void(uint32_t, uint64_t)> ask_;
  std::map<uint32_t, Lane> lanes_;
  uint64_t asks_ = 0;
};

}  // namespace sluice::daemon
