#include <gtest/gtest.h>

#include <fstream>

#include "common/power/config.h"
#include "common/power/generate.h"
#include "common/power/names.h"
#include "temp_folder.h"

namespace sluice::power {
namespace {

constexpr const char* kSlurmConf = R"({"PrivateData": "CLOUD", "ResumeProgram": "/s/resume",
  "SuspendProgram": "/s/suspend", "ResumeRate": 100, "SuspendRate": 100, "ResumeTimeout": 300,
  "SuspendTime": 350, "TreeWidth": 60000})";
constexpr const char* kGroup = R"({"NodeGroupName": "node", "MaxNodes": 100, "Region": "us-east-1",
  "SlurmSpecifications": {"CPUs": "4"}, "PurchasingOption": "on-demand",
  "OnDemandOptions": {"AllocationStrategy": "lowest-price"},
  "LaunchTemplateSpecification": {"LaunchTemplateName": "t", "Version": "$Latest"},
  "LaunchTemplateOverrides": [{"InstanceType": "c5.xlarge"}],
  "SubnetIds": ["subnet-11111111", "subnet-22222222"]})";

Json object(const std::string& text) {
  auto json = Json::parse(text, true);
  EXPECT_TRUE(json) << text;
  return json ? *json : Json();
}

// A group in which `key` is another, or is missing where `value` is empty.
std::string group_with(const std::string& key, const std::string& value) {
  Json group = object(kGroup);
  if (value.empty())
    group.remove(key);
  else
    group.set(key, object(value));
  return group.dump();
}

std::string partitions(const std::string& group, const std::string& more = "") {
  return R"({"Partitions": [{"PartitionName": "aws", "NodeGroups": [)" + group + "]" + more + "}]}";
}

std::string problems_of(const std::string& text, Config* out = nullptr, bool warnings = true) {
  Config config;
  config::Problems problems;
  parse_partitions(object(text), out == nullptr ? &config : out, &problems);
  std::string all;
  for (const auto& p : problems)
    if (warnings || !p.warning) all += (p.warning ? "warning: " : "") + p.text() + "\n";
  return all;
}

TEST(PowerConfig, AGoodGroupHasNoProblem) {
  Config config;
  EXPECT_EQ(problems_of(partitions(kGroup), &config), "");
  const Group& group = config.partitions.at(0).groups.at(0);
  EXPECT_EQ(group.prefix(), "aws-node");
  EXPECT_EQ(group.max_nodes, 100);
  EXPECT_FALSE(group.spot);
  EXPECT_EQ(group.subnets.size(), 2U);
  EXPECT_EQ(group.market_options.get("AllocationStrategy").str(), "lowest-price");
}

struct Fault {
  const char* key;
  const char* value;  // "": missing
  const char* says;
};

