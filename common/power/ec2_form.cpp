// The names are those of Amazon EC2's API model, version 2016-11-15, protocol "ec2": a member goes
// by its queryName, else by its locationName with a capital first letter, else by its own name;
// every list is flattened.
#include "common/power/ec2_form.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/aws/sigv4.h"

namespace sluice::power::ec2 {
namespace {

using Renamed = std::pair<std::string_view, std::string_view>;

// Every member that goes by another name, in all that CreateFleet, TerminateInstances, CreateTags
// and DescribeInstances take. Each name stands for the same one wherever it occurs there; all are
// lists. LaunchTemplateConfigs and Overrides are lists that keep theirs. Sorted.
constexpr std::array<Renamed, 20> kRenamed{{
    {"AcceleratorManufacturers", "AcceleratorManufacturer"},
    {"AcceleratorNames", "AcceleratorName"},
    {"AcceleratorTypes", "AcceleratorType"},
    {"AllowedInstanceTypes", "AllowedInstanceType"},
    {"BlockDeviceMappings", "BlockDeviceMapping"},
    {"CapacityReservationIds", "CapacityReservationId"},
    {"CapacityReservationResourceGroupArns", "CapacityReservationResourceGroupArn"},
    {"CpuManufacturers", "CpuManufacturer"},
    {"ExcludedInstanceTypes", "ExcludedInstanceType"},
    {"Filters", "Filter"},
    {"InstanceGenerations", "InstanceGeneration"},
    {"InstanceIds", "InstanceId"},
    {"LocalStorageTypes", "LocalStorageType"},
    {"MarketTypes", "MarketType"},
    {"References", "Reference"},
    {"ReservationTypes", "ReservationType"},
    {"Resources", "ResourceId"},
    {"TagSpecifications", "TagSpecification"},
    {"Tags", "Tag"},
    {"Values", "Value"},
}};
static_assert(std::ranges::is_sorted(kRenamed, {}, &Renamed::first));

std::string_view on_the_wire(std::string_view name) {
  auto it = std::ranges::lower_bound(kRenamed, name, {}, &Renamed::first);
  return it != kRenamed.end() && it->first == name ? it->second : name;
}

// Members' names are a user's too: one with an '&' in it must not become a parameter of its own.
std::string join(const std::string& key, std::string_view member) {
  std::string name = aws::form_encode(on_the_wire(member));
  return key.empty() ? name : key + "." + name;
}

void add_encoded(std::string* body, const std::string& key, std::string_view value) {
  *body += '&';
  *body += key;
  *body += '=';
  *body += aws::form_encode(value);
}

// `key` as it is sent. Recurses as deep as the JSON goes, which Json::parse has bounded.
void add_value(std::string* body, const std::string& key, const Json& value) {
  if (value.is_object()) {
    for (const auto& [member, v] : value.members()) add_value(body, join(key, member), v);
  } else if (value.is_array()) {
    size_t n = 0;
    for (size_t i = 0; i < value.size(); ++i)
      if (Json element = value.at(i); !element.is_null())
        add_value(body, key + "." + std::to_string(++n), element);
  } else if (value.is_string()) {
    add_encoded(body, key, value.str());
  } else if (!value.is_null()) {
    add_encoded(body, key, value.dump());
  }
}

}  // namespace

void add_field(std::string* body, const std::string& key, const Json& value) {
  size_t last = key.rfind('.') + 1;  // npos + 1 is 0
  add_value(body, key.substr(0, last).append(on_the_wire(std::string_view(key).substr(last))),
            value);
}

void add_field(std::string* body, const std::string& key, std::string_view value) {
  add_encoded(body, key, value);
}

}  // namespace sluice::power::ec2
