#include "ctld/sluiced/public_sinks.h"

#include "common/base/file.h"

namespace sluice::daemon {
namespace {

std::string list(const char* key, const std::vector<std::string>& words) {
  if (words.empty()) return {};
  std::string out = std::string(" ") + key + "=";
  for (size_t i = 0; i < words.size(); ++i) out += (i > 0 ? "," : "") + words[i];
  return out;
}

}  // namespace

Result<void> write_public_sinks(const config::Config& config) {
  std::string text = "# sluice sinks 1\n";
  for (const auto& [name, sink] : config.sinks)
    if (sink.named_by_users)
      text += name + list("users", sink.allow.users) + list("groups", sink.allow.groups) + "\n";
  return file::write_atomic(config.public_sinks, text, 0644);
}

}  // namespace sluice::daemon
