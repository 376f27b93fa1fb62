// The AWS shared config and credentials files (AWS SDKs and Tools Reference Guide, "Shared config
// and credentials files"): ~/.aws/config and ~/.aws/credentials, or what AWS_CONFIG_FILE and
// AWS_SHARED_CREDENTIALS_FILE name.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/aws/provider.h"

namespace sluice::aws {

using Profile = std::map<std::string, std::string>;  // keys in lower case
using Profiles = std::map<std::string, Profile>;

// Adds a file's profiles to `out`, replacing keys that are there already. In config files a profile
// is [profile NAME] or [default], in credentials files [NAME].
void parse_profiles(std::string_view text, bool config_file, Profiles* out);

struct ProfileFiles {
  std::string config;
  std::string credentials;
};
ProfileFiles profile_files(const Surroundings& s);

// Both files; one that is missing is empty, one that cannot be read is an error.
Result<Profiles> load_profiles(const Surroundings& s);

}  // namespace sluice::aws
