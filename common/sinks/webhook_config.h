// A webhook sink's configuration, checked. Keys and defaults: docs/sinks.md.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/config/fields.h"
#include "common/sinks/http_keys.h"
#include "common/sinks/template.h"

namespace sluice::sinks {

struct WebhookConfig {
  std::string url;
  bool binary = false;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::string> keys;  // raw bytes of the secrets, the newest first
  std::optional<Template> body;
  std::string content_type;
  size_t in_flight = 8;
  bool allow_private = true;
  HttpKeys http;
};

WebhookConfig read_webhook_config(config::Fields& fields);

}  // namespace sluice::sinks
