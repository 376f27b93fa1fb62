// The form that EC2 takes. What is expected of whole requests was made by botocore's own serializer
// for EC2 (botocore.serialize.create_serializer("ec2"), botocore 1.43.117, model 2016-11-15) from
// the same JSON, and urllib.parse.urlencode; it is not to be edited by hand.
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "common/power/ec2_form.h"

namespace sluice::power::ec2 {
namespace {

using Pairs = std::vector<std::string>;

std::string form(const std::string& key, std::string_view json) {
  auto value = Json::parse(json);
  if (!value) return value.error().what;
  std::string body;
  add_field(&body, key, *value);
  return body;
}

// A whole request's KEY=VALUE pairs, in the order of the JSON.
Pairs request(std::string_view json) {
  std::string body = form("", json);
  return text::split(std::string_view(body).substr(body.empty() ? 0 : 1), '&');
}

constexpr std::string_view kFleet = R"json({
  "ClientToken": "8f4a-1",
  "Type": "instant",
  "ExcessCapacityTerminationPolicy": "no-termination",
  "TerminateInstancesWithExpiration": false,
  "ValidFrom": "2026-03-01T12:00:00Z",
  "SpotOptions": {
    "AllocationStrategy": "price-capacity-optimized",
    "MaintenanceStrategies": {
      "CapacityRebalance": {"ReplacementStrategy": "launch", "TerminationDelay": 120}
    },
    "InstancePoolsToUseCount": 2,
    "SingleInstanceType": true,
    "MaxTotalPrice": "12.5"
  },
  "OnDemandOptions": {
    "AllocationStrategy": "prioritized",
    "CapacityReservationOptions": {"UsageStrategy": "use-capacity-reservations-first"},
    "MinTargetCapacity": 1
  },
  "ReservedCapacityOptions": {
    "ReservationTypes": ["capacity-block"],
    "CapacityReservationTarget": {
      "CapacityReservationIds": ["cr-1", "cr-2"],
      "CapacityReservationResourceGroupArns": ["arn:aws:resource-groups:eu-central-1:1:group/g"]
    },
    "ReservedCapacityFallbackOptions": {"MarketTypes": ["on-demand"]}
  },
  "LaunchTemplateConfigs": [
    {
      "LaunchTemplateSpecification": {
        "LaunchTemplateName": "cpu nodes", "Version": "$Latest",
        "LaunchTemplateSpecificationUserData": "IyEvYmluL3NoCg+/=="
      },
      "Overrides": [
        {
          "InstanceType": "c7i.2xlarge", "MaxPrice": "0.15", "SubnetId": "subnet-0a",
          "WeightedCapacity": 1.5, "Priority": 0.1,
          "Placement": {"GroupName": "rack", "PartitionNumber": 3, "Tenancy": "default"},
          "BlockDeviceMappings": [
            {
              "DeviceName": "/dev/xvda",
              "Ebs": {"Encrypted": true, "Iops": 3000, "VolumeSize": 100, "VolumeType": "gp3"}
            },
            {"DeviceName": "/dev/sdb", "NoDevice": ""}
          ],
          "IamInstanceProfile": {"Arn": "arn:aws:iam::1:instance-profile/node"},
          "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
        },
        {
          "InstanceRequirements": {
            "VCpuCount": {"Min": 8, "Max": 16},
            "MemoryMiB": {"Min": 16384},
            "MemoryGiBPerVCpu": {"Min": 1.75, "Max": 8},
            "CpuManufacturers": ["intel", "amd"],
            "ExcludedInstanceTypes": ["t*", "m5.8xlarge"],
            "InstanceGenerations": ["current"],
            "OnDemandMaxPricePercentageOverLowestPrice": 20,
            "BareMetal": "excluded",
            "RequireHibernateSupport": false,
            "LocalStorageTypes": ["ssd"],
            "TotalLocalStorageGB": {"Min": 0.5},
            "AcceleratorTypes": ["gpu"],
            "AcceleratorCount": {"Min": 1, "Max": 4},
            "AcceleratorManufacturers": ["nvidia"],
            "AcceleratorNames": ["a100", "h100"],
            "NetworkBandwidthGbps": {"Min": 12.5},
            "BaselinePerformanceFactors": {
              "Cpu": {"References": [{"InstanceFamily": "c6i"}, {"InstanceFamily": "c7g"}]}
            }
          },
          "ImageId": "resolve:ssm:/images/node"
        }
      ]
    },
    {
      "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-0b", "Version": "7"},
      "Overrides": [
        {
          "InstanceRequirements": {
            "VCpuCount": {"Min": 4}, "MemoryMiB": {"Min": 0},
            "AllowedInstanceTypes": ["m7i.*", "m7a.*"]
          }
        }
      ]
    }
  ],
  "TargetCapacitySpecification": {
    "TotalTargetCapacity": 500, "OnDemandTargetCapacity": 0,
    "DefaultTargetCapacityType": "spot", "TargetCapacityUnitType": "units"
  },
  "TagSpecifications": [
    {
      "ResourceType": "instance",
      "Tags": [
        {"Key": "sluice:node", "Value": "cloud[1-500]"},
        {"Key": "owner", "Value": "R&D = 100% Grüße ~ + '*'"}
      ]
    },
    {"ResourceType": "fleet", "Tags": [{"Key": "empty", "Value": ""}]}
  ]
})json";

