#include "common/aws/sigv4.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "common/aws/hash.h"
#include "common/base/text.h"
#include "common/http/url.h"

namespace sluice::aws {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

// Headers that a proxy or the HTTP library may change on the way.
constexpr std::array<std::string_view, 6> kUnsigned{
    "authorization", "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string uri_decode(std::string_view s) {
  std::string out;
  for (size_t i = 0; i < s.size(); ++i) {
    int high = i + 2 < s.size() ? hex_value(s[i + 1]) : -1;
    int low = i + 2 < s.size() ? hex_value(s[i + 2]) : -1;
    if (s[i] == '%' && high >= 0 && low >= 0) {
      out += static_cast<char>(high << 4 | low);
      i += 2;
    } else {
      out += s[i];
    }
  }
  return out;
}

// RFC 3986 §6.2.2.3, and runs of slashes become one.
std::string normalized(std::string_view path) {
  std::vector<std::string> kept;
  for (auto& part : text::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      kept.push_back(std::move(part));
    else if (!kept.empty())
      kept.pop_back();
  }
  std::string out;
  for (const auto& part : kept) out += "/" + part;
  bool folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  if (out.empty() || (folder && !kept.empty())) out += '/';
  return out;
}

std::string canonical_query(std::string_view query) {
  if (query.empty()) return {};
  Headers pairs;
  for (const auto& part : text::split(query, '&')) {
    if (part.empty()) continue;
    size_t eq = std::min(part.find('='), part.size());
    std::string value = eq < part.size() ? part.substr(eq + 1) : std::string();
    pairs.emplace_back(uri_encode(uri_decode(part.substr(0, eq)), false),
                       uri_encode(uri_decode(value), false));
  }
  std::ranges::sort(pairs);
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (!out.empty()) out += '&';
    out += name;
    out += '=';
    out += value;
  }
  return out;
}

// Blanks at the ends go, runs of them within become one.
std::string squeezed(std::string_view value) {
  std::string out;
  for (char c : text::trim(value))
    if (c != ' ' || out.empty() || out.back() != ' ') out += c;
  return out;
}

// RFC 3986 §2.3.
bool unreserved(unsigned char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

bool unreserved_or_slash(unsigned char c) {
  return c == '/' || unreserved(c);
}

}  // namespace

std::string uri_encode(std::string_view bytes, bool keep_slash) {
  return text::percent_encode(bytes, keep_slash ? unreserved_or_slash : unreserved);
}

std::string form_encode(std::string_view bytes) {
  std::string out;
  for (size_t blank = bytes.find(' '); blank != bytes.npos; blank = bytes.find(' ')) {
    out += uri_encode(bytes.substr(0, blank), false);
    out += '+';
    bytes.remove_prefix(blank + 1);
  }
  return out + uri_encode(bytes, false);
}

CanonicalRequest canonical_request(std::string_view method, std::string_view path,
                                   std::string_view query, const Headers& headers,
                                   std::string_view body_sha256, PathStyle style) {
  Headers sorted;
  for (const auto& [name, value] : headers) {
    std::string key = text::lower(name);
    if (std::ranges::find(kUnsigned, key) == kUnsigned.end())
      sorted.emplace_back(std::move(key), squeezed(value));
  }
  std::ranges::stable_sort(sorted, {}, &std::pair<std::string, std::string>::first);

  CanonicalRequest out;
  out.text += method;
  out.text += '\n';
  out.text += style == PathStyle::s3 ? std::string(path) : uri_encode(normalized(path), true);
  out.text += '\n';
  out.text += canonical_query(query);
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0 && sorted[i].first == sorted[i - 1].first) {
      out.text += ',';
    } else {
      out.text += '\n';
      out.text += sorted[i].first;
      out.text += ':';
      if (!out.signed_headers.empty()) out.signed_headers += ';';
      out.signed_headers += sorted[i].first;
    }
    out.text += sorted[i].second;
  }
  out.text += "\n\n";
  out.text += out.signed_headers;
  out.text += '\n';
  out.text += body_sha256;
  return out;
}

std::string string_to_sign(std::string_view date, std::string_view scope,
                           std::string_view canonical) {
  std::string out = "AWS4-HMAC-SHA256\n";
  out += date;
  out += '\n';
  out += scope;
  out += '\n';
  out += text::hex(sha256(canonical));
  return out;
}

std::string signing_key(std::string_view secret, std::string_view day, std::string_view region,
                        std::string_view service) {
  std::string start = "AWS4";
  start += secret;
  return hmac_sha256(hmac_sha256(hmac_sha256(hmac_sha256(start, day), region), service),
                     "aws4_request");
}

std::string amz_date(int64_t wall_us) {
  time_t s = wall_us / 1'000'000;
  tm t{};
  gmtime_r(&s, &t);
  std::array<char, 64> buf{};
  int n = snprintf(buf.data(), buf.size(), "%04d%02d%02dT%02d%02d%02dZ", t.tm_year + 1900,
                   t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
  return {buf.data(), static_cast<size_t>(n)};
}

const std::string& Signer::key_for(const std::string& secret, std::string_view day) {
  if (day != key_day_ || secret != key_secret_) {
    key_ = signing_key(secret, day, region_, service_);
    key_day_ = day;
    key_secret_ = secret;
  }
  return key_;
}

Result<void> Signer::sign(http::Request* r, const Credentials& c, int64_t wall_us) {
  auto url = http::parse_url(r->url);
  if (!url) return std::unexpected(url.error());
  std::string date = amz_date(wall_us);
  std::string_view day = std::string_view(date).substr(0, 8);
  std::string body_hash = text::hex(sha256(r->body));
  r->headers.emplace_back("X-Amz-Date", date);
  if (!c.session_token.empty()) r->headers.emplace_back("X-Amz-Security-Token", c.session_token);
  if (style_ == PathStyle::s3) r->headers.emplace_back("X-Amz-Content-Sha256", body_hash);

  Headers headers = r->headers;
  headers.emplace_back("host", url->authority);
  CanonicalRequest canonical =
      canonical_request(r->method, url->path, url->query, headers, body_hash, style_);
  std::string scope(day);
  scope += "/" + region_ + "/" + service_ + "/aws4_request";
  std::string signature = text::hex(
      hmac_sha256(key_for(c.secret_key, day), string_to_sign(date, scope, canonical.text)));
  r->headers.emplace_back("Authorization", "AWS4-HMAC-SHA256 Credential=" + c.access_key + "/" +
                                               scope +
                                               ", SignedHeaders=" + canonical.signed_headers +
                                               ", Signature=" + signature);
  return {};
}

}  // namespace sluice::aws
