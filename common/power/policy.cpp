#include "common/power/policy.h"

#include "common/base/text.h"
#include "common/http/url.h"
#include "common/json/json.h"
#include "common/power/ec2_provider.h"

namespace sluice::power {
namespace {

Json list(std::initializer_list<std::string> values) {
  Json out = Json::array();
  for (const auto& value : values) out.push(Json::of(value));
  return out;
}

Json statement(const char* id, std::initializer_list<std::string> actions, const Json& resource) {
  Json out = Json::object();
  out.set("Sid", Json::of(id));
  out.set("Effect", Json::of("Allow"));
  out.set("Action", list(actions));
  out.set("Resource", resource);
  return out;
}

Json equals(const std::string& key, const std::string& value) {
  Json pair = Json::object();
  pair.set(key, Json::of(value));
  Json out = Json::object();
  out.set("StringEquals", pair);
  return out;
}

// arn:*:sqs:REGION:ACCOUNT:NAME of https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.
std::string queue_arn(const std::string& url) {
  auto parsed = http::parse_url(url);
  if (!parsed) return "*";
  auto host = text::split(parsed->host, '.');
  auto path = text::split(parsed->path, '/');
  if (host.size() < 3 || path.size() != 3) return "*";
  return "arn:*:sqs:" + host[1] + ":" + path[1] + ":" + path[2];
}

}  // namespace

std::string least_policy(const Config& config, const std::string& cluster) {
  const std::string tag = kTagCluster;
  // arn:aws in most regions, arn:aws-cn in China, arn:aws-us-gov in GovCloud.
  const std::string instances = "arn:*:ec2:*:*:instance/*";
  Json statements = Json::array();
  // A fleet launches with the rights of who asks for it; its instances have our tag from the start.
  Json launched = statement("LaunchWithOurTag", {"ec2:RunInstances"}, Json::of(instances));
  launched.set("Condition", equals("aws:RequestTag/" + tag, cluster));
  statements.push(launched);
  statements.push(
      statement("LaunchFrom", {"ec2:RunInstances"},
                list({"arn:*:ec2:*::image/*", "arn:*:ec2:*:*:subnet/*", "arn:*:ec2:*:*:volume/*",
                      "arn:*:ec2:*:*:network-interface/*", "arn:*:ec2:*:*:security-group/*",
                      "arn:*:ec2:*:*:key-pair/*", "arn:*:ec2:*:*:launch-template/*",
                      "arn:*:ec2:*:*:placement-group/*", "arn:*:ec2:*::snapshot/*",
                      "arn:*:ec2:*:*:spot-instances-request/*"})));
  statements.push(statement("Fleet", {"ec2:CreateFleet"}, Json::of("*")));
  Json tagged = statement("TagAtLaunch", {"ec2:CreateTags"}, Json::of(instances));
  Json both = Json::object();
  both.set("ec2:CreateAction", list({"CreateFleet", "RunInstances"}));
  both.set("aws:RequestTag/" + tag, Json::of(cluster));
  Json creating = Json::object();
  creating.set("StringEquals", both);
  tagged.set("Condition", creating);
  statements.push(tagged);
  Json ours =
      statement("OurInstances", {"ec2:TerminateInstances", "ec2:CreateTags"}, Json::of(instances));
  ours.set("Condition", equals("aws:ResourceTag/" + tag, cluster));
  statements.push(ours);
  statements.push(
      statement("Look", {"ec2:DescribeInstances", "ec2:DescribeSubnets"}, Json::of("*")));
  // Only where launch templates name an instance profile; the administrator knows its role.
  Json pass = statement("NodesRole", {"iam:PassRole"}, Json::of("arn:*:iam::*:role/ROLE-OF-NODES"));
  pass.set("Condition", equals("iam:PassedToService", "ec2.amazonaws.com"));
  statements.push(pass);
  // The first spot instance of an account makes this role.
  Json role = statement("SpotsOwnRole", {"iam:CreateServiceLinkedRole"}, Json::of("*"));
  role.set("Condition", equals("iam:AWSServiceName", "spot.amazonaws.com"));
  statements.push(role);
  if (!config.interruption_queue.empty())
    statements.push(statement("Interruptions", {"sqs:ReceiveMessage", "sqs:DeleteMessage"},
                              Json::of(queue_arn(config.interruption_queue))));
  Json out = Json::object();
  out.set("Version", Json::of("2012-10-17"));
  out.set("Statement", statements);
  return out.pretty();
}

}  // namespace sluice::power
