// SHA-256 and HMAC-SHA256 (FIPS 180-4, RFC 2104) on OpenSSL. Thread-safe.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace sluice::aws {

std::string sha256(std::string_view bytes);  // 32 raw bytes
// 32 raw bytes; of the parts one after the other, which spares their caller a copy.
std::string hmac_sha256(std::string_view key, std::initializer_list<std::string_view> parts);
inline std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  return hmac_sha256(key, {bytes});
}

}  // namespace sluice::aws
