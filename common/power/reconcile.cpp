// reconcile(): remedy.h says what is to be done about each node; here it is seen and done.
#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/event/types.h"
#include "common/power/names.h"
#include "common/power/naming.h"
#include "common/power/notices.h"
#include "common/power/operations.h"
#include "common/power/pass.h"

namespace sluice::power {
namespace {

// Machines that get tags of their own in one pass: a call each.
constexpr size_t kMostNamed = 100;

// The provider's word for a machine that it took back.
bool was_interrupted(const std::string& why) {
  return why.find("Spot") != why.npos;
}

class Reconcile {
 public:
  explicit Reconcile(Session& session) : s_(session), p_(session), turns_(p_) {}

  Result<std::vector<Outcome>> run() {
    // What killed ones left comes first: it decides what the record has.
    auto left = resume(s_, {}, {});
    if (!left) return left;
    p_.out = std::move(*left);
    try {
      p_.look();
      // Last, since to ask the providers may take a while.
      auto nodes = s_.slurm.nodes();
      if (!nodes) return std::unexpected(nodes.error());
      strike_ended(p_);
      adopt(p_, *nodes);
      decide(*nodes);
      end_orphans(p_);
      fault::point("power.decided");
      act();
      name_machines(s_, kMostNamed);
    } catch (const journal::DbError& e) {
      return fail(e.what);
    }
    return std::move(p_.out);
  }

 private:
  void decide(const std::vector<slurm::NodeInfo>& nodes) {
    journal::Transaction t(s_.record.db());
    for (const slurm::NodeInfo& node : nodes) {
      if (!node.cloud || group_of(s_.config, node.name) == nullptr) continue;
      Sight sight;
      sight.slurm = &node;
      auto row = p_.rows.find(node.name);
      if (row != p_.rows.end()) {
        sight.record = &row->second;
        sight.machine_gone = p_.gone(row->second);
      }
      sight.now_s = p_.us / 1'000'000;
      sight.slurm_uid = s_.slurm.uid;
      sight.protected_until_s = turns_.protected_until_s(group_of(s_.config, node.name)->prefix());
      turns_.follow(sight);
      Judgement judgement = judge(sight, s_.config);
      if (judgement.remedy == Remedy::none) continue;
      int64_t since = s_.record.seen(node.name, static_cast<int>(judgement.remedy), p_.us);
      if (p_.us - since < judgement.after_s * 1'000'000) continue;
      todo_[judgement.remedy][judgement.reason].push_back(node.name);
      if (node.draining && judgement.remedy == Remedy::return_to_use) undrain_.insert(node.name);
    }
    if (auto names = forgotten(p_, nodes); !names.empty())
      std::ranges::move(names, std::back_inserter(todo_[Remedy::end_machine][""]));
    s_.record.unseen(p_.us);
    t.commit();
  }

  void act() {
    for (auto& [remedy, by_reason] : todo_)
      for (auto& [reason, names] : by_reason) apply(remedy, reason, names);
    // Ends what was marked to end as well.
    auto done = resume(s_, launch_, {});
    if (done)
      p_.out.insert(p_.out.end(), done->begin(), done->end());
    else
      log::error(done.error().what);
  }

  void apply(Remedy remedy, const std::string& reason, const std::vector<std::string>& names) {
    switch (remedy) {
      case Remedy::none:
        return;
      case Remedy::launch:
        launch_ = names;
        break;
      case Remedy::tell:
        tell(names);
        break;
      case Remedy::end_machine:
        end(names, event::kNodeSuspend, "slurmctld has it powered down");
        break;
      case Remedy::lost:
        change(end(names, nullptr, reason), slurm::NodeChange::down, reason);
        break;
      case Remedy::power_down:
        change(names, slurm::NodeChange::power_down, reason);
        break;
      case Remedy::set_down:
        change(names, slurm::NodeChange::down, reason);
        break;
      case Remedy::return_to_use:
        give_back(names);
        break;
    }
    for (const auto& name : names) {
      auto row = p_.rows.find(name);
      p_.say(name, std::string(name_of(remedy)) + (reason.empty() ? "" : " (" + reason + ")"),
             row == p_.rows.end() ? Machine{} : row->second.machine);
    }
  }

