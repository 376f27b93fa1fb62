// One raw record into events: finds its run, completes it with Slurm's answer, adds the events.
// Called inside the import transaction; throws DbError. For the importer's thread.
#pragma once

#include "common/inbox/record.h"
#include "common/journal/journal.h"
#include "ctld/sluiced/answer.h"
#include "ctld/sluiced/events.h"

namespace sluice::daemon {

// The event type that a kind of a node's record becomes; null for all other kinds.
const char* node_type(const std::string& kind);

class Import {
 public:
  Import(journal::Journal& journal, Events& events, Stats& stats)
      : journal_(journal), events_(events), stats_(stats) {}

  // Must slurmctld be asked before this record can be imported?
  bool needs_answer(const inbox::RawRecord& record);

  void record(const inbox::RawRecord& record, const Answer& answer);
  // Why the record before was refused, for its sender to know; empty if it was not.
  const std::string& refused() const { return refused_; }
  // Why nothing can be said about it yet, so that its sender has to keep it; or empty.
  const std::string& undecided() const { return undecided_; }

  // The job's first event, where its start hook left nothing.
  void missed_start(const journal::Run& run);
  void requeued(const journal::Run& run, int64_t time_us);
  void ended(journal::Run run, const slurm::JobInfo* info, const inbox::RawRecord* record);
  void cancelled(const slurm::JobInfo* info, const inbox::RawRecord* record);
  void lost(journal::Run run);
  // Closes it without a word: another controller's sluiced had it.
  void told_elsewhere(journal::Run run);

 private:
  void start(const inbox::RawRecord& record, const Answer& answer);
  void end(const inbox::RawRecord& record, const Answer& answer);
  void comp(const inbox::RawRecord& record, const Answer& answer);
  void node(const inbox::RawRecord& record, const Answer& answer);
  void user(const inbox::RawRecord& record, const Answer& answer);
  void gap(const inbox::RawRecord& record);
  void cloud(const inbox::RawRecord& record);  // of a node that power save made

  journal::Journal& journal_;
  Events& events_;
  Stats& stats_;
  std::string refused_;
  std::string undecided_;
};

}  // namespace sluice::daemon
