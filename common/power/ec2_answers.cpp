// Elements go by the locationName of EC2's API model. pugixml neither recurses into depth nor
// expands entities of a document's own; a document type is refused all the same, as no answer of
// AWS's has one.
#include "common/power/ec2_answers.h"

#include <arpa/inet.h>

#include <algorithm>
#include <pugixml.hpp>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/text.h"

namespace sluice::power::ec2 {
namespace {

using pugi::xml_node;

constexpr size_t kId = 32;
constexpr size_t kName = 128;
constexpr size_t kMessage = 300;
constexpr size_t kToken = 4096;
constexpr size_t kTagKey = 512;
constexpr size_t kTagValue = 1024;

bool lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool of_name(char c) {
  return lower_or_digit(c) || (c >= 'A' && c <= 'Z') || std::string_view(".:_/-").contains(c);
}

bool is_id(std::string_view text, std::string_view prefix, size_t max, bool (*plain)(char)) {
  return text.starts_with(prefix) && text.size() > prefix.size() && text.size() <= max &&
         std::ranges::all_of(text.substr(prefix.size()), plain);
}

// The document stays the caller's, as nodes point into it.
Result<xml_node> root_of(pugi::xml_document* doc, std::string* xml, const std::string& action) {
  // Without parse_doctype a declaration would be skipped silently.
  pugi::xml_parse_result parsed = doc->load_buffer_inplace(
      xml->data(), xml->size(), pugi::parse_default | pugi::parse_doctype, pugi::encoding_utf8);
  if (!parsed)
    return fail(action + ": the answer is no XML: " + parsed.description() + " at byte " +
                std::to_string(parsed.offset) + " of " + std::to_string(xml->size()));
  xml_node root;
  for (xml_node node : *doc) {
    if (node.type() == pugi::node_doctype)
      return fail(action + ": the answer declares a document type, which EC2's never do");
    if (root) return fail(action + ": the answer has more than one root element");
    root = node;
  }
  if (root.name() != action + "Response")
    return fail(action + ": the answer is no " + action + "Response, but " +
                text::printable(root.name(), kName));
  return root;
}

std::string name_in(xml_node parent, const char* element) {
  std::string_view text = parent.child_value(element);
  return is_id(text, "", kName, of_name) ? std::string(text) : std::string();
}

Result<std::string> instance_id(std::string_view text, const std::string& action) {
  if (is_id(text, "i-", kId, lower_or_digit)) return std::string(text);
  if (text.empty()) return fail(action + ": the answer has an instance without an id");
  return fail(action +
              ": the answer has an instance whose id is none: " + text::printable(text, 2 * kId));
}

// What was launched, or tried: the item's own fields, which are newer, then the override's.
template <class T>
void read_place(xml_node item, T* out) {
  xml_node overrides = item.child("launchTemplateAndOverrides").child("overrides");
  auto read = [&](const char* element) {
    std::string own = name_in(item, element);
    return own.empty() ? name_in(overrides, element) : own;
  };
  out->instance_type = read("instanceType");
  out->subnet = read("subnetId");
  out->zone = read("availabilityZone");
  out->spot = std::string_view(item.child_value("lifecycle")) == "spot";
}

std::string address_of(xml_node item) {
  unsigned char bytes[sizeof(in6_addr)];
  const char* v4 = item.child_value("privateIpAddress");
  if (inet_pton(AF_INET, v4, bytes) == 1) return v4;
  // In a subnet of IPv6 alone.
  const char* v6 = item.child_value("ipv6Address");
  if (inet_pton(AF_INET6, v6, bytes) == 1) return v6;
  return {};
}

Result<Instance> read_instance(xml_node item) {
  auto id = instance_id(item.child_value("instanceId"), "DescribeInstances");
  if (!id) return std::unexpected(id.error());
  Instance out;
  out.id = *std::move(id);
  out.address = address_of(item);
  out.private_dns = name_in(item, "privateDnsName");
  out.instance_type = name_in(item, "instanceType");
  out.zone = name_in(item.child("placement"), "availabilityZone");
  out.subnet = name_in(item, "subnetId");
  out.state = name_in(item.child("instanceState"), "name");
  out.spot = std::string_view(item.child_value("instanceLifecycle")) == "spot";
  // No instance is older than 1970: what a strange text is read as must not look like a time.
  out.launch_time_us = std::max<int64_t>(clock::parse_rfc3339(item.child_value("launchTime")), -1);
  out.reason_code = name_in(item.child("stateReason"), "code");
  for (xml_node tag : item.child("tagSet").children("item")) {
    std::string_view key = tag.child_value("key");
    std::string_view value = tag.child_value("value");
    if (!key.empty() && key.size() <= kTagKey && value.size() <= kTagValue)
      out.tags.emplace_back(text::to_utf8(key), text::to_utf8(value));
  }
  return out;
}

}  // namespace

Result<Fleet> read_fleet(std::string* xml) {
  const std::string action = "CreateFleet";
  pugi::xml_document doc;
  auto root = root_of(&doc, xml, action);
  if (!root) return std::unexpected(root.error());
  Fleet out;
  out.id = name_in(*root, "fleetId");
  if (out.id.empty()) return fail(action + ": the answer has no fleet id");
  for (xml_node item : root->child("fleetInstanceSet").children("item")) {
    xml_node ids = item.child("instanceIds");
    if (!ids) return fail(action + ": the answer has instances without ids");
    FleetInstances launched;
    for (xml_node element : ids.children("item")) {
      auto id = instance_id(element.child_value(), action);
      if (!id) return std::unexpected(id.error());
      launched.ids.push_back(*std::move(id));
    }
    if (launched.ids.empty()) continue;
    read_place(item, &launched);
    out.instances.push_back(std::move(launched));
  }
  for (xml_node item : root->child("errorSet").children("item")) {
    FleetError error;
    error.code = name_in(item, "errorCode");
    error.message = text::printable(item.child_value("errorMessage"), kMessage);
    read_place(item, &error);
    out.errors.push_back(std::move(error));
  }
  return out;
}

Result<Page> read_instances(std::string* xml) {
  const std::string action = "DescribeInstances";
  pugi::xml_document doc;
  auto root = root_of(&doc, xml, action);
  if (!root) return std::unexpected(root.error());
  xml_node reservations = root->child("reservationSet");
  if (!reservations) return fail(action + ": the answer has no reservationSet");
  Page out;
  for (xml_node reservation : reservations.children("item")) {
    xml_node instances = reservation.child("instancesSet");
    if (!instances) return fail(action + ": the answer has a reservation without instancesSet");
    for (xml_node item : instances.children("item")) {
      auto instance = read_instance(item);
      if (!instance) return std::unexpected(instance.error());
      out.instances.push_back(*std::move(instance));
    }
  }
  out.next_token = root->child_value("nextToken");
  if (out.next_token.size() > kToken)
    return fail(action + ": the answer's next token has " + std::to_string(out.next_token.size()) +
                " bytes");
  return out;
}

Result<std::vector<std::pair<std::string, std::string>>> read_subnets(std::string* xml) {
  const std::string action = "DescribeSubnets";
  pugi::xml_document doc;
  auto root = root_of(&doc, xml, action);
  if (!root) return std::unexpected(root.error());
  xml_node subnets = root->child("subnetSet");
  if (!subnets) return fail(action + ": the answer has no subnetSet");
  std::vector<std::pair<std::string, std::string>> out;
  for (xml_node item : subnets.children("item"))
    out.emplace_back(name_in(item, "subnetId"), name_in(item, "availabilityZone"));
  return out;
}

Result<std::vector<StateChange>> read_terminating(std::string* xml) {
  const std::string action = "TerminateInstances";
  pugi::xml_document doc;
  auto root = root_of(&doc, xml, action);
  if (!root) return std::unexpected(root.error());
  xml_node changes = root->child("instancesSet");
  if (!changes) return fail(action + ": the answer has no instancesSet");
  std::vector<StateChange> out;
  for (xml_node item : changes.children("item")) {
    auto id = instance_id(item.child_value("instanceId"), action);
    if (!id) return std::unexpected(id.error());
    out.push_back({*std::move(id), name_in(item.child("previousState"), "name"),
                   name_in(item.child("currentState"), "name")});
  }
  return out;
}

}  // namespace sluice::power::ec2