TEST(Ec2Form, CreateFleet) {
  const Pairs by_botocore{
      "ClientToken=8f4a-1",
      "Type=instant",
      "ExcessCapacityTerminationPolicy=no-termination",
      "TerminateInstancesWithExpiration=false",
      "ValidFrom=2026-03-01T12%3A00%3A00Z",
      "SpotOptions.AllocationStrategy=price-capacity-optimized",
      "SpotOptions.MaintenanceStrategies.CapacityRebalance.ReplacementStrategy=launch",
      "SpotOptions.MaintenanceStrategies.CapacityRebalance.TerminationDelay=120",
      "SpotOptions.InstancePoolsToUseCount=2",
      "SpotOptions.SingleInstanceType=true",
      "SpotOptions.MaxTotalPrice=12.5",
      "OnDemandOptions.AllocationStrategy=prioritized",
      "OnDemandOptions.CapacityReservationOptions.UsageStrategy=use-capacity-reservations-first",
      "OnDemandOptions.MinTargetCapacity=1",
      "ReservedCapacityOptions.ReservationType.1=capacity-block",
      "ReservedCapacityOptions.CapacityReservationTarget.CapacityReservationId.1=cr-1",
      "ReservedCapacityOptions.CapacityReservationTarget.CapacityReservationId.2=cr-2",
      "ReservedCapacityOptions.CapacityReservationTarget.CapacityReservationResourceGroupArn.1=arn%"
      "3Aaws%3Aresource-groups%3Aeu-central-1%3A1%3Agroup%2Fg",
      "ReservedCapacityOptions.ReservedCapacityFallbackOptions.MarketType.1=on-demand",
      "LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateName=cpu+nodes",
      "LaunchTemplateConfigs.1.LaunchTemplateSpecification.Version=%24Latest",
      "LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateSpecificationUserData="
      "IyEvYmluL3NoCg%2B%2F%3D%3D",
      "LaunchTemplateConfigs.1.Overrides.1.InstanceType=c7i.2xlarge",
      "LaunchTemplateConfigs.1.Overrides.1.MaxPrice=0.15",
      "LaunchTemplateConfigs.1.Overrides.1.SubnetId=subnet-0a",
      "LaunchTemplateConfigs.1.Overrides.1.WeightedCapacity=1.5",
      "LaunchTemplateConfigs.1.Overrides.1.Priority=0.1",
      "LaunchTemplateConfigs.1.Overrides.1.Placement.GroupName=rack",
      "LaunchTemplateConfigs.1.Overrides.1.Placement.PartitionNumber=3",
      "LaunchTemplateConfigs.1.Overrides.1.Placement.Tenancy=default",
      "LaunchTemplateConfigs.1.Overrides.1.BlockDeviceMapping.1.DeviceName=%2Fdev%2Fxvda",
      "LaunchTemplateConfigs.1.Overrides.1.BlockDeviceMapping.1.Ebs.Encrypted=true",
      "LaunchTemplateConfigs.1.Overrides.1.BlockDeviceMapping.1.Ebs.Iops=3000",
      "LaunchTemplateConfigs.1.Overrides.1.BlockDeviceMapping.1.Ebs.VolumeSize=100",
      "LaunchTemplateConfigs.1.Overrides.1.BlockDeviceMapping.1.Ebs.VolumeType=gp3",
      "LaunchTemplateConfigs.1.Overrides.1.BlockDeviceMapping.2.DeviceName=%2Fdev%2Fsdb",
      "LaunchTemplateConfigs.1.Overrides.1.BlockDeviceMapping.2.NoDevice=",
      "LaunchTemplateConfigs.1.Overrides.1.IamInstanceProfile.Arn=arn%3Aaws%3Aiam%3A%3A1%"
      "3Ainstance-profile%2Fnode",
      "LaunchTemplateConfigs.1.Overrides.1.MetadataOptions.HttpTokens=required",
      "LaunchTemplateConfigs.1.Overrides.1.MetadataOptions.HttpPutResponseHopLimit=2",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.VCpuCount.Min=8",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.VCpuCount.Max=16",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.MemoryMiB.Min=16384",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.MemoryGiBPerVCpu.Min=1.75",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.MemoryGiBPerVCpu.Max=8",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.CpuManufacturer.1=intel",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.CpuManufacturer.2=amd",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.ExcludedInstanceType.1=t%2A",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.ExcludedInstanceType.2=m5.8xlarge",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.InstanceGeneration.1=current",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements."
      "OnDemandMaxPricePercentageOverLowestPrice=20",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.BareMetal=excluded",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.RequireHibernateSupport=false",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.LocalStorageType.1=ssd",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.TotalLocalStorageGB.Min=0.5",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.AcceleratorType.1=gpu",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.AcceleratorCount.Min=1",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.AcceleratorCount.Max=4",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.AcceleratorManufacturer.1=nvidia",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.AcceleratorName.1=a100",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.AcceleratorName.2=h100",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.NetworkBandwidthGbps.Min=12.5",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.BaselinePerformanceFactors.Cpu."
      "Reference.1.InstanceFamily=c6i",
      "LaunchTemplateConfigs.1.Overrides.2.InstanceRequirements.BaselinePerformanceFactors.Cpu."
      "Reference.2.InstanceFamily=c7g",
      "LaunchTemplateConfigs.1.Overrides.2.ImageId=resolve%3Assm%3A%2Fimages%2Fnode",
      "LaunchTemplateConfigs.2.LaunchTemplateSpecification.LaunchTemplateId=lt-0b",
      "LaunchTemplateConfigs.2.LaunchTemplateSpecification.Version=7",
      "LaunchTemplateConfigs.2.Overrides.1.InstanceRequirements.VCpuCount.Min=4",
      "LaunchTemplateConfigs.2.Overrides.1.InstanceRequirements.MemoryMiB.Min=0",
      "LaunchTemplateConfigs.2.Overrides.1.InstanceRequirements.AllowedInstanceType.1=m7i.%2A",
      "LaunchTemplateConfigs.2.Overrides.1.InstanceRequirements.AllowedInstanceType.2=m7a.%2A",
      "TargetCapacitySpecification.TotalTargetCapacity=500",
      "TargetCapacitySpecification.OnDemandTargetCapacity=0",
      "TargetCapacitySpecification.DefaultTargetCapacityType=spot",
      "TargetCapacitySpecification.TargetCapacityUnitType=units",
      "TagSpecification.1.ResourceType=instance",
      "TagSpecification.1.Tag.1.Key=sluice%3Anode",
      "TagSpecification.1.Tag.1.Value=cloud%5B1-500%5D",
      "TagSpecification.1.Tag.2.Key=owner",
      "TagSpecification.1.Tag.2.Value=R%26D+%3D+100%25+Gr%C3%BC%C3%9Fe+~+%2B+%27%2A%27",
      "TagSpecification.2.ResourceType=fleet",
      "TagSpecification.2.Tag.1.Key=empty",
      "TagSpecification.2.Tag.1.Value=",
  };
  EXPECT_EQ(request(kFleet), by_botocore);
}

