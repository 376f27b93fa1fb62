// reconcile(): remedy.h says what is to be done about each node; here it is seen and done.
#include <map>
#include <set>

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/power/names.h"
#include "common/power/operations.h"
#include "common/power/remedy.h"

namespace sluice::power {
namespace {

// A machine of so recent a launch may not be visible yet, unless it has been already.
constexpr int64_t kVisibleUs = 120'000'000;

class Reconcile {
 public:
  explicit Reconcile(Session& session) : s_(session), pass_us_(clock::wall_us()) {}

  Result<std::vector<Outcome>> run() {
    // What killed ones left comes first: it decides what the record has.
    auto left = resume(s_, {}, {});
    if (!left) return left;
    out_ = std::move(*left);
    auto nodes = s_.slurm.nodes();
    if (!nodes) return std::unexpected(nodes.error());
    try {
      for (Node& node : s_.record.nodes()) rows_.emplace(node.name, std::move(node));
      look();
      decide(*nodes);
      orphans();
      fault::point("power.decided");
      act();
    } catch (const journal::DbError& e) {
      return fail(e.what);
    }
    return std::move(out_);
  }

 private:
  // Every place that the configuration or the record knows.
  void look() {
    std::set<Place> places;
    for (const Partition& p : s_.config.partitions)
      for (const Group& g : p.groups) places.insert(place_of(g));
    for (const auto& [name, row] : rows_) places.insert(row.place);
    for (const Place& place : places)
      s_.places.at(place).list(s_.cluster, [this, place](const Found& found) {
        if (found)
          machines_.emplace(place, *found);
        else
          log::warning("cannot list the machines of " +
                       (place.region.empty() ? "this host" : place.region) + ": " +
                       found.error().code + ": " + found.error().text);
      });
    s_.places.settle();
    for (const auto& [place, list] : machines_)
      for (const Machine& m : list) alive_.insert(m.id);
  }

  bool gone(const Node& row) const {
    return row.stage != Stage::launching && machines_.contains(row.place) &&
           !alive_.contains(row.machine.id) &&
           (!row.machine.address.empty() || pass_us_ - row.since_us > kVisibleUs);
  }

  void decide(const std::vector<slurm::NodeInfo>& nodes) {
    journal::Transaction t(s_.record.db());
    for (const slurm::NodeInfo& node : nodes) {
      if (!node.cloud || group_of(s_.config, node.name) == nullptr) continue;
      Sight sight;
      sight.slurm = &node;
      auto row = rows_.find(node.name);
      if (row != rows_.end()) {
        sight.record = &row->second;
        sight.machine_gone = gone(row->second);
      }
      sight.now_s = pass_us_ / 1'000'000;
      sight.slurm_uid = s_.slurm.uid;
      Judgement judgement = judge(sight, s_.config);
      if (judgement.remedy == Remedy::none) continue;
      int64_t since = s_.record.seen(node.name, static_cast<int>(judgement.remedy), pass_us_);
      if (pass_us_ - since < judgement.after_s * 1'000'000) continue;
      todo_[judgement.remedy][judgement.reason].push_back(node.name);
      if (node.draining && judgement.remedy == Remedy::return_to_use) undrain_.insert(node.name);
    }
    s_.record.unseen(pass_us_);
    t.commit();
  }

  // Machines of this cluster that no node has: of a launch whose answer never came, or of a record
  // that was lost.
  void orphans() {
    std::set<std::string> known, tokens;
    for (const auto& [name, row] : rows_) known.insert(row.machine.id);
    for (const Ending& e : s_.record.endings()) known.insert(e.machine);
    for (const Launch& l : s_.record.launches()) tokens.insert(l.token);
    journal::Transaction t(s_.record.db());
    for (const auto& [place, list] : machines_)
      for (const Machine& m : list) {
        if (known.contains(m.id) || tokens.contains(m.launch)) continue;
        if (pass_us_ - m.since_us < s_.config.orphan_s * 1'000'000) continue;
        s_.record.add(Ending{m.id, place, m.node, pass_us_});
        say(m.node, "a machine that no node has; it ends", m);
      }
    t.commit();
  }

  void act() {
    for (auto& [remedy, by_reason] : todo_)
      for (auto& [reason, names] : by_reason) apply(remedy, reason, names);
    // Ends what was marked to end as well.
    auto done = resume(s_, launch_, {});
    if (done) out_.insert(out_.end(), done->begin(), done->end());
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
        end(names);
        break;
      case Remedy::lost:
        end(names);
        change(names, slurm::NodeChange::down, reason);
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
      auto row = rows_.find(name);
      say(name, std::string(name_of(remedy)) + (reason.empty() ? "" : " (" + reason + ")"),
          row == rows_.end() ? Machine{} : row->second.machine);
    }
  }

  void tell(const std::vector<std::string>& names) {
    std::vector<Machine> machines;
    for (const auto& name : names) {
      Machine m = with_address(rows_.at(name));
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
    }
    t.commit();
  }

  // Its launcher may have been killed before it had learned where the machine is.
  Machine with_address(const Node& row) const {
    Machine out = row.machine;
    auto place = machines_.find(row.place);
    if (out.address.empty() && place != machines_.end())
      for (const Machine& m : place->second)
        if (m.id == out.id) out = m;
    out.node = row.name;
    out.launch = row.token;
    return out;
  }

  void end(const std::vector<std::string>& names) {
    journal::Transaction t(s_.record.db());
    for (const auto& name : names) {
      auto row = s_.record.node(name);
      // Resumed again meanwhile: that one is not meant.
      if (!row || row->machine.id != rows_.at(name).machine.id) continue;
      s_.record.add(Ending{row->machine.id, row->place, name, pass_us_});
      s_.record.forget(name);
    }
    t.commit();
  }

  void change(const std::vector<std::string>& names, slurm::NodeChange change,
              const std::string& reason) {
    if (auto said = s_.slurm.change(names, change, reason); !said) log::error(said.error().what);
  }

  void give_back(const std::vector<std::string>& names) {
    std::vector<std::string> draining, down;
    for (const auto& name : names) (undrain_.contains(name) ? draining : down).push_back(name);
    change(draining, slurm::NodeChange::undrain, "");
    change(down, slurm::NodeChange::resume, "");
  }

  void say(const std::string& node, std::string why, const Machine& machine) {
    out_.push_back({node, Fate::mended, machine.id, machine.address, std::move(why)});
  }

  Session& s_;
  const int64_t pass_us_;
  std::map<std::string, Node> rows_;
  std::map<Place, std::vector<Machine>> machines_;  // of those places that answered
  std::set<std::string> alive_;
  std::map<Remedy, std::map<std::string, std::vector<std::string>>> todo_;
  std::set<std::string> undrain_;
  std::vector<std::string> launch_;
  std::vector<Outcome> out_;
};

}  // namespace

Result<std::vector<Outcome>> reconcile(Session& session) {
  return Reconcile(session).run();
}

}  // namespace sluice::power
