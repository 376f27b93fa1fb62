// AWS Signature Version 4, in the Authorization header (AWS General Reference, "Create a signed AWS
// API request"). Checked with AWS's published test suite. A Signer is used by one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/aws/identity.h"
#include "common/base/error.h"
#include "common/http/client.h"

namespace sluice::aws {

// S3 signs the path as it is sent; every other service normalises it and encodes it once more.
enum class PathStyle { normalized, s3 };

struct CanonicalRequest {
  std::string text;
  std::string signed_headers;  // a;b;c
};

// `path` and `query` as on the request line; `headers` with Host, in the order they are sent;
// `body_sha256` in hex.
CanonicalRequest canonical_request(std::string_view method, std::string_view path,
                                   std::string_view query,
                                   const std::vector<std::pair<std::string, std::string>>& headers,
                                   std::string_view body_sha256, PathStyle style);

// `amz_date` is YYYYMMDDTHHMMSSZ, `scope` DAY/REGION/SERVICE/aws4_request.
std::string string_to_sign(std::string_view amz_date, std::string_view scope,
                           std::string_view canonical);

// `day` is YYYYMMDD. 32 raw bytes.
std::string signing_key(std::string_view secret, std::string_view day, std::string_view region,
                        std::string_view service);

// YYYYMMDDTHHMMSSZ.
std::string amz_date(int64_t wall_us);

// %XX for all but A-Z a-z 0-9 - . _ ~ (RFC 3986's unreserved), and '/' where `keep_slash`.
std::string uri_encode(std::string_view bytes, bool keep_slash);

// The same for values of application/x-www-form-urlencoded bodies, where a blank is '+'.
std::string form_encode(std::string_view bytes);

class Signer {
 public:
  Signer(std::string region, std::string service, PathStyle style = PathStyle::normalized)
      : region_(std::move(region)), service_(std::move(service)), style_(style) {}

  // Adds X-Amz-Date, X-Amz-Security-Token and Authorization (for S3 X-Amz-Content-Sha256 too).
  // Everything else must be in place before; an error if the URL is none.
  Result<void> sign(http::Request* request, const Credentials& credentials, int64_t wall_us);

 private:
  const std::string& key_for(const std::string& secret, std::string_view day);

  std::string region_;
  std::string service_;
  PathStyle style_;
  // The derived key of the day, four HMACs saved for each request.
  std::string key_;
  std::string key_secret_;
  std::string key_day_;
};

}  // namespace sluice::aws
