// Signing by Standard Webhooks 1.0 (symmetric, "v1"): HMAC-SHA256 over ID.TIMESTAMP.BODY, base64.
// Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::sinks {

// A secret as written in configuration, "whsec_" and base64 of 24 to 64 bytes; false if it is none.
bool parse_webhook_secret(std::string_view text, std::string* key);

// The webhook-signature header: one "v1,SIGNATURE" a key, separated by blanks, so that a receiver
// accepts both keys while they are being rotated.
std::string webhook_signature(const std::vector<std::string>& keys, std::string_view id,
                              int64_t timestamp_s, std::string_view body);

}  // namespace sluice::sinks
