// Credentials of the EC2 instance's role.
#include "common/aws/imds.h"
#include "common/base/text.h"

namespace sluice::aws {
namespace {

constexpr const char* kRoles = "/latest/meta-data/iam/security-credentials/";

class FromInstance : public Provider {
 public:
  explicit FromInstance(const Surroundings& s) : imds_(std::make_shared<Imds>(s)) {}
  const char* name() const override { return "instance metadata"; }

  void fetch(OnFetched got) override {
    imds_->get(kRoles, [imds = imds_, got = std::move(got)](const Result<std::string>& roles) {
      if (!roles) {
        got(std::unexpected(NoCredentials{roles.error().what, false}));
        return;
      }
      std::string role = roles->substr(0, roles->find('\n'));
      // An IAM role's name has no other characters; it becomes part of a path.
      bool good = !role.empty() && role.size() <= 128 &&
                  role.find_first_not_of(
                      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                      "0123456789+=,.@_-") == role.npos;
      if (!good) {
        got(std::unexpected(NoCredentials{"the instance has no role", false}));
        return;
      }
      imds->get(kRoles + role, [got](const Result<std::string>& body) {
        if (!body)
          got(std::unexpected(NoCredentials{body.error().what, true}));
        else
          got(parse_credentials_json(*body, "instance metadata"));
      });
    });
  }

 private:
  std::shared_ptr<Imds> imds_;
};

}  // namespace

ProviderPtr imds_provider(const Surroundings& s) {
  return std::make_shared<FromInstance>(s);
}

}  // namespace sluice::aws
