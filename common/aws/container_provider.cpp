// Credentials of a container's role, from the endpoint that ECS, EKS Pod Identity or Greengrass put
// into the environment ("Container credential provider", AWS SDKs and Tools Reference Guide).
#include <algorithm>
#include <array>

#include "common/aws/provider.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/http/url.h"

namespace sluice::aws {
namespace {

constexpr const char* kEcs = "http://169.254.170.2";
constexpr int64_t kTimeoutMs = 2000;
constexpr size_t kMostBytes = 64U << 10;

// Without TLS only this host and the two link-local addresses that AWS uses may be asked: the
// request carries a token.
bool may_ask(const http::Url& url) {
  constexpr std::array<std::string_view, 5> plain{"169.254.170.2", "169.254.170.23",
                                                  "[fd00:ec2::23]", "[::1]", "localhost"};
  return url.scheme == "https" || std::ranges::find(plain, url.host) != plain.end() ||
         (url.host.starts_with("127.") &&
          url.host.find_first_not_of("0123456789.") == std::string::npos);
}

class FromContainer : public Provider {
 public:
  explicit FromContainer(const Surroundings& s) : s_(s) {}
  const char* name() const override { return "container"; }

  void fetch(OnFetched got) override {
    auto url = find_url();
    if (!url) {
      got(std::unexpected(url.error()));
      return;
    }
    http::Request r;
    r.method = "GET";
    r.url = *url;
    r.timeout_ms = kTimeoutMs;
    r.connect_timeout_ms = kTimeoutMs;
    r.max_response = kMostBytes;
    auto token = find_token();
    if (!token) {
      got(std::unexpected(NoCredentials{token.error().what, true}));
      return;
    }
    if (!token->empty()) r.headers.emplace_back("Authorization", *token);
    s_.http->send(std::move(r), [got = std::move(got)](const http::Response& answer) {
      if (answer.status == 200)
        got(parse_credentials_json(answer.body, "the container endpoint"));
      else
        got(std::unexpected(NoCredentials{
            answer.status == 0 ? answer.error
                               : "the container endpoint answered " + std::to_string(answer.status),
            true}));
    });
  }

 private:
  std::expected<std::string, NoCredentials> find_url() const {
    std::string relative = s_.env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    std::string full = s_.env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!relative.empty()) {
      if (relative.front() == '/') return kEcs + relative;
      return std::unexpected(
          NoCredentials{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must start with /", true});
    }
    if (full.empty())
      return std::unexpected(
          NoCredentials{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set", false});
    auto url = http::parse_url(full);
    if (url && may_ask(*url)) return full;
    return std::unexpected(NoCredentials{
        "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or name this host, 169.254.170.2 or "
        "169.254.170.23",
        true});
  }

  Result<std::string> find_token() const {
    std::string path = s_.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    std::string token = s_.env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (!path.empty()) {
      auto text = file::read(path, kMostBytes);  // each time: it is rotated
      if (!text) return std::unexpected(text.error());
      token = text::trim(*text);
    }
    if (token.find_first_of("\r\n") != token.npos)
      return fail("the container's authorization token holds a line break");
    return token;
  }

  Surroundings s_;
};

}  // namespace

ProviderPtr container_provider(const Surroundings& s) {
  return std::make_shared<FromContainer>(s);
}

}  // namespace sluice::aws
