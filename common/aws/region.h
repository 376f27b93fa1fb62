// Which region to call, and where its endpoints are.
#pragma once

#include <functional>
#include <string>

#include "common/aws/provider.h"

namespace sluice::aws {

// AWS_REGION, AWS_DEFAULT_REGION, or empty.
std::string region_from_environment(const Surroundings& s);

// The environment's, else the profile's, else this instance's (asked of its metadata service).
// Calls back once, from here or from http::Client::poll.
void find_region(const Surroundings& s, const std::string& profile,
                 std::function<void(Result<std::string>)> found);

// [a-z]{2,}-…-N: what may be put into a host name.
bool is_region(const std::string& text);

// https://PREFIX.REGION.amazonaws.com or another partition's domain. AWS_ENDPOINT_URL_ID and
// AWS_ENDPOINT_URL override it ("Service-specific endpoints", AWS SDKs and Tools Reference Guide).
std::string endpoint_for(const Surroundings& s, const std::string& prefix, const std::string& id,
                         const std::string& region);

// The region within an ARN (arn:PARTITION:SERVICE:REGION:ACCOUNT:…), or empty.
std::string region_of_arn(const std::string& arn);

}  // namespace sluice::aws
