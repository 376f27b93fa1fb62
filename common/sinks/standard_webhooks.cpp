#include "common/sinks/standard_webhooks.h"

#include "common/aws/hash.h"
#include "common/base/text.h"

namespace sluice::sinks {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr size_t kLeastBytes = 24;
constexpr size_t kMostBytes = 64;

}  // namespace

bool parse_webhook_secret(std::string_view text, std::string* key) {
  if (!text.starts_with(kPrefix)) return false;
  text.remove_prefix(kPrefix.size());
  return text::from_base64(text, key) && key->size() >= kLeastBytes && key->size() <= kMostBytes;
}

std::string webhook_signature(const std::vector<std::string>& keys, std::string_view id,
                              int64_t timestamp_s, std::string_view body) {
  std::string time = std::to_string(timestamp_s);
  std::string out;
  for (const auto& key : keys) {
    if (!out.empty()) out += ' ';
    out += "v1," + text::base64(aws::hmac_sha256(key, {id, ".", time, ".", body}));
  }
  return out;
}

}  // namespace sluice::sinks
