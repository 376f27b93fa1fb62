// partitions.json: parse_partitions() of config.h. The old plugin let through much that EC2 or
// Slurm refused later, when jobs waited for nodes; here it is found when it is read.
#include <algorithm>
#include <array>
#include <set>

#include "common/aws/region.h"
#include "common/base/text.h"
#include "common/power/config.h"
#include "common/power/generate.h"
#include "common/power/settings.h"

namespace sluice::power {
namespace {

using config::Fields;
using config::Problems;

// "Service quotas for EC2 Fleet", Amazon EC2 User Guide.
constexpr size_t kMostPools = 300;
constexpr int64_t kMostNodes = 10'000;
constexpr size_t kMostName = 64;  // of a node
// "Tag your Amazon EC2 resources", the same. Name and three of sluice's own come on top.
constexpr size_t kMostTags = 50 - 4;
constexpr size_t kMostTagKey = 128;
constexpr size_t kMostTagValue = 256;

bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= 60 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

std::string name_of(Fields* f, const std::string& key) {
  std::string name = f->required_str(key);
  if (!name.empty() && !is_plain(name))
    f->problem(key, "must match ^[a-zA-Z0-9]+$, at most 60 characters");
  return name;
}

// Keys that the line has from us.
void forbid(const Settings& settings, const std::string& path,
            std::initializer_list<std::string_view> keys, Problems* problems) {
  for (std::string_view key : keys)
    if (const std::string* value = find(settings, key); value != nullptr)
      problems->push_back({path + "." + std::string(key), config::shown(*value),
                           "is written by generate_conf itself; leave it out", false});
}

void check_gres(const Settings& specifications, const std::string& path, Problems* problems) {
  const std::string* list = find(specifications, "Gres");
  if (list == nullptr) return;
  for (const auto& entry : text::split(*list, ','))
    if (Gres gres; !parse_gres(entry, &gres))
      problems->push_back({path + ".Gres", config::shown(entry),
                           "must be NAME:COUNT or NAME:TYPE:COUNT, such as gpu:tesla:2", false});
}

void read_template(Fields* f, const std::string& path, Group* group, Problems* problems) {
  if (!f->has("LaunchTemplateSpecification"))
    f->problem("LaunchTemplateSpecification", "is missing; an object is needed");
  group->launch_template = f->object("LaunchTemplateSpecification");
  if (group->launch_template.is_null()) return;
  Fields t(group->launch_template, path + ".LaunchTemplateSpecification", problems);
  bool id = !t.str("LaunchTemplateId").empty();
  bool name = !t.str("LaunchTemplateName").empty();
  if (id == name)
    t.problem(id ? "LaunchTemplateName" : "LaunchTemplateId",
              id ? "must not stand beside LaunchTemplateId" : "or LaunchTemplateName is needed");
  t.str("Version");
  if (!t.has("Version")) t.problem("Version", "is missing; a number, \"$Latest\" or \"$Default\"");
  t.finish(true);
}

void read_overrides(Fields* f, const std::string& path, Group* group, Problems* problems) {
  Json overrides = f->array("LaunchTemplateOverrides");
  if (overrides.size() == 0)
    f->problem("LaunchTemplateOverrides", "must have at least one, such as {\"InstanceType\": …}");
  for (size_t i = 0; i < overrides.size(); ++i) {
    std::string at = path + ".LaunchTemplateOverrides[" + std::to_string(i) + "]";
    const Json override = overrides.at(i);
    if (!override.is_object()) {
      problems->push_back({at, config::shown(override), "must be an object", false});
      continue;
    }
    if (override.has("SubnetId"))
      problems->push_back({at + ".SubnetId", config::shown(override.get("SubnetId").str()),
                           "must not be here: name the subnet in SubnetIds", false});
    if (override.has("WeightedCapacity"))
      problems->push_back({at + ".WeightedCapacity", override.get("WeightedCapacity").dump(),
                           "is not sent: an instance is a node, whatever its type", true});
    group->overrides.push_back(override);
  }
}

void read_subnets(Fields* f, Group* group) {
  group->subnets = f->strings("SubnetIds");
  if (group->subnets.empty()) f->problem("SubnetIds", "must name at least one subnet");
  std::set<std::string> seen;
  for (const auto& subnet : group->subnets) {
    if (!subnet.starts_with("subnet-") || subnet.size() > 64)
      f->problem("SubnetIds", "has " + config::shown(subnet) + "; each must be subnet-…");
    if (!seen.insert(subnet).second)
      f->problem("SubnetIds", "names " + config::shown(subnet) + " twice");
  }
  if (group->subnets.size() * group->overrides.size() > kMostPools)
    f->problem("SubnetIds", "times LaunchTemplateOverrides is more than the " +
                                std::to_string(kMostPools) + " pools that a fleet may have");
}

void read_tags(Fields* f, const std::string& path, Group* group, Problems* problems) {
  Json tags = f->array("Tags");
  std::set<std::string> seen;
  for (size_t i = 0; i < tags.size(); ++i) {
    Fields t(tags.at(i), path + ".Tags[" + std::to_string(i) + "]", problems);
    std::string key = t.required_str("Key");
    std::string value = t.str("Value");
    if (key.size() > kMostTagKey) t.problem("Key", "must have at most 128 characters");
    if (value.size() > kMostTagValue) t.problem("Value", "must have at most 256 characters");
    if (text::lower(key).starts_with("aws:")) t.problem("Key", "must not begin with aws:");
    if (key.starts_with("sluice:")) t.problem("Key", "must not begin with sluice:");
    if (key == "Name")
      t.problem("Key", "is the node's name, by which the console shows it; leave it to us", true);
    if (!key.empty() && !seen.insert(key).second) t.problem("Key", "is given twice");
    t.finish(true);
    group->tags.emplace_back(std::move(key), std::move(value));
  }
  if (tags.size() > kMostTags) f->problem("Tags", "must be at most " + std::to_string(kMostTags));
}

// Only the options of the market that is bought on are of use. The seed's examples give a spot
// group OnDemandOptions, which the old plugin took.
void read_market(Fields* f, Group* group) {
  group->spot = f->one_of("PurchasingOption", {"spot", "on-demand"}, "on-demand") == "spot";
  if (!f->has("PurchasingOption"))
    f->problem("PurchasingOption", "is missing; \"spot\" or \"on-demand\"");
  Json spot = f->object("SpotOptions");
  Json on_demand = f->object("OnDemandOptions");
  const char* other = group->spot ? "OnDemandOptions" : "SpotOptions";
  group->fallback = f->boolean("OnDemandFallback", false);
  if (group->fallback && !group->spot)
    f->problem("OnDemandFallback", "is of no use: PurchasingOption is \"on-demand\"", true);
  group->fallback = group->fallback && group->spot;
  if (group->fallback) group->fallback_options = on_demand;
  if (f->has(other) && !group->fallback)
    f->problem(other,
               std::string("is not sent: PurchasingOption is ") +
                   (group->spot ? "\"spot\"" : "\"on-demand\""),
               true);
  group->market_options = group->spot ? spot : on_demand;
  Json behavior = group->market_options.get("InstanceInterruptionBehavior");
  if (group->spot && !behavior.is_null() && behavior.str() != "terminate")
    f->problem("SpotOptions",
               "has an InstanceInterruptionBehavior that is not sent: "
               "\"terminate\" is, since Slurm makes a new node",
               true);
}

void read_ec2(Fields* f, const std::string& path, Group* group, Problems* problems) {
  group->region = f->required_str("Region");
  if (!group->region.empty() && !aws::is_region(group->region))
    f->problem("Region", "must be an AWS region such as us-east-1");
  group->profile = f->str("ProfileName");
  read_market(f, group);
  read_template(f, path, group, problems);
  read_overrides(f, path, group, problems);
  read_subnets(f, group);
  read_tags(f, path, group, problems);
}

Group read_group(const Json& object, const std::string& path, const std::string& partition,
                 Problems* problems) {
  Group group;
  group.partition = partition;
  Fields f(object, path, problems);
  if (!object.is_object()) return group;
  group.name = name_of(&f, "NodeGroupName");
  if (!f.has("MaxNodes")) f.problem("MaxNodes", "is missing; a positive integer is needed");
  group.max_nodes = f.integer("MaxNodes", 1, 1, kMostNodes);
  if (group.prefix().size() + 1 + std::to_string(group.max_nodes - 1).size() > kMostName)
    f.problem("NodeGroupName", "makes names of nodes that have more than 64 characters");
  bool process = f.one_of("Provider", {"ec2", "process"}, "ec2") == "process";
  group.provider = process ? ProviderKind::process : ProviderKind::ec2;
  if (!f.has("SlurmSpecifications"))
    f.problem("SlurmSpecifications", "is missing; an object is needed, such as {\"CPUs\": \"4\"}");
  if (Json specs = f.object("SlurmSpecifications"); !specs.is_null()) {
    group.specifications = read_settings(specs, path + ".SlurmSpecifications", problems);
    forbid(group.specifications, path + ".SlurmSpecifications", {"NodeName", "State"}, problems);
    check_gres(group.specifications, path + ".SlurmSpecifications", problems);
  }
  if (!process) read_ec2(&f, path, &group, problems);
  f.finish(true);
  return group;
}

}  // namespace

void parse_partitions(const Json& object, Config* out, Problems* problems) {
  Json list = object.get("Partitions");
  if (!list.is_array() || list.size() == 0) {
    problems->push_back({"Partitions", list.is_null() ? "" : config::shown(list),
                         "must be an array of at least one partition", false});
    return;
  }
  std::set<std::string> names;
  for (size_t i = 0; i < list.size(); ++i) {
    std::string path = "Partitions[" + std::to_string(i) + "]";
    Fields f(list.at(i), path, problems);
    if (!list.at(i).is_object()) continue;
    Partition partition;
    partition.name = name_of(&f, "PartitionName");
    if (!names.insert(partition.name).second) f.problem("PartitionName", "is given twice");
    if (Json options = f.object("PartitionOptions"); !options.is_null()) {
      partition.options = read_settings(options, path + ".PartitionOptions", problems);
      forbid(partition.options, path + ".PartitionOptions", {"PartitionName", "Nodes"}, problems);
    }
    Json groups = f.array("NodeGroups");
    if (groups.size() == 0) f.problem("NodeGroups", "must have at least one node group");
    std::set<std::string> known;
    for (size_t g = 0; g < groups.size(); ++g) {
      std::string at = path + ".NodeGroups[" + std::to_string(g) + "]";
      Group group = read_group(groups.at(g), at, partition.name, problems);
      if (!group.name.empty() && !known.insert(group.name).second)
        problems->push_back({at + ".NodeGroupName", config::shown(group.name),
                             "is given twice in this partition", false});
      partition.groups.push_back(std::move(group));
    }
    f.finish(true);
    out->partitions.push_back(std::move(partition));
  }
}

}  // namespace sluice::power
