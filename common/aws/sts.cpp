// Roles: AssumeRole and AssumeRoleWithWebIdentity (AWS STS API Reference, version 2011-06-15).
#include <utility>

#include "common/aws/error.h"
#include "common/aws/region.h"
#include "common/aws/sigv4.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/text.h"

namespace sluice::aws {
namespace {

constexpr size_t kMostToken = 64U << 10;

std::string form(std::initializer_list<std::pair<const char*, std::string>> fields) {
  std::string out = "Version=2011-06-15";
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    out += "&";
    out += name;
    out += "=" + form_encode(value);
  }
  return out;
}

std::string session_name(const std::string& wanted) {
  return wanted.empty() ? "sluice-" + std::to_string(clock::wall_us() / 1'000'000) : wanted;
}

// The region's own endpoint, as AWS advises; the global one only where no region is known.
std::string sts_url(const Surroundings& s, const std::string& region) {
  return region.empty() && s.env("AWS_ENDPOINT_URL_STS").empty() &&
                 s.env("AWS_ENDPOINT_URL").empty()
             ? "https://sts.amazonaws.com/"
             : endpoint_for(s, "sts", "STS", region);
}

http::Request sts_request(const Surroundings& s, const std::string& region, std::string body) {
  http::Request r;
  r.url = sts_url(s, region);
  r.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  r.body = std::move(body);
  r.timeout_ms = 15'000;
  r.proxy = s.proxy;
  r.ca_file = s.ca_file;
  return r;
}

Fetched judge(const http::Response& answer, const char* action, const char* result,
              const std::string& arn) {
  if (answer.status == 200) return parse_sts_xml(answer.body, result, action);
  std::string why = std::string(action) + " " + text::printable(arn, 120) + ": ";
  return std::unexpected(NoCredentials{
      why + (answer.status == 0 ? answer.error : describe(read_error(answer))), true});
}

class AssumeRole : public Provider {
 public:
  AssumeRole(Surroundings s, ProviderPtr base, Role role)
      : s_(std::move(s)), base_(std::move(base)), role_(std::move(role)) {}
  const char* name() const override { return "AssumeRole"; }

  void fetch(OnFetched got) override {
    base_->fetch([s = s_, role = role_, got = std::move(got)](const Fetched& base) {
      if (!base) {
        got(std::unexpected(NoCredentials{
            "for role " + text::printable(role.arn, 120) + ": " + base.error().why, true}));
        return;
      }
      http::Request r = sts_request(s, role.region,
                                    form({{"Action", "AssumeRole"},
                                          {"RoleArn", role.arn},
                                          {"RoleSessionName", session_name(role.session_name)},
                                          {"ExternalId", role.external_id},
                                          {"DurationSeconds", std::to_string(role.duration_s)}}));
      Signer signer(role.region.empty() ? "us-east-1" : role.region, "sts");
      if (auto ok = signer.sign(&r, *base, clock::wall_us()); !ok) {
        got(std::unexpected(NoCredentials{ok.error().what, true}));
        return;
      }
      s.http->send(std::move(r), [arn = role.arn, got](const http::Response& answer) {
        got(judge(answer, "AssumeRole", "AssumeRoleResult", arn));
      });
    });
  }

 private:
  Surroundings s_;
  ProviderPtr base_;
  Role role_;
};

class WebIdentity : public Provider {
 public:
  explicit WebIdentity(Surroundings s) : s_(std::move(s)) {}
  const char* name() const override { return "web identity"; }

  void fetch(OnFetched got) override {
    std::string path = s_.env("AWS_WEB_IDENTITY_TOKEN_FILE");
    std::string arn = s_.env("AWS_ROLE_ARN");
    if (path.empty() || arn.empty()) {
      got(std::unexpected(NoCredentials{"AWS_WEB_IDENTITY_TOKEN_FILE is not set", false}));
      return;
    }
    auto token = file::read(path, kMostToken);  // each time: it is rotated
    if (!token) {
      got(std::unexpected(NoCredentials{token.error().what, true}));
      return;
    }
    http::Request r =
        sts_request(s_, region_from_environment(s_),
                    form({{"Action", "AssumeRoleWithWebIdentity"},
                          {"RoleArn", arn},
                          {"RoleSessionName", session_name(s_.env("AWS_ROLE_SESSION_NAME"))},
                          {"WebIdentityToken", std::string(text::trim(*token))}}));
    s_.http->send(std::move(r), [arn, got = std::move(got)](const http::Response& answer) {
      got(judge(answer, "AssumeRoleWithWebIdentity", "AssumeRoleWithWebIdentityResult", arn));
    });
  }

 private:
  Surroundings s_;
};

}  // namespace

ProviderPtr assume_role_provider(const Surroundings& s, ProviderPtr base, Role role) {
  return std::make_shared<AssumeRole>(s, std::move(base), std::move(role));
}

ProviderPtr web_identity_provider(const Surroundings& s) {
  return std::make_shared<WebIdentity>(s);
}

}  // namespace sluice::aws
