#include "common/http/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

#include "common/base/text.h"

namespace sluice::http {
namespace {

struct Free {
  void operator()(CURLU* u) const { curl_url_cleanup(u); }
};

std::string part(CURLU* u, CURLUPart what, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(u, what, &text, flags) != CURLUE_OK) return {};
  std::string out(text);
  curl_free(text);
  return out;
}

}  // namespace

Result<Url> parse_url(const std::string& text) {
  if (text.find('\0') != std::string::npos) return fail("the URL holds a NUL byte");
  std::unique_ptr<CURLU, Free> u(curl_url());
  // Blanks and control bytes are refused: they have no place in a configured URL.
  CURLUcode rc = curl_url_set(u.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME);
  if (rc != CURLUE_OK) return fail(std::string("not a URL: ") + curl_url_strerror(rc));
  Url out;
  out.scheme = part(u.get(), CURLUPART_SCHEME);
  if (out.scheme != "http" && out.scheme != "https")
    return fail("the URL's scheme is neither http nor https");
  out.host = part(u.get(), CURLUPART_HOST);
  if (out.host.empty()) return fail("the URL names no host");
  out.host = text::lower(out.host);
  std::string port = part(u.get(), CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
  out.authority = port.empty() ? out.host : out.host + ":" + port;
  out.path = part(u.get(), CURLUPART_PATH);
  if (out.path.empty()) out.path = "/";
  out.query = part(u.get(), CURLUPART_QUERY);
  out.has_user = !part(u.get(), CURLUPART_USER).empty();
  return out;
}

std::string shown_url(const std::string& text) {
  auto url = parse_url(text);
  if (!url) return "(" + url.error().what + ")";
  return text::printable(url->scheme + "://" + url->authority);
}

}  // namespace sluice::http
