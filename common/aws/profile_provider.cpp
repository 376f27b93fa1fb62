// Credentials of a named profile: keys in the files, or a role assumed from another profile or from
// where this machine runs. Roles may be stacked; a profile that leads back to itself is an error.
#include <set>

#include "common/aws/profile.h"
#include "common/aws/region.h"
#include "common/base/clock.h"
#include "common/base/text.h"

namespace sluice::aws {
namespace {

std::string value_of(const Profile& p, const char* key) {
  auto at = p.find(key);
  return at == p.end() ? std::string() : at->second;
}

class FromProfile : public Provider, public std::enable_shared_from_this<FromProfile> {
 public:
  FromProfile(Surroundings s, std::string profile, bool named)
      : s_(std::move(s)), profile_(std::move(profile)), named_(named) {}
  const char* name() const override { return "profile"; }

  // The files are read anew each time: keys in them are rotated by editing them.
  void fetch(OnFetched got) override {
    auto profiles = load_profiles(s_);
    if (!profiles) {
      got(std::unexpected(NoCredentials{profiles.error().what, true}));
      return;
    }
    std::set<std::string> seen;
    auto provider = resolve(*profiles, profile_, &seen);
    if (!provider) {
      got(std::unexpected(provider.error()));
      return;
    }
    inner_ = *provider;  // a role's session is asked for at each fetch, so nothing is kept in it
    inner_->fetch(std::move(got));
  }

 private:
  using Found = std::expected<ProviderPtr, NoCredentials>;

  Found broken(std::string why) const {
    return std::unexpected(NoCredentials{std::move(why), true});
  }

  Found resolve(const Profiles& all, const std::string& name, std::set<std::string>* seen) {
    auto at = all.find(name);
    std::string shown = "profile \"" + text::printable(name, 60) + "\"";
    if (at == all.end()) {
      ProfileFiles files = profile_files(s_);
      return std::unexpected(
          NoCredentials{"no " + shown + " in " + files.config + " or " + files.credentials,
                        named_ || !seen->empty()});
    }
    const Profile& p = at->second;
    seen->insert(name);
    std::string key = value_of(p, "aws_access_key_id");
    // Where a source profile has both keys and a role, its keys are meant, as in AWS's own SDKs.
    bool asked = seen->size() == 1;
    if (!value_of(p, "role_arn").empty() && (asked || key.empty()))
      return role(all, p, name, shown, seen);
    if (!key.empty()) return keys(p, shown);
    for (const char* other :
         {"sso_session", "sso_start_url", "credential_process", "web_identity_token_file"})
      if (!value_of(p, other).empty())
        return broken(shown + " uses " + other +
                      ", which is not supported here; use keys, role_arn or an instance role");
    return std::unexpected(
        NoCredentials{"no keys and no role_arn in " + shown, named_ || seen->size() > 1});
  }

  Found keys(const Profile& p, const std::string& shown) const {
    Credentials c;
    c.access_key = value_of(p, "aws_access_key_id");
    c.secret_key = value_of(p, "aws_secret_access_key");
    c.session_token = value_of(p, "aws_session_token");
    if (c.secret_key.empty())
      return broken(shown + " has aws_access_key_id but no aws_secret_access_key");
    return static_provider(std::move(c));
  }

  Found role(const Profiles& all, const Profile& p, const std::string& name,
             const std::string& shown, std::set<std::string>* seen) {
    std::string source = value_of(p, "source_profile");
    std::string place = value_of(p, "credential_source");
    if (source.empty() == place.empty())
      return broken(shown + " has role_arn and needs one of source_profile and credential_source");
    if (!value_of(p, "mfa_serial").empty())
      return broken(shown + " asks for mfa_serial, which a daemon cannot answer");
    Found base;
    if (!source.empty()) {
      if (source != name && seen->contains(source))
        return broken(shown + " is a source_profile of itself by a loop");
      base = source == name ? keys(p, shown) : resolve(all, source, seen);
    } else if (place == "Environment") {
      base = environment_provider(s_);
    } else if (place == "Ec2InstanceMetadata") {
      base = imds_provider(s_);
    } else if (place == "EcsContainer") {
      base = container_provider(s_);
    } else {
      return broken(shown +
                    ": credential_source must be Environment, Ec2InstanceMetadata or "
                    "EcsContainer");
    }
    if (!base) return base;
    Role role;
    role.arn = value_of(p, "role_arn");
    role.external_id = value_of(p, "external_id");
    role.session_name = value_of(p, "role_session_name");
    role.region = value_of(p, "region");
    if (role.region.empty()) role.region = region_from_environment(s_);
    int64_t duration = 0;
    if (text::parse_int(value_of(p, "duration_seconds"), 900, 43'200, &duration))
      role.duration_s = duration;
    return assume_role_provider(s_, *base, std::move(role));
  }

  Surroundings s_;
  std::string profile_;
  bool named_;
  ProviderPtr inner_;
};

}  // namespace

ProviderPtr profile_provider(const Surroundings& s, const std::string& profile, bool named) {
  return std::make_shared<FromProfile>(s, profile, named);
}

}  // namespace sluice::aws