TEST(Ec2Form, TerminateInstances) {
  const Pairs by_botocore{
      "InstanceId.1=i-0a",
      "InstanceId.2=i-0b",
  };
  EXPECT_EQ(request(R"({"InstanceIds": ["i-0a", "i-0b"]})"), by_botocore);
}

TEST(Ec2Form, CreateTags) {
  const Pairs by_botocore{
      "ResourceId.1=i-0a",
      "ResourceId.2=i-0b",
      "Tag.1.Key=sluice%3Anode",
      "Tag.1.Value=c1",
  };
  EXPECT_EQ(request(R"({"Resources": ["i-0a", "i-0b"],
                        "Tags": [{"Key": "sluice:node", "Value": "c1"}]})"),
            by_botocore);
}

TEST(Ec2Form, DescribeInstances) {
  const Pairs by_botocore{
      "Filter.1.Name=tag%3Asluice%3Acluster",
      "Filter.1.Value.1=a+b",
      "Filter.1.Value.2=c",
      "Filter.2.Name=instance-state-name",
      "Filter.2.Value.1=running",
      "MaxResults=500",
      "NextToken=a%2Fb%2Bc%3D%3D",
  };
  EXPECT_EQ(request(R"({"Filters": [{"Name": "tag:sluice:cluster", "Values": ["a b", "c"]},
                                    {"Name": "instance-state-name", "Values": ["running"]}],
                        "MaxResults": 500, "NextToken": "a/b+c=="})"),
            by_botocore);
}

