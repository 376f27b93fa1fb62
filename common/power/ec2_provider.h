// Nodes as EC2 instances: CreateFleet (instant), DescribeInstances, TerminateInstances over the
// Query protocol (Amazon EC2 API Reference, version 2016-11-15).
#pragma once

#include "common/aws/provider.h"
#include "common/power/provider.h"

namespace sluice::power {

// Tags that instances have from their launch on, by which they are found again.
constexpr const char* kTagCluster = "sluice:cluster";
constexpr const char* kTagGroup = "sluice:group";
constexpr const char* kTagLaunch = "sluice:launch";

// `surroundings.http` is polled by poll() and outlives the provider. `state`: the record's folder,
// in which the host's processes share how often they may call (bucket.h); empty: they do not.
ProviderPtr make_ec2_provider(const std::string& region, const std::string& profile,
                              aws::Surroundings surroundings, const std::string& state);

}  // namespace sluice::power
