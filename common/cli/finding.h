// What `sluice doctor` finds: one sentence each, with what to do where something is not as it
// should be. Every doctor_*.cpp is one subject's checks.
#pragma once

#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/json/json.h"
#include "common/slurm/jobs.h"

namespace sluice::cli {

enum class Health { ok, skipped, warning, error };

struct Finding {
  std::string check;  // "hook.prep"
  Health health = Health::ok;
  std::string found;
  std::string advice;  // empty where all is well
};

const char* name_of(Health health);

class Findings {
 public:
  void ok(const std::string& check, const std::string& found) {
    all_.push_back({check, Health::ok, found, {}});
  }
  // Could not be looked at; `advice` says how it could.
  void skipped(const std::string& check, const std::string& found, const std::string& advice) {
    all_.push_back({check, Health::skipped, found, advice});
  }
  void warning(const std::string& check, const std::string& found, const std::string& advice) {
    all_.push_back({check, Health::warning, found, advice});
  }
  void error(const std::string& check, const std::string& found, const std::string& advice) {
    all_.push_back({check, Health::error, found, advice});
  }
  const std::vector<Finding>& all() const { return all_; }
  size_t count(Health health) const;

 private:
  std::vector<Finding> all_;
};

// What the checks know. `about` and `status` are null where sluiced did not say.
struct Patient {
  config::Config config;
  bool configured = true;  // `config` is the file's; else what it decides is not looked at
  config::Role role = config::Role::controller;
  bool slurm = false;  // `facts` are slurm.conf's
  slurm::ClusterFacts facts;
  std::string socket;
  Json about;
  Json status;
  Json probed;  // by sink: what a look at it found
};

// PrEp, job completion and SPANK plugins: in slurm.conf, there, and loaded.
void check_hooks(const Patient& patient, Findings* findings);
void check_inbox(const Patient& patient, Findings* findings);
// sluiced: asks it and fills in `about` and `status`; its sinks, sweeps and journal.
void check_daemon(Patient* patient, Findings* findings);
void check_journal(const Patient& patient, Findings* findings);
// Clock, munge, and on a node the way to the controllers.
void check_host(const Patient& patient, Findings* findings);

}  // namespace sluice::cli