TEST(PowerConfig, FaultsSayWhereAndWhatIsAllowed) {
  const Fault faults[] = {
      {"NodeGroupName", "\"no_de\"", "NodeGroupName: \"no_de\": must match ^[a-zA-Z0-9]+$"},
      {"NodeGroupName", "", "NodeGroupName: is missing"},
      {"MaxNodes", "0", "MaxNodes: 0: must be an integer from 1"},
      {"MaxNodes", "-3", "MaxNodes: -3: must be an integer from 1"},
      {"MaxNodes", "true", "MaxNodes: true: must be an integer from 1"},
      {"MaxNodes", "\"10\"", "must be an integer from 1"},
      {"MaxNodes", "10001", "to 10000"},
      {"MaxNodes", "", "MaxNodes: is missing"},
      {"Region", "\"Frankfurt\"", "must be an AWS region"},
      {"Region", "\"us-east-1.evil.example/\"", "must be an AWS region"},
      {"PurchasingOption", "\"free\"", "must be one of \"spot\", \"on-demand\""},
      {"PurchasingOption", "", "PurchasingOption: is missing"},
      {"LaunchTemplateOverrides", "[]", "must have at least one"},
      {"LaunchTemplateOverrides", "[{\"SubnetId\": \"subnet-1\"}]",
       "SubnetId: \"subnet-1\": must not"},
      {"LaunchTemplateSpecification", "{\"Version\": \"1\"}", "or LaunchTemplateName is needed"},
      {"LaunchTemplateSpecification",
       "{\"LaunchTemplateId\": \"lt-1\", \"LaunchTemplateName\": "
       "\"n\", \"Version\": \"1\"}",
       "must not stand beside LaunchTemplateId"},
      {"LaunchTemplateSpecification", "{\"LaunchTemplateId\": \"lt-1\"}", "Version: is missing"},
      {"SubnetIds", "[]", "SubnetIds: (an array): must name at least one"},
      {"SubnetIds", "[\"subnet-1\", \"subnet-1\"]", "names \"subnet-1\" twice"},
      {"SubnetIds", "[\"vpc-1\"]", "each must be subnet-"},
      {"SlurmSpecifications", "{\"CPUs\": \"4\\nPartitionName=x\"}", "must be one line"},
      {"SlurmSpecifications", "{\"CPUs\": \"4 State=UP\"}", "must not hold blanks"},
      {"SlurmSpecifications", "{\"CPUs\": \"4#\"}", "begins a comment"},
      {"SlurmSpecifications", "{\"CPUs\": \"4\", \"cpus\": \"8\"}", "cpus: \"8\": is given twice"},
      {"SlurmSpecifications", "{\"State\": \"UNKNOWN\"}", "written by generate_conf itself"},
      {"SlurmSpecifications", "{\"CPUs\": [4]}", "must be a string, a number, true or false"},
      {"SlurmSpecifications", "{\"Gres\": \"gpu:a:b:c\"}", "must be NAME:COUNT or NAME:TYPE:COUNT"},
      {"Tags", "[{\"Key\": \"aws:x\", \"Value\": \"1\"}]", "must not begin with aws:"},
      {"Tags", "[{\"Key\": \"sluice:launch\", \"Value\": \"1\"}]", "must not begin with sluice:"},
      {"Tags", "[{\"Key\": \"a\", \"Value\": \"1\"}, {\"Key\": \"a\", \"Value\": \"2\"}]",
       "Tags[1].Key: \"a\": is given twice"},
      {"Provider", "\"azure\"", "must be one of \"ec2\", \"process\""},
  };
  for (const Fault& fault : faults) {
    std::string found = problems_of(partitions(group_with(fault.key, fault.value)), nullptr, false);
    EXPECT_NE(found.find(fault.says), found.npos) << fault.key << " " << fault.value << ":\n"
                                                  << found;
    EXPECT_NE(found.find("Partitions[0].NodeGroups[0]."), found.npos) << found;
  }
}

TEST(PowerConfig, WhatWorksButIsNotMeantIsAWarning) {
  const Fault warnings[] = {
      {"SpotOptions", "{\"AllocationStrategy\": \"lowest-price\"}",
       "SpotOptions: (an object): is not sent"},
      {"LaunchTemplateOverrides", "[{\"InstanceType\": \"c5.large\", \"WeightedCapacity\": 2}]",
       "WeightedCapacity: 2: is not sent"},
      {"Sparkles", "1", "Sparkles: 1: unknown key"},
      {"Tags", "[{\"Key\": \"Name\", \"Value\": \"x\"}]", "is the node's name"},
  };
  for (const Fault& w : warnings) {
    std::string text = partitions(group_with(w.key, w.value));
    EXPECT_EQ(problems_of(text, nullptr, false), "");
    std::string found = problems_of(text);
    EXPECT_NE(found.find(w.says), found.npos) << found;
    EXPECT_TRUE(found.starts_with("warning: ")) << found;
  }
}

