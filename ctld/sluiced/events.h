// From a resolved run to an event in the journal: id, body, sinks. Called inside the import
// transaction; throws DbError. For the importer's thread.
#pragma once

#include <memory>
#include <string>

#include "common/inbox/record.h"
#include "common/journal/journal.h"
#include "ctld/sluiced/answer.h"
#include "ctld/sluiced/router.h"
#include "ctld/sluiced/stats.h"

namespace sluice::daemon {

class Events {
 public:
  Events(journal::Journal& journal, std::string cluster, Stats& stats)
      : journal_(journal), cluster_(std::move(cluster)), stats_(stats) {}

  void set_config(std::shared_ptr<const config::Config> config) {
    router_ = std::make_unique<Router>(std::move(config));
  }

  bool asks_for_groups() const { return router_->asks_for_groups(); }

  struct Draft {
    std::string type;
    std::string part;    // step or node, where the type's id needs it
    std::string raw_id;  // user.*, sluice.* and slurm.node.*: the id is this record's
    std::string node;    // slurm.node.*: whose
    int64_t time_us = 0;
    Json job;   // data.job; null: the run's last known
    Json env;   // data.env; null: the run's
    Json more;  // further members of data
    bool reconciled = false;
  };

  // Adds the event unless it is there already. `run` may be null for sluice.* and slurm.node.*
  // events.
  bool add(const Draft& draft, const journal::Run* run);

  // A component of a heterogeneous job came with sinks of its own: what its siblings have told so
  // far goes there as well.
  void share_selection(const journal::Run& run);
  // Only now it is known which sinks the job named: what was told so far goes there as well.
  void late_selection(const journal::Run& run) { send_back(run, {}, {run.selection}); }

  // True once after older events were queued: the courier has to look back.
  bool took_back() { return std::exchange(took_back_, false); }

  // The id that add() would use.
  std::string id(const Draft& draft, const journal::Run* run) const;

 private:
  // Queues the run's past events to the sinks that `after` selects and `before` does not.
  void send_back(const journal::Run& run, const std::vector<std::string>& before,
                 const std::vector<std::string>& after);
  void queue_back(const journal::TailEvent& row, const journal::Run& run,
                  const std::vector<std::string>& before, const std::vector<std::string>& after);
  void refuse(const std::vector<Refusal>& refused, int64_t seq, const journal::Run& run);

  journal::Journal& journal_;
  std::string cluster_;
  Stats& stats_;
  std::unique_ptr<Router> router_;
  bool took_back_ = false;
};

}  // namespace sluice::daemon
