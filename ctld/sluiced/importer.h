// The import thread: raw records from the inbox, from nodes and from sluice emit become events in
// the journal. Files go, and senders are told, only after the commit. A record whose run or outcome
// only slurmctld knows waits for its answer (at most slurm_wait_s), and everything of the same job
// behind it waits too, so that a job's events are journaled in order.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/event_fd.h"
#include "common/config/config.h"
#include "common/inbox/reader.h"
#include "ctld/sluiced/asker.h"
#include "ctld/sluiced/groups.h"
#include "ctld/sluiced/import.h"
#include "ctld/sluiced/intake.h"
#include "ctld/sluiced/reconcile.h"
#include "ctld/sluiced/waiting.h"

namespace sluice::daemon {

class Importer : public Intake {
 public:
  struct Hooks {
    std::function<void()> journaled;         // new events are in the journal
    std::function<void()> requeued;          // older ones are queued to further sinks
    std::function<void()> sweep_incomplete;  // the next one must be compared even if unchanged
    std::function<void()> sweep_wanted;      // a gap was seen, or slurmctld came back
    AskGroups ask_groups = ask_name_service;
  };

  Importer(std::shared_ptr<const config::Config> config, journal::Journal journal,
           std::string cluster, Hooks hooks, Stats& stats);
  ~Importer() override;
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;

  // The hooks are called from here on, on the import thread, until stop() returns. What was
  // submitted and not committed by then stays with its sender.
  void start();
  void stop();

  // Any thread, between start() and stop().
  void submit(std::vector<inbox::RawRecord> records, Committed committed) override;
  bool stores() const override { return false; }
  void swept(Sweep sweep);
  void reload(std::shared_ptr<const config::Config> config);

 private:
  static constexpr int64_t kEver = INT64_MAX / 2;
  void loop();
  void wait();
  void take_mail();
  void take_arrivals();
  void take_inbox();
  bool open_inbox();
  void look_at_gap();
  void arrived(Item item);
  bool commit();
  // False: something is not known yet, to be tried again soon.
  bool look_up_users(size_t n);
  bool look_up_users_of_sweep();
  void remove(const std::string& file);
  void reconcile();
  void journal_works();
  void try_journal();

  std::shared_ptr<const config::Config> config_;
  journal::Journal journal_;
  Hooks hooks_;
  Stats& stats_;
  Events events_;
  Import import_;
  inbox::Reader reader_;
  bool reader_open_ = false;
  bool caught_up_ = false;         // with what a process before this one left undone
  std::vector<std::string> gone_;  // files that are gone, to be forgotten with the next commit
  int64_t reader_retry_ms_ = 0;
  int64_t scanned_ms_ = 0;
  int64_t gap_looked_ms_ = -kEver, gap_seen_ms_ = -kEver;  // at the mark; a new one
  bool more_files_ = false;

  std::deque<std::pair<std::vector<inbox::RawRecord>, Committed>> arrivals_;
  Waiting waiting_;
  std::deque<Item> ready_;
  int64_t commit_retry_ms_ = 0;
  bool was_up_ = true;
  std::unique_ptr<Sweep> sweep_;
  int64_t compared_takeover_ = 0;  // told_elsewhere_before of the takeover that was compared

  std::mutex mutex_;
  std::vector<std::pair<std::vector<inbox::RawRecord>, Committed>> mail_;
  std::atomic<size_t> held_bytes_{0};  // of records from sockets
  std::vector<Answers> mail_answers_;
  std::unique_ptr<Sweep> mail_sweep_;
  std::shared_ptr<const config::Config> mail_config_;
  bool stop_ = false;
  EventFd event_;
  std::unique_ptr<Asker> asker_;
  std::thread thread_;
};

}  // namespace sluice::daemon
