// Credentials as the endpoints answer them.
#include <pugixml.hpp>

#include "common/aws/provider.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/json/json.h"

namespace sluice::aws {
namespace {

Fetched broken(std::string why) {
  return std::unexpected(NoCredentials{std::move(why), true});
}

// Header and scope values: what would break a request must not get into one.
bool is_plain(const std::string& s) {
  for (unsigned char c : s)
    if (c <= 0x20 || c >= 0x7F) return false;
  return true;
}

Fetched checked(Credentials c, const std::string& expires) {
  if (c.access_key.empty() || c.secret_key.empty())
    return broken("the answer of " + c.from + " holds no keys");
  if (!is_plain(c.access_key) || !is_plain(c.secret_key) || !is_plain(c.session_token))
    return broken("the answer of " + c.from + " holds keys with blanks or control bytes");
  if (!expires.empty()) {
    c.expires_us = clock::parse_rfc3339(expires);
    if (c.expires_us <= 0)
      return broken("the answer of " + c.from + " says it expires at \"" +
                    text::printable(expires, 40) + "\", which is no time");
  }
  return c;
}

}  // namespace

Fetched parse_credentials_json(const std::string& body, const std::string& from) {
  auto json = Json::parse(body);
  if (!json || !json->is_object()) return broken("the answer of " + from + " is not a JSON object");
  std::string code = json->get("Code").str("Success");
  if (code != "Success")
    return broken(from + " says " + text::printable(code, 60) + " " +
                  text::printable(json->get("Message").str(), 120));
  Credentials c;
  c.access_key = json->get("AccessKeyId").str();
  c.secret_key = json->get("SecretAccessKey").str();
  c.session_token = json->get("Token").str();
  c.from = from;
  return checked(std::move(c), json->get("Expiration").str());
}

Fetched parse_sts_xml(const std::string& body, const char* result, const std::string& from) {
  pugi::xml_document doc;
  if (!doc.load_buffer(body.data(), body.size()))
    return broken("the answer of " + from + " is not XML");
  pugi::xml_node keys = doc.document_element().child(result).child("Credentials");
  Credentials c;
  c.access_key = keys.child_value("AccessKeyId");
  c.secret_key = keys.child_value("SecretAccessKey");
  c.session_token = keys.child_value("SessionToken");
  c.from = from;
  return checked(std::move(c), keys.child_value("Expiration"));
}

}  // namespace sluice::aws
