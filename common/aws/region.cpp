#include "common/aws/region.h"

#include <algorithm>
#include <array>

#include "common/aws/imds.h"
#include "common/aws/profile.h"
#include "common/base/text.h"

namespace sluice::aws {
namespace {

struct Partition {
  std::string_view region_prefix;
  std::string_view domain;
};

constexpr std::array kPartitions{
    Partition{"cn-", "amazonaws.com.cn"},    Partition{"us-iso-", "c2s.ic.gov"},
    Partition{"us-isob-", "sc2s.sgov.gov"},  Partition{"us-isof-", "csp.hci.ic.gov"},
    Partition{"eu-isoe-", "cloud.adc-e.uk"}, Partition{"eusc-", "amazonaws.eu"},
};

}  // namespace

bool is_region(const std::string& text) {
  return text.size() >= 4 && text.size() <= 40 && text.find('-') != text.npos &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

std::string region_from_environment(const Surroundings& s) {
  std::string region = s.env("AWS_REGION");
  return region.empty() ? s.env("AWS_DEFAULT_REGION") : region;
}

void find_region(const Surroundings& s, const std::string& profile,
                 std::function<void(Result<std::string>)> found) {
  std::string region = region_from_environment(s);
  if (region.empty()) {
    auto profiles = load_profiles(s);
    if (!profiles) {
      found(std::unexpected(profiles.error()));
      return;
    }
    std::string name = profile.empty() ? s.env("AWS_PROFILE") : profile;
    region = (*profiles)[name.empty() ? "default" : name]["region"];
  }
  if (!region.empty()) {
    if (is_region(region))
      found(region);
    else
      found(fail("\"" + text::printable(region, 60) + "\" is not an AWS region"));
    return;
  }
  auto imds = std::make_shared<Imds>(s);
  imds->get("/latest/meta-data/placement/region",
            [imds, found = std::move(found)](const Result<std::string>& answer) {
              if (answer && is_region(*answer))
                found(*answer);
              else
                found(
                    fail("no AWS region: set \"region\", AWS_REGION or the profile's region; "
                         "instance metadata: " +
                         (answer ? "its answer is not a region" : answer.error().what)));
            });
}

std::string endpoint_for(const Surroundings& s, const std::string& prefix, const std::string& id,
                         const std::string& region) {
  for (const std::string& name : {"AWS_ENDPOINT_URL_" + id, std::string("AWS_ENDPOINT_URL")})
    if (std::string url = s.env(name.c_str()); !url.empty()) return url;
  std::string_view domain = "amazonaws.com";
  for (const auto& p : kPartitions)
    if (region.starts_with(p.region_prefix)) domain = p.domain;
  return "https://" + prefix + "." + region + "." + std::string(domain);
}

std::string region_of_arn(const std::string& arn) {
  auto parts = text::split(arn, ':');
  return parts.size() >= 6 && parts[0] == "arn" && is_region(parts[3]) ? parts[3] : std::string();
}

}  // namespace sluice::aws
