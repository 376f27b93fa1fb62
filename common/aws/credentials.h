// Credentials that stay fresh: the standard chain (environment, web identity, profile files,
// container endpoint, instance metadata), asked without ever blocking, cached, and renewed in the
// background before they expire. For one thread; held by shared_ptr, so that fetches under way
// outlive whoever asked.
#pragma once

#include <memory>
#include <vector>

#include "common/aws/provider.h"

namespace sluice::aws {

using OnCredentials = std::function<void(Result<Credentials>)>;

class CredentialSource : public std::enable_shared_from_this<CredentialSource> {
 public:
  explicit CredentialSource(std::vector<ProviderPtr> chain) : chain_(std::move(chain)) {}

  // The standard chain; with a profile name, that profile alone.
  static std::shared_ptr<CredentialSource> standard(const Surroundings& s,
                                                    const std::string& profile);

  // Calls back once: at once where credentials are at hand, else when they were fetched. The error
  // names every provider that was asked and what each said.
  void get(OnCredentials got);

  // A service refused these: they are fetched anew at once, unless newer ones are here already.
  void refuse(const Credentials& used);

 private:
  void fetch();
  void ask(size_t i, std::string tried);
  void settle(Result<Credentials> result);

  std::vector<ProviderPtr> chain_;
  Credentials cached_;
  bool have_ = false;
  int64_t renew_us_ = 0;       // fetch again from here on, while the old ones still work
  int64_t not_before_ms_ = 0;  // after a failed renewal
  bool fetching_ = false;
  std::vector<OnCredentials> waiting_;
};

}  // namespace sluice::aws