// The old plugin's own examples do this.
TEST(PowerConfig, ASpotGroupWithOnDemandOptionsIsTakenAndTheyAreNotSent) {
  Config config;
  std::string found = problems_of(partitions(group_with("PurchasingOption", "\"spot\"")), &config);
  EXPECT_NE(found.find("warning: Partitions[0].NodeGroups[0].OnDemandOptions"), found.npos)
      << found;
  EXPECT_TRUE(config.partitions[0].groups[0].spot);
  EXPECT_TRUE(config.partitions[0].groups[0].market_options.is_null());
}

TEST(PowerConfig, TooManyPoolsAreFound) {
  Json overrides = Json::array();
  for (int i = 0; i < 151; ++i) overrides.push(object(R"({"InstanceType": "c5.large"})"));
  std::string found =
      problems_of(partitions(group_with("LaunchTemplateOverrides", overrides.dump())));
  EXPECT_NE(found.find("more than the 300 pools"), found.npos) << found;
}

TEST(PowerConfig, NamesMustBeUnique) {
  std::string twice = std::string(kGroup) + "," + kGroup;
  std::string found = problems_of(partitions(twice));
  EXPECT_NE(found.find("NodeGroups[1].NodeGroupName: \"node\": is given twice"), found.npos)
      << found;
  Json json = object(partitions(kGroup));
  json.get("Partitions").push(json.get("Partitions").at(0));
  found = problems_of(json.dump());
  EXPECT_NE(found.find("Partitions[1].PartitionName: \"aws\": is given twice"), found.npos)
      << found;
}

std::string config_problems(const std::string& text) {
  Config config;
  config::Problems problems;
  parse_config(object(text), &config, &problems);
  std::string all;
  for (const auto& p : problems) all += (p.warning ? "warning: " : "") + p.text() + "\n";
  return all;
}

TEST(PowerConfig, SlurmConfIsChecked) {
  auto with = [](const std::string& key, const std::string& value) {
    Json conf = object(kSlurmConf);
    if (value.empty())
      conf.remove(key);
    else
      conf.set(key, object(value));
    return config_problems(R"({"SlurmConf": )" + conf.dump() + "}");
  };
  EXPECT_EQ(with("LaunchParameters", "\"use_interactive_step\""), "");
  EXPECT_NE(with("PrivateData", "\"jobs\"").find("must be CLOUD"), std::string::npos);
  EXPECT_EQ(with("PrivateData", "\"jobs,cloud\""), "");
  EXPECT_NE(with("TreeWidth", "").find("SlurmConf.TreeWidth: is missing"), std::string::npos);
  EXPECT_NE(with("ResumeRate", "\"many\"").find("must be an integer"), std::string::npos);
  EXPECT_NE(with("ResumeProgram", "\"resume.py\"").find("must be an absolute path"),
            std::string::npos);
  EXPECT_NE(with("SuspendTime", "10").find("warning: SlurmConf.SuspendTime"), std::string::npos);
  EXPECT_NE(config_problems("{}").find("SlurmConf: is missing"), std::string::npos);
}

TEST(PowerConfig, ARateThatSplitsJobsIsAWarning) {
  Config config;
  config::Problems problems;
  parse_partitions(object(partitions(kGroup)), &config, &problems);
  config.slurm_conf = {{"ResumeRate", "50"}};
  check_together(config, &problems);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_TRUE(problems[0].warning);
  EXPECT_NE(problems[0].text().find("is less than the 100 nodes of partition aws"),
            std::string::npos);
  problems.clear();
  config.slurm_conf = {{"ResumeRate", "0"}};
  check_together(config, &problems);
  EXPECT_TRUE(problems.empty());
}

