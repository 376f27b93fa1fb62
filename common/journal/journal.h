// The journal: the truth about runs and events, kept in one SQLite file. docs/formats.md has the
// schema. Each thread opens its own Journal on the same path; every method may throw DbError.
//
//   runs    one row a run of a job, open until its end or loss was seen
//   events  every event, in the order of its commit; ids are unique
//   queue   one row for each event and sink it still has to reach
//   dead    one row for each event and sink that was given up, with the reason
//   imported  the inbox's files that are about to go
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/journal/db.h"
#include "common/sinks/sink.h"

namespace sluice::journal {

enum class RunState { open = 0, ended = 1, lost = 2, cancelled = 3 };

struct Run {
  int64_t row = 0;
  uint32_t job_id = 0;
  int64_t start = 0;         // Slurm's start time, seconds; 0 for a job that never started
  bool provisional = false;  // start is the hook's time: Slurm's was not to be had
  int64_t submit = 0;        // seconds; part of the identity where start is 0
  int64_t restart = 0;
  uint32_t uid = UINT32_MAX;  // the user; nobody's where it is not known
  uint32_t het = 0;           // id of the heterogeneous job this is a component of, else 0
  RunState state = RunState::open;
  std::string nodes, user, account, partition, name;
  std::string selection;  // the job's own --event-sink, as it came
  std::string job;        // data.job as JSON: what was last known of this run
  std::string env;        // data.env as JSON
  int64_t seen_us = 0;    // when this row was made and, later, when the run closed; wall clock
};

struct NewEvent {
  std::string id, type, subject, lane, user, body;
  int64_t time_us = 0;
  uint32_t uid = 0;
  uint32_t job_id = 0;
};

struct Queued {
  StoredEvent event;
  int64_t attempts = 0;
  int64_t next_us = 0;   // wall clock; not before
  int64_t since_us = 0;  // wall clock; when it was queued
};

struct DeadLetter {
  int64_t seq = 0;
  std::string sink, id, type, subject, reason;
  int64_t attempts = 0;
  int64_t time_us = 0;
  bool refused = false;
};

// What retention and the bound took away.
struct Forgotten {
  int64_t rows = 0;         // events and runs
  int64_t letters = 0;      // dead letters
  int64_t undelivered = 0;  // queue rows: an event that had still to reach two sinks counts twice
};

struct EventFilter {
  int64_t after_seq = 0;
  int64_t since_us = 0;
  int64_t before_us = 0;  // 0: up to now
  uint32_t job_id = 0;    // 0: any
  std::string type;       // prefix; empty: any
  std::string user;       // empty: any
  int64_t uid = -1;       // -1: any
  size_t limit = 500;
};

struct TailEvent {
  StoredEvent event;
  std::string user;
};

class Journal {
 public:
  static Result<Journal> open(const std::string& path, Durability durability);

  Db& db() { return db_; }  // for Transaction

  // Runs.
  std::optional<Run> run_at(uint32_t job_id, int64_t start, int64_t restart);
  std::vector<Run> runs_of(uint32_t job_id);  // newest first
  // The other components of the same start of a heterogeneous job.
  std::vector<Run> het_siblings(const Run& run);
  std::vector<Run> open_runs(int64_t after_row, size_t limit);
  std::vector<std::string> users_of_open_runs();
  // A job cancelled while pending, known by its submit time or, where slurmctld did not say that
  // (provisional), by the time of its cancel.
  bool cancelled_known(uint32_t job_id, int64_t submit, int64_t cancelled);
  void add_run(Run* run);
  void save_run(const Run& run);

  // Events. False if an event of this id is there already: nothing is changed then.
  bool add_event(const NewEvent& event, const std::vector<std::string>& sinks, int64_t* seq);
  void queue_event(const std::string& sink, int64_t seq);
  bool has_event(const std::string& id);
  std::vector<TailEvent> events(const EventFilter& filter);
  // The sequence number after which the last `n` events that pass the filter lie.
  int64_t before_last(const EventFilter& filter, int64_t n);
  int64_t last_seq();

  // The queue, by sink, in the journal's order; at most `max_bytes` of bodies (one at least).
  std::vector<Queued> queued(const std::string& sink, int64_t after_seq, size_t limit,
                             size_t max_bytes);
  void settle(const std::string& sink, int64_t seq);
  void settle(const std::string& sink, int64_t first, int64_t last);  // all of them
  void postpone(const std::string& sink, int64_t seq, int64_t attempts, int64_t next_us,
                const std::string& reason);
  void bury(const std::string& sink, int64_t seq, const std::string& reason, int64_t attempts);
  // The job may not send it there: a dead letter that is retried by its number only.
  void refuse(const std::string& sink, int64_t seq, const std::string& reason);
  int64_t queue_length(const std::string& sink);
  int64_t oldest_queued_us(const std::string& sink);  // the event's time, 0 if none
  std::vector<std::string> queue_sinks();

  // Dead letters. seq 0 means all; so does an empty sink, where a list or a drop is asked for.
  std::vector<DeadLetter> dead(const std::string& sink, size_t limit);
  int64_t dead_length(const std::string& sink, int64_t seq = 0);
  std::vector<std::string> dead_sinks();
  // Queues them again; with seq 0 without the refused ones.
  int64_t retry_dead(const std::string& sink, int64_t seq);
  int64_t drop_dead(const std::string& sink, int64_t seq);

  // Queues past events to a sink again; returns how many.
  int64_t replay(const std::string& sink, const EventFilter& filter);

  // Retention: forgets dead letters that died before `before_us`, runs closed and delivered events
  // made before it, at most `limit` of each. An event stays as long as a letter is about it.
  Forgotten prune(int64_t before_us, size_t limit);
  // Takes the oldest events made before `keep_us` until no more than `max_bytes` are in use, at
  // most `limit`: delivered ones first, then those that only dead letters hold, then those that
  // still have to reach a sink. Runs stay: slurmctld may still know them.
  Forgotten shrink(int64_t max_bytes, int64_t keep_us, size_t limit);
  // Rows of a sink that is no longer configured, queued before `before_us`, become dead letters.
  int64_t bury_orphans(const std::string& sink, int64_t before_us);
  int64_t bytes_used();

  // Names of the inbox's files whose events are committed and which may still be there: imported
  // again, with another answer of slurmctld, a record could become a run of its own.
  void note_imported(const std::string& file);
  void forget_imported(const std::string& file);
  std::vector<std::string> imported();

  std::string meta(const std::string& key);
  void set_meta(const std::string& key, const std::string& value);

 private:
  bool has_seq(int64_t seq);
  void add_dead(const std::string& sink, int64_t seq, const std::string& reason, int64_t attempts,
                bool refused);
  int64_t drop_delivered(int64_t before_us, int64_t limit);
  void drop_oldest(const char* which, int64_t max_bytes, int64_t before_us, int64_t limit,
                   Forgotten* out);
  explicit Journal(Db db) : db_(std::move(db)) {}
  Db db_;
};

}  // namespace sluice::journal