TEST(Ec2Form, AppendsUnderAKey) {
  std::string body = "Action=CreateFleet";
  add_field(&body, "LaunchTemplateConfigs.1.Overrides", *Json::parse(R"([{"Priority": 1}])"));
  add_field(&body, "ClientToken", "a b");
  EXPECT_EQ(body,
            "Action=CreateFleet&LaunchTemplateConfigs.1.Overrides.1.Priority=1&ClientToken=a+b");
}

TEST(Ec2Form, KeyMayBeTheReferencesOrTheOneOnTheWire) {
  for (const char* key : {"TagSpecifications", "TagSpecification"})
    EXPECT_EQ(form(key, R"([{"Tags": [{"Key": "k"}]}])"), "&TagSpecification.1.Tag.1.Key=k");
  EXPECT_EQ(form("A.1.BlockDeviceMappings", R"([""])"), "&A.1.BlockDeviceMapping.1=");
  EXPECT_EQ(form("Tags.1.Key", R"("k")"), "&Tags.1.Key=k");  // a path before it is as given
}

TEST(Ec2Form, NullAndEmptyAreNothing) {
  for (const char* json : {"null", "{}", "[]", "[null]", R"({"A": null, "B": {"C": []}})"})
    EXPECT_EQ(form("K", json), "") << json;
  EXPECT_EQ(form("K", R"([null, "a", null, "b"])"), "&K.1=a&K.2=b");
  EXPECT_EQ(form("K", R"([{}, {"A": 1}])"), "&K.2.A=1");  // as botocore counts
  EXPECT_EQ(form("K", R"("")"), "&K=");                   // NoDevice's only value
}

TEST(Ec2Form, NumbersKeepTheirDigits) {
  for (const char* number : {"0", "-7", "123456789012345678", "0.1", "1.0", "2.50",
                             "0.30000000000000004", "123456789.123456789"})
    EXPECT_EQ(form("K", number), std::string("&K=") + number);
  EXPECT_EQ(form("K", "1e+3"), "&K=1e%2B3");
  EXPECT_EQ(form("K", "[true, false]"), "&K.1=true&K.2=false");
}

TEST(Ec2Form, ForeignTextBecomesNoParameter) {
  EXPECT_EQ(form("Tag", R"({"a&Action=TerminateInstances&b": "c&d=e"})"),
            "&Tag.a%26Action%3DTerminateInstances%26b=c%26d%3De");
  EXPECT_EQ(form("K", R"("a\u0000b\n")"), "&K=a%00b%0A");
}

TEST(Ec2Form, Nested) {
  std::string deep;
  std::string key = "&K";
  for (int i = 0; i < 60; ++i) {
    deep += '[';
    key += ".1";
  }
  EXPECT_EQ(form("K", deep + "1" + std::string(60, ']')), key + "=1");
}

}  // namespace
}  // namespace sluice::power::ec2
