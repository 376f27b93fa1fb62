#include "common/sinks/webhook_config.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "common/base/file.h"
#include "common/base/text.h"
#include "common/http/token.h"
#include "common/sinks/standard_webhooks.h"

namespace sluice::sinks {
namespace {

constexpr size_t kMostSecretFile = 64U << 10;

// What the sink itself sets; a static header of the same name would contradict it.
constexpr std::array<std::string_view, 7> kOwnHeaders{
    "content-length",    "content-type",     "host", "transfer-encoding", "webhook-id",
    "webhook-timestamp", "webhook-signature"};

void add_secret(config::Fields& fields, const std::string& key, std::string_view text,
                std::vector<std::string>* keys) {
  std::string raw;
  if (parse_webhook_secret(text, &raw))
    keys->push_back(std::move(raw));
  else
    fields.problem(key,
                   "must be \"whsec_\" and base64 of 24 to 64 bytes; "
                   "make one with: echo whsec_$(openssl rand -base64 32)");
}

// Root checks the configuration of a sluiced that runs as the user packages make for it.
bool may_own_secrets(uid_t owner) {
  if (owner == 0 || owner == geteuid()) return true;
  char buf[4096];
  passwd pw{};
  passwd* sluice = nullptr;
  return geteuid() == 0 && getpwnam_r("sluice", &pw, buf, sizeof buf, &sluice) == 0 &&
         sluice != nullptr && sluice->pw_uid == owner;
}

// One secret a line; blank lines and lines that start with # are skipped.
void add_secret_file(config::Fields& fields, const std::string& path,
                     std::vector<std::string>* keys) {
  struct stat st{};
  if (stat(path.c_str(), &st) != 0) {
    fields.problem("secret_file", fail_errno("cannot be read").error().what);
    return;
  }
  if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0) {
    fields.problem("secret_file",
                   "must be a file that its owner alone can read; mend it with: chmod 600 " +
                       text::printable(path));
    return;
  }
  if (!may_own_secrets(st.st_uid)) {
    fields.problem("secret_file", "belongs to uid " + std::to_string(st.st_uid) +
                                      ", which is neither sluiced's user nor root; mend it with: "
                                      "chown sluice: " +
                                      text::printable(path));
    return;
  }
  auto bytes = file::read(path, kMostSecretFile);
  if (!bytes) {
    fields.problem("secret_file", bytes.error().what);
    return;
  }
  size_t before = keys->size();
  for (const auto& line : text::split(*bytes, '\n')) {
    auto secret = text::trim(line);
    if (!secret.empty() && secret.front() != '#') add_secret(fields, "secret_file", secret, keys);
  }
  if (keys->size() == before) fields.problem("secret_file", "must hold a secret a line");
}

void read_headers(config::Fields& fields, WebhookConfig* out) {
  for (const auto& [name, value] : fields.object("headers").members()) {
    bool own = std::ranges::find(kOwnHeaders, text::lower(name)) != kOwnHeaders.end() ||
               text::lower(name).starts_with("ce-");
    bool text = value.is_string() && value.str().find_first_of({"\r\n\0", 3}) == std::string::npos;
    // Neither the value is repeated nor what stands where a value belongs: it may be a token.
    std::string key = "headers." + text::printable(name.substr(0, name.find_first_of(": ")), 40);
    if (own)
      fields.problem(key, "is set by the sink itself");
    else if (!text || !http::is_token(name))
      fields.problem(key, "must be a header's name and a one-line string");
    else
      out->headers.emplace_back(name, value.str());
  }
}

bool is_json_type(std::string_view content_type) {
  auto type = text::trim(content_type.substr(0, content_type.find(';')));
  return type == "application/json" || type.ends_with("+json");
}

void read_template(config::Fields& fields, WebhookConfig* out) {
  Json value = fields.any("template");
  out->content_type = fields.str("content_type", "application/json");
  if (value.is_null()) {
    if (fields.has("content_type"))
      fields.problem("content_type", "has a meaning only beside \"template\"");
    return;
  }
  bool json = !value.is_string() || is_json_type(out->content_type);
  if (!value.is_string() && !value.is_object() && !value.is_array()) {
    fields.problem("template", "must be a string, or an object or array of JSON");
    return;
  }
  if (out->binary) fields.problem("template", "replaces the body, so \"mode\" must not be binary");
  auto made = Template::make(value.is_string() ? value.str() : value.dump(), json);
  if (!made) {
    fields.problem("template", made.error().what);
    return;
  }
  constexpr std::array<std::string_view, 9> attributes{
      "specversion", "id",   "source",          "type",      "subject",
      "time",        "data", "datacontenttype", "dataschema"};
  for (const auto& root : made->roots())
    if (std::ranges::find(attributes, root) == attributes.end())
      fields.problem("template",
                     "{{" + root + "…}}: no CloudEvents attribute has this name; " +
                         "an extension may, else it stays empty",
                     true);
  out->body = std::move(*made);
}

}  // namespace

WebhookConfig read_webhook_config(config::Fields& fields) {
  WebhookConfig out;
  out.url = read_url(fields, "url", true);
  out.binary = fields.one_of("mode", {"structured", "binary"}, "structured") == "binary";
  read_headers(fields, &out);
  if (std::string secret = fields.str("secret"); !secret.empty())
    add_secret(fields, "secret", secret, &out.keys);
  for (const auto& secret : fields.strings("secrets"))
    add_secret(fields, "secrets", secret, &out.keys);
  if (std::string path = fields.str("secret_file"); !path.empty())
    add_secret_file(fields, path, &out.keys);
  read_template(fields, &out);
  out.in_flight = static_cast<size_t>(fields.integer("in_flight", 8, 1, 256));
  out.allow_private = fields.boolean("allow_private", true);
  out.http = read_http_keys(fields);
  if (!out.allow_private && !out.http.proxy.empty())
    fields.problem("proxy", "hides the address that allow_private: false must check; drop one");
  return out;
}

}  // namespace sluice::sinks
