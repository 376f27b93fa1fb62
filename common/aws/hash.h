// SHA-256 and HMAC-SHA256 (FIPS 180-4, RFC 2104) on OpenSSL. Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace sluice::aws {

std::string sha256(std::string_view bytes);                             // 32 raw bytes
std::string hmac_sha256(std::string_view key, std::string_view bytes);  // 32 raw bytes

}  // namespace sluice::aws