TEST(PowerConfig, TwoFilesOrOne) {
  testing::TempFolder folder;
  std::string path = folder.path();
  std::ofstream(path + "/config.json")
      << R"({"LogLevel": "INFO", "SlurmConf": )" << kSlurmConf << "}";
  std::ofstream(path + "/partitions.json") << partitions(kGroup);
  config::Problems problems;
  Config two = load(path, &problems);
  EXPECT_TRUE(problems.empty()) << problems[0].text();
  std::ofstream(path + "/sluice.json")
      << R"({"sinks": {}, /* and */ "power": {"LogLevel": "INFO", "SlurmConf": )" << kSlurmConf
      << R"(, "Partitions": )" << object(partitions(kGroup)).get("Partitions").dump() << "}}";
  Config one = load(path + "/sluice.json", &problems);
  EXPECT_TRUE(problems.empty()) << problems[0].text();
  EXPECT_EQ(slurm_conf_text(one), slurm_conf_text(two));
  std::ofstream(path + "/partitions.json") << "{\"Partitions\": [{}]";
  load(path, &problems);
  ASSERT_FALSE(problems.empty());
  EXPECT_TRUE(problems[0].path.starts_with(path + "/partitions.json: ")) << problems[0].text();
}

TEST(PowerGenerate, LinesAsTheOldPluginWroteThem) {
  Config config;
  config.slurm_conf = {{"PrivateData", "CLOUD"}, {"SuspendRate", "100"}};
  problems_of(partitions(kGroup), &config);
  EXPECT_EQ(slurm_conf_text(config),
            "PrivateData=CLOUD\nSuspendRate=100\n\n"
            "NodeName=aws-node-[0-99] State=CLOUD CPUs=4\n"
            "PartitionName=aws Nodes=aws-node-[0-99] Default=No MaxTime=INFINITE State=UP\n\n");
  EXPECT_EQ(gres_conf_text(config), "");
}

TEST(PowerGenerate, NoKeyTwice) {
  Config config;
  problems_of(
      partitions(group_with("MaxNodes", "1"),
                 R"(, "PartitionOptions": {"default": "yes", "MaxTime": "1:00", "Weight": 3})"),
      &config);
  EXPECT_EQ(slurm_conf_text(config),
            "\nNodeName=aws-node-0 State=CLOUD CPUs=4\n"
            "PartitionName=aws Nodes=aws-node-0 State=UP default=yes MaxTime=1:00 Weight=3\n\n");
}

TEST(PowerGenerate, Gres) {
  Config config;
  EXPECT_EQ(problems_of(partitions(group_with("SlurmSpecifications",
                                              R"({"Gres": "gpu:tesla:4,gpu:1,nic:2,license"})")),
                        &config),
            "");
  EXPECT_EQ(gres_conf_text(config),
            "NodeName=aws-node-[0-99] Name=gpu Type=tesla File=/dev/nvidia[0-3]\n"
            "NodeName=aws-node-[0-99] Name=gpu File=/dev/nvidia[0]\n"
            "NodeName=aws-node-[0-99] Name=nic Count=2\n"
            "NodeName=aws-node-[0-99] Name=license\n");
}

TEST(PowerNames, GroupsOfNodes) {
  Config config;
  problems_of(partitions(kGroup), &config);
  EXPECT_NE(group_of(config, "aws-node-0"), nullptr);
  EXPECT_NE(group_of(config, "aws-node-99"), nullptr);
  for (const char* foreign : {"aws-node-100", "aws-node-", "aws-node-01", "aws-node-+1", "n0", "",
                              "aws-node--1", "aws-nodes-1", "aws-node-1 ", "-0"})
    EXPECT_EQ(group_of(config, foreign), nullptr) << foreign;
  Sorted sorted = sort_by_group(config, {"aws-node-3", "n0", "aws-node-1", "aws-node-3"});
  EXPECT_EQ(sorted.foreign, std::vector<std::string>{"n0"});
  EXPECT_EQ(sorted.groups.begin()->second, (std::vector<std::string>{"aws-node-3", "aws-node-1"}));
}

}  // namespace
}  // namespace sluice::power