  void tell(const std::vector<std::string>& names) {
    std::vector<Machine> machines;
    for (const auto& name : names) {
      Machine m = with_address(p_.rows.at(name));
      if (!m.address.empty()) machines.push_back(std::move(m));
    }
    if (machines.empty()) return;
    if (auto told = s_.slurm.tell(machines); !told) {
      log::error(told.error().what);
      return;
    }
    journal::Transaction t(s_.record.db());
    for (const Machine& m : machines) {
      auto row = s_.record.node(m.node);
      if (!row || row->machine.id != m.id) continue;
      row->stage = Stage::told;
      row->machine = m;
      s_.record.put(*row);
      if (p_.rows.at(m.node).stage != Stage::told) tell_of(s_, event::kNodeResume, *row);
    }
    t.commit();
  }

  // Its launcher may have been killed before it had learned where the machine is.
  Machine with_address(const Node& row) const {
    Machine out = row.machine;
    auto place = p_.machines.find(row.place);
    if (out.address.empty() && place != p_.machines.end())
      for (const Machine& m : place->second)
        if (m.id == out.id) out = m;
    out.node = row.name;
    out.launch = row.token;
    return out;
  }

  // `type` null: a machine that is gone; how, the provider may have said.
  // Those that it was done to.
  std::vector<std::string> end(const std::vector<std::string>& names, const char* type,
                               const std::string& why) {
    std::vector<std::string> done;
    journal::Transaction t(s_.record.db());
    for (const auto& name : names) {
      auto row = s_.record.node(name);
      // Resumed again meanwhile: that one is not meant.
      if (!row || row->machine.id != p_.rows.at(name).machine.id) continue;
      const std::string& end = p_.rows.at(name).machine.why;
      end_node(s_, *row,
               type != nullptr        ? type
               : was_interrupted(end) ? event::kNodeInterrupted
                                      : event::kNodeFailed,
               why);
      if (type == nullptr) s_.record.set_error(name, why, p_.us);
      done.push_back(name);
    }
    t.commit();
    return done;
  }

  void change(const std::vector<std::string>& names, slurm::NodeChange change,
              const std::string& reason) {
    if (names.empty()) return;
    if (auto said = s_.slurm.change(names, change, reason); !said) log::error(said.error().what);
  }

  void give_back(const std::vector<std::string>& names) {
    std::vector<std::string> draining, down;
    for (const auto& name : names) (undrain_.contains(name) ? draining : down).push_back(name);
    change(draining, slurm::NodeChange::undrain, "");
    change(down, slurm::NodeChange::resume, "");
  }

  Session& s_;
  Pass p_;
  Turns turns_;
  std::map<Remedy, std::map<std::string, std::vector<std::string>>> todo_;
  std::set<std::string> undrain_;
  std::vector<std::string> launch_;
};

bool boots(const Node& row) {
  return row.stage == Stage::told && row.ready_us == 0;
}

}  // namespace

Result<void> follow_boots(Session& session) {
  try {
    Pass pass(session);
    for (Node& row : session.record.nodes())
      if (boots(row)) pass.rows.emplace(row.name, std::move(row));
    if (pass.rows.empty()) return {};
    auto nodes = session.slurm.nodes();
    if (!nodes) return std::unexpected(nodes.error());
    Turns turns(pass);
    journal::Transaction t(session.record.db());
    for (const slurm::NodeInfo& node : *nodes)
      if (auto row = pass.rows.find(node.name); row != pass.rows.end()) {
        Sight sight;
        sight.slurm = &node;
        sight.record = &row->second;
        sight.slurm_uid = session.slurm.uid;  // whose reasons are Slurm's own
        turns.follow(sight);
      }
    t.commit();
  } catch (const journal::DbError& e) {
    return fail(e.what);
  }
  return {};
}

Result<std::vector<Outcome>> reconcile(Session& session) {
  return Reconcile(session).run();
}

}  // namespace sluice::power
