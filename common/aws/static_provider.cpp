// Credentials that were simply there: given, or in the environment.
#include "common/aws/provider.h"

namespace sluice::aws {
namespace {

class Static : public Provider {
 public:
  explicit Static(Credentials c) : credentials_(std::move(c)) {}
  const char* name() const override { return "static keys"; }
  void fetch(OnFetched got) override { got(credentials_); }

 private:
  Credentials credentials_;
};

class Environment : public Provider {
 public:
  explicit Environment(const Surroundings& s) : env_(s.env) {}
  const char* name() const override { return "environment"; }

  void fetch(OnFetched got) override {
    Credentials c;
    c.access_key = env_("AWS_ACCESS_KEY_ID");
    c.secret_key = env_("AWS_SECRET_ACCESS_KEY");
    c.session_token = env_("AWS_SESSION_TOKEN");
    if (c.access_key.empty())
      got(std::unexpected(NoCredentials{"AWS_ACCESS_KEY_ID is not set", false}));
    else if (c.secret_key.empty())
      got(std::unexpected(
          NoCredentials{"AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not", true}));
    else
      got(std::move(c));
  }

 private:
  std::function<std::string(const char*)> env_;
};

}  // namespace

ProviderPtr static_provider(Credentials credentials) {
  return std::make_shared<Static>(std::move(credentials));
}

ProviderPtr environment_provider(const Surroundings& s) {
  return std::make_shared<Environment>(s);
}

}  // namespace sluice::aws
