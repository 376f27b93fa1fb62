// One place that credentials may come from. credentials.h asks them in turn.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "common/aws/identity.h"
#include "common/base/error.h"
#include "common/http/client.h"

namespace sluice::aws {

// What providers see of their surroundings; tests give their own.
struct Surroundings {
  std::function<std::string(const char*)> env;  // a variable's value, empty if unset
  http::Client* http = nullptr;                 // outlives every provider
  std::string proxy;                            // for STS; never for what is on this host's link
  std::string ca_file;                          // for STS
};

// getenv, and nothing else set.
Surroundings real_surroundings(http::Client* http);

struct NoCredentials {
  std::string why;
  // The provider is meant to be used but failed: asking the next one would sign as someone else.
  bool configured = false;
};

using Fetched = std::expected<Credentials, NoCredentials>;
using OnFetched = std::function<void(Fetched)>;

// Held by shared_ptr: requests under way keep their provider alive.
class Provider {
 public:
  Provider() = default;
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;
  virtual ~Provider() = default;
  virtual const char* name() const = 0;
  // Calls back once, from here or from http::Client::poll. Not called again before that.
  virtual void fetch(OnFetched got) = 0;
};

using ProviderPtr = std::shared_ptr<Provider>;

ProviderPtr environment_provider(const Surroundings& s);
// `named`: the profile was asked for by name, so that its absence is an error.
ProviderPtr profile_provider(const Surroundings& s, const std::string& profile, bool named);
ProviderPtr container_provider(const Surroundings& s);
ProviderPtr imds_provider(const Surroundings& s);
ProviderPtr static_provider(Credentials credentials);
ProviderPtr web_identity_provider(const Surroundings& s);

// What AssumeRole is called with.
struct Role {
  std::string arn;
  std::string session_name;
  std::string external_id;
  std::string region;
  int64_t duration_s = 3600;
};
// Credentials of `role`, assumed with those of `base`.
ProviderPtr assume_role_provider(const Surroundings& s, ProviderPtr base, Role role);

// The JSON that container and instance metadata endpoints answer.
Fetched parse_credentials_json(const std::string& body, const std::string& from);
// STS's XML, of AssumeRole and AssumeRoleWithWebIdentity (`result` names the result element).
Fetched parse_sts_xml(const std::string& body, const char* result, const std::string& from);

}  // namespace sluice::aws
