#include "common/power/ec2_provider.h"

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/power/ec2_answers.h"
#include "common/power/ec2_calls.h"
#include "common/power/ec2_cause.h"
#include "common/power/ec2_form.h"

namespace sluice::power {
namespace {

// Ids in one call: the API takes 1,000, but 500 instances are 3 MB of answer.
constexpr size_t kIdsACall = 500;
constexpr int kMostHalvings = 60;

std::string start(const char* action) {
  return std::string("Action=") + action + "&Version=2016-11-15";
}

void add_tag(Json* tags, const std::string& key, const std::string& value) {
  Json tag = Json::object();
  tag.set("Key", Json::of(key));
  tag.set("Value", Json::of(value));
  tags->push(tag);
}

Json tags_at_launch(const Order& order) {
  Json tags = Json::array();
  add_tag(&tags, kTagCluster, order.cluster);
  add_tag(&tags, kTagGroup, order.group->prefix());
  add_tag(&tags, kTagLaunch, order.token);
  // Those that differ from node to node come once it is known which is which.
  for (const auto& [key, value] : order.group->tags)
    if (value.find('{') == value.npos && key != "Name") add_tag(&tags, key, value);
  Json specification = Json::object();
  specification.set("ResourceType", Json::of("instance"));
  specification.set("Tags", tags);
  Json list = Json::array();
  list.push(specification);
  return list;
}

// Every override in every subnet, but for those to avoid, unless that is all of them.
Json pools_of(const Group& group, const std::vector<Pool>& avoid) {
  Json out = Json::array();
  for (const Json& override : group.overrides)
    for (const auto& subnet : group.subnets) {
      Pool one{override.get("InstanceType").str(), subnet};
      if (std::ranges::find(avoid, one) != avoid.end()) continue;
      Json pool = Json::object();
      for (const auto& [key, value] : override.members())
        if (key != "WeightedCapacity") pool.set(key, value);
      pool.set("SubnetId", Json::of(subnet));
      out.push(pool);
    }
  return out.size() == 0 && !avoid.empty() ? pools_of(group, {}) : out;
}

Life life_of(const std::string& state) {
  if (state == "running") return Life::running;
  if (state == "pending") return Life::pending;
  if (state == "terminated") return Life::ended;
  return Life::ending;
}

// As make_token() has them; anybody may write tags.
bool is_token(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

Machine machine_of(ec2::Instance&& i) {
  Machine m;
  m.id = std::move(i.id);
  m.address = std::move(i.address);
  // The name that the old plugin gave it, which is also Amazon's own for it in most regions.
  m.hostname = "ip-" + m.address;
  std::ranges::replace(m.hostname, '.', '-');
  m.type = std::move(i.instance_type);
  m.zone = std::move(i.zone);
  m.spot = i.spot;
  m.life = life_of(i.state);
  m.since_us = i.launch_time_us;
  m.why = std::move(i.reason_code);
  for (auto& [key, value] : i.tags) {
    if (key == kTagLaunch && is_token(value)) m.launch = value;
    if (key == "Name") m.node = value;
  }
  return m;
}

Refusal unreadable(const Error& error) {
  return {Cause::unavailable, "unreadable", error.what, {}, {}, {}, false};
}

class Ec2 : public Provider {
 public:
  Ec2(const std::string& region, const std::string& profile, aws::Surroundings s,
      const std::string& state)
      : calls_(std::make_shared<ec2::Calls>(region, profile, std::move(s), state)) {}

  std::string render(const Order& order) const override {
    const Group& group = *order.group;
    std::string body = start("CreateFleet");
    ec2::add_field(&body, "ClientToken", order.token);
    ec2::add_field(&body, "Type", "instant");
    Json config = Json::object();
    config.set("LaunchTemplateSpecification", group.launch_template);
    config.set("Overrides", pools_of(group, order.avoid));
    Json configs = Json::array();
    configs.push(config);
    ec2::add_field(&body, "LaunchTemplateConfigs", configs);
    Json target = Json::object();
    target.set("TotalTargetCapacity", Json::of(static_cast<int64_t>(order.nodes.size())));
    target.set("DefaultTargetCapacityType", Json::of(order.spot ? "spot" : "on-demand"));
    ec2::add_field(&body, "TargetCapacitySpecification", target);
    Json options = Json::object();
    const Json& given = order.spot == group.spot ? group.market_options : group.fallback_options;
    for (const auto& [key, value] : given.members()) options.set(key, value);
    if (order.spot) options.set("InstanceInterruptionBehavior", Json::of("terminate"));
    ec2::add_field(&body, order.spot ? "SpotOptions" : "OnDemandOptions", options);
    ec2::add_field(&body, "TagSpecifications", tags_at_launch(order));
    return body;
  }

  std::vector<Pool> pools(const Group& group) const override {
    std::vector<Pool> out;
    for (const Json& override : group.overrides)
      for (const auto& subnet : group.subnets)
        out.push_back({override.get("InstanceType").str(), subnet});
    return out;
  }

  void launch(const std::string& request, OnLaunched done) override {
    // The same bytes again are the same launch: EC2 knows the token.
    calls_->call("CreateFleet", request, [done = std::move(done)](aws::Answer answer) {
      Launched out;
      if (!answer.ok) {
        out.unsure = answer.lost_one;
        out.refusals.push_back(ec2::refusal_of(answer));
      } else if (auto fleet = ec2::read_fleet(&answer.body); !fleet) {
        out.unsure = true;
        out.refusals.push_back(unreadable(fleet.error()));
      } else {
        for (ec2::FleetInstances& some : fleet->instances)
          for (std::string& id : some.ids) {
            Machine m;
            m.id = std::move(id);
            m.type = some.instance_type;
            m.zone = some.zone;
            m.subnet = some.subnet;
            m.spot = some.spot;
            m.since_us = clock::wall_us();
            out.machines.push_back(std::move(m));
          }
        for (ec2::FleetError& e : fleet->errors)
          out.refusals.push_back({ec2::cause_of(e.code), e.code, e.message, e.instance_type, e.zone,
                                  e.subnet, e.spot});
      }
      done(std::move(out));
    });
  }

  void list(const std::string& cluster, OnMachines done) override {
    filter(std::string("tag:") + kTagCluster, cluster, true, "", {}, std::move(done));
  }
  void find(const std::string& token, OnMachines done) override {
    filter(std::string("tag:") + kTagLaunch, token, false, "", {}, std::move(done));
  }

  void terminate(std::vector<std::string> ids, OnEnded done) override {
    auto all = std::make_shared<Ending>(Ending{{}, 0, kMostHalvings, std::move(done)});
    for (size_t at = 0; at < ids.size(); at += kIdsACall) {
      size_t end = std::min(ids.size(), at + kIdsACall);
      terminate_some(
          {ids.begin() + static_cast<ptrdiff_t>(at), ids.begin() + static_cast<ptrdiff_t>(end)},
          all);
    }
    if (ids.empty()) all->done({});
  }

  void tag(const std::string& id, const std::vector<std::pair<std::string, std::string>>& tags,
           OnTagged done) override {
    std::string body = start("CreateTags");
    ec2::add_field(&body, "ResourceId.1", id);
    Json list = Json::array();
    for (const auto& [key, value] : tags) add_tag(&list, key, value);
    ec2::add_field(&body, "Tags", list);
    calls_->call("CreateTags", body, [done = std::move(done)](const aws::Answer& answer) {
      done(answer.ok ? std::nullopt : std::optional(ec2::refusal_of(answer)));
    });
  }

  // DryRun: EC2 says whether the call would have been allowed.
  void probe(const Order& order, const OnProbed& done) override {
    auto all = std::make_shared<Probing>(Probing{{}, 0, done});
    all->open = 5;
    dry_run("CreateFleet", render(order), false, all);
    dry_run("DescribeInstances", start("DescribeInstances"), false, all);
    std::string body = start("TerminateInstances");
    ec2::add_field(&body, "InstanceId.1", "i-00000000000000000");
    dry_run("TerminateInstances", body, true, all);
    body = start("CreateTags");
    ec2::add_field(&body, "ResourceId.1", "i-00000000000000000");
    ec2::add_field(&body, "Tag.1.Key", "Name");
    ec2::add_field(&body, "Tag.1.Value", "none");
    dry_run("CreateTags", body, true, all);
    look_at_subnets(*order.group, all);
  }

  std::map<std::string, int64_t> take_calls() override { return calls_->take_calls(); }
  bool poll(int64_t timeout_ms) override { return calls_->poll(timeout_ms); }

 private:
  struct Ending {
    Ended ended;
    size_t open = 0;
    int halvings = kMostHalvings;  // where nothing at all is allowed, that shows
    OnEnded done;
  };

  struct Probing {
    std::vector<Permission> found;
    size_t open = 0;
    OnProbed done;

    void add(Permission p) {
      found.push_back(std::move(p));
      if (--open == 0) done(std::move(found));
    }
  };

  // `about_ours`: of an instance that a policy by tags does not let through, since there is none.
  void dry_run(const char* action, const std::string& body, bool about_ours,
               const std::shared_ptr<Probing>& all) {
    calls_->call(
        action, body + "&DryRun=true", [action, about_ours, all](const aws::Answer& answer) {
          using enum Permission::Answer;
          if (answer.ok || answer.code == "DryRunOperation") return all->add({action, yes, {}});
          Refusal refusal = ec2::refusal_of(answer);
          // An id that does not exist is looked at before, or after, the permission.
          bool refused =
              !ec2::is_unknown_id(answer.code) && !about_ours &&
              (refusal.cause == Cause::credentials || refusal.cause == Cause::configuration);
          all->add({action, refused ? no : unknown, refusal.code + ": " + refusal.text});
        });
  }

  // An instant fleet takes one subnet of a zone: of two in one, one is never used.
  void look_at_subnets(const Group& group, const std::shared_ptr<Probing>& all) {
    std::string body = start("DescribeSubnets");
    for (size_t i = 0; i < group.subnets.size(); ++i)
      ec2::add_field(&body, "SubnetId." + std::to_string(i + 1), group.subnets[i]);
    calls_->call("DescribeSubnets", body, [all](aws::Answer answer) {
      using enum Permission::Answer;
      if (!answer.ok) {
        Refusal refusal = ec2::refusal_of(answer);
        bool wrong = refusal.cause == Cause::configuration;
        return all->add({"SubnetIds", wrong ? no : unknown, refusal.code + ": " + refusal.text});
      }
      auto subnets = ec2::read_subnets(&answer.body);
      if (!subnets) return all->add({"SubnetIds", unknown, subnets.error().what});
      std::map<std::string, std::string> of_zone;
      for (const auto& [subnet, zone] : *subnets)
        if (auto [it, fresh] = of_zone.try_emplace(zone, subnet); !fresh)
          return all->add({"SubnetIds", no,
                           it->second + " and " + subnet + " are both in " + zone +
                               "; a fleet takes one subnet of a zone"});
      all->add({"SubnetIds", yes, {}});
    });
  }

  // By tags, because one id that is not visible yet would fail a call by ids. Page by page.
  void filter(const std::string& name, const std::string& value, bool alive,
              const std::string& next, std::vector<Machine> before, OnMachines done) {
    std::string body = start("DescribeInstances");
    ec2::add_field(&body, "Filter.1.Name", name);
    ec2::add_field(&body, "Filter.1.Value.1", value);
    if (alive) {
      ec2::add_field(&body, "Filter.2.Name", "instance-state-name");
      int n = 0;
      for (const char* state : {"pending", "running", "stopping", "stopped"})
        ec2::add_field(&body, "Filter.2.Value." + std::to_string(++n), state);
    }
    ec2::add_field(&body, "MaxResults", std::to_string(kIdsACall));
    if (!next.empty()) ec2::add_field(&body, "NextToken", next);
    auto all = std::make_shared<std::vector<Machine>>(std::move(before));
    calls_->call("DescribeInstances", body,
                 [this, name, value, alive, all, done = std::move(done)](aws::Answer answer) {
                   if (!answer.ok) {
                     done(std::unexpected(ec2::refusal_of(answer)));
                     return;
                   }
                   auto page = ec2::read_instances(&answer.body);
                   if (!page) {
                     done(std::unexpected(unreadable(page.error())));
                     return;
                   }
                   for (ec2::Instance& i : page->instances)
                     all->push_back(machine_of(std::move(i)));
                   if (page->next_token.empty())
                     done(std::move(*all));
                   else
                     filter(name, value, alive, page->next_token, std::move(*all), done);
                 });
  }

  void terminate_some(std::vector<std::string> ids, const std::shared_ptr<Ending>& all) {
    ++all->open;
    std::string body = start("TerminateInstances");
    for (size_t i = 0; i < ids.size(); ++i)
      ec2::add_field(&body, "InstanceId." + std::to_string(i + 1), ids[i]);
    calls_->call("TerminateInstances", body, [this, ids = std::move(ids), all](aws::Answer answer) {
      if (answer.ok) {
        take_ended(&answer.body, &all->ended);
      } else if (ids.size() == 1 && ec2::is_unknown_id(answer.code)) {
        all->ended.unknown.push_back(ids[0]);
      } else if (ids.size() > 1 && ec2::is_about_some(answer.code) && all->halvings-- > 0) {
        // One bad id, or one that must not end, fails the whole call: halve until it is alone.
        auto middle = ids.begin() + static_cast<ptrdiff_t>(ids.size() / 2);
        terminate_some({ids.begin(), middle}, all);
        terminate_some({middle, ids.end()}, all);
      } else {
        all->ended.refusals.push_back(ec2::refusal_of(answer));
      }
      if (--all->open == 0) all->done(std::move(all->ended));
    });
  }

  // What the answer does not name is asked to end again later.
  static void take_ended(std::string* xml, Ended* ended) {
    auto changes = ec2::read_terminating(xml);
    if (!changes) {
      ended->refusals.push_back(unreadable(changes.error()));
      return;
    }
    for (ec2::StateChange& change : *changes)
      if (change.to == "shutting-down" || change.to == "terminated")
        ended->ids.push_back(std::move(change.id));
  }

  std::shared_ptr<ec2::Calls> calls_;
};

}  // namespace

ProviderPtr make_ec2_provider(const std::string& region, const std::string& profile,
                              aws::Surroundings surroundings, const std::string& state) {
  return std::make_shared<Ec2>(region, profile, std::move(surroundings), state);
}

}  // namespace sluice::power
