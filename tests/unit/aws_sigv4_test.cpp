// Signature Version 4 against AWS's published test suite: request, and what must come of it.
#include <gtest/gtest.h>

#include "common/aws/hash.h"
#include "common/aws/sigv4.h"
#include "common/base/clock.h"
#include "common/base/text.h"

namespace sluice::aws {
namespace {

constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr const char* kDate = "20150830T123600Z";
constexpr const char* kScope = "20150830/us-east-1/service/aws4_request";
constexpr const char* kToken =
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfI"
    "eoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/"
    "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0w"
    "q5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDryp"
    "NC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
constexpr const char* kUnreserved =
    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

using Headers = std::vector<std::pair<std::string, std::string>>;

// Left out are the case of a header folded over several lines, obsolete syntax, which libcurl
// cannot send.
struct Vector {
  std::string name;
  std::string method;
  std::string path;
  std::string query;
  Headers headers;  // besides Host and X-Amz-Date
  std::string body;
  std::string signed_headers;
  std::string signature;
};

const std::vector<Vector>& vectors() {
  static const std::string bare = "host;x-amz-date";
  static const std::string mine = "host;my-header1;x-amz-date";
  static const std::string root =
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
  static const std::string post =
      "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
  static const std::string param =
      "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11";
  static const std::vector<Vector> all{
      {"get-header-key-duplicate",
       "GET",
       "/",
       "",
       {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
       "",
       mine,
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {"get-header-value-order",
       "GET",
       "/",
       "",
       {{"My-Header1", "value4"},
        {"My-Header1", "value1"},
        {"My-Header1", "value3"},
        {"My-Header1", "value2"}},
       "",
       mine,
       "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
      {"get-header-value-trim",
       "GET",
       "/",
       "",
       {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
       "",
       "host;my-header1;my-header2;x-amz-date",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"get-unreserved",
       "GET",
       std::string("/") + kUnreserved,
       "",
       {},
       "",
       bare,
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"get-utf8",
       "GET",
       "/\u1234",
       "",
       {},
       "",
       bare,
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-vanilla", "GET", "/", "", {}, "", bare, root},
      {"get-vanilla-query", "GET", "/", "", {}, "", bare, root},
      {"get-vanilla-empty-query-key",
       "GET",
       "/",
       "Param1=value1",
       {},
       "",
       bare,
       "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
      {"get-vanilla-query-order-key",
       "GET",
       "/",
       "Param1=value2&Param1=Value1",
       {},
       "",
       bare,
       "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/",
       "Param2=value2&Param1=value1",
       {},
       "",
       bare,
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-query-order-value",
       "GET",
       "/",
       "Param1=value2&Param1=value1",
       {},
       "",
       bare,
       "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
      {"get-vanilla-query-unreserved",
       "GET",
       "/",
       std::string(kUnreserved) + "=" + kUnreserved,
       {},
       "",
       bare,
       "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
      {"get-vanilla-utf8-query",
       "GET",
       "/",
       "\u1234=bar",
       {},
       "",
       bare,
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"post-header-key-sort",
       "POST",
       "/",
       "",
       {{"My-Header1", "value1"}},
       "",
       mine,
       "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
      {"post-header-value-case",
       "POST",
       "/",
       "",
       {{"My-Header1", "VALUE1"}},
       "",
       mine,
       "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
      {"post-vanilla", "POST", "/", "", {}, "", bare, post},
      {"post-vanilla-query", "POST", "/", "Param1=value1", {}, "", bare, param},
      {"post-vanilla-empty-query-value", "POST", "/", "Param1=value1", {}, "", bare, param},
      {"post-x-www-form-urlencoded",
       "POST",
       "/",
       "",
       {{"Content-Type", "application/x-www-form-urlencoded"}},
       "Param1=value1",
       "content-type;host;x-amz-date",
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
      {"post-x-www-form-urlencoded-parameters",
       "POST",
       "/",
       "",
       {{"Content-Type", "application/x-www-form-urlencoded; charset=utf8"}},
       "Param1=value1",
       "content-type;host;x-amz-date",
       "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
      {"post-sts-header-before",
       "POST",
       "/",
       "",
       {{"X-Amz-Security-Token", kToken}},
       "",
       "host;x-amz-date;x-amz-security-token",
       "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
      // The token is added after signing: the signature is post-vanilla's.
      {"post-sts-header-after", "POST", "/", "", {}, "", bare, post},
      {"get-relative", "GET", "/example/..", "", {}, "", bare, root},
      {"get-relative-relative", "GET", "/example1/example2/../..", "", {}, "", bare, root},
      {"get-slash", "GET", "//", "", {}, "", bare, root},
      {"get-slash-dot-slash", "GET", "/./", "", {}, "", bare, root},
      {"get-slash-pointless-dot",
       "GET",
       "/./example",
       "",
       {},
       "",
       bare,
       "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
      {"get-slashes",
       "GET",
       "//example//",
       "",
       {},
       "",
       bare,
       "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
      {"get-space",
       "GET",
       "/example space/",
       "",
       {},
       "",
       bare,
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
  };
  return all;
}

class SigV4Suite : public ::testing::TestWithParam<Vector> {};

TEST_P(SigV4Suite, SignsAsPublished) {
  const Vector& v = GetParam();
  Headers headers = v.headers;
  headers.insert(headers.begin(), {"Host", "example.amazonaws.com"});
  headers.emplace_back("X-Amz-Date", kDate);
  auto canonical = canonical_request(v.method, v.path, v.query, headers, text::hex(sha256(v.body)),
                                     PathStyle::normalized);
  EXPECT_EQ(canonical.signed_headers, v.signed_headers);
  std::string key = signing_key(kSecret, "20150830", "us-east-1", "service");
  EXPECT_EQ(text::hex(hmac_sha256(key, string_to_sign(kDate, kScope, canonical.text))), v.signature)
      << canonical.text;
}

std::string case_name(const ::testing::TestParamInfo<Vector>& info) {
  std::string name = info.param.name;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Published, SigV4Suite, ::testing::ValuesIn(vectors()), case_name);

TEST(SigV4, CanonicalRequestAndStringToSignOfGetVanilla) {
  auto canonical =
      canonical_request("GET", "/", "", {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", kDate}},
                        text::hex(sha256("")), PathStyle::normalized);
  EXPECT_EQ(canonical.text,
            "GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\n"
            "host;x-amz-date\n"
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(string_to_sign(kDate, kScope, canonical.text),
            "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n"
            "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63");
}

TEST(SigV4, SignerSignsAWholeRequest) {
  http::Request r;
  r.url = "https://example.amazonaws.com/";
  r.headers = {};
  Credentials c{"AKIDEXAMPLE", kSecret, kToken, 0, "test"};
  Signer signer("us-east-1", "service");
  ASSERT_TRUE(signer.sign(&r, c, clock::parse_rfc3339("2015-08-30T12:36:00Z")));
  EXPECT_EQ(r.headers.back().first, "Authorization");
  EXPECT_EQ(r.headers.back().second,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
}

TEST(SigV4, SignerFollowsTheDayAndTheSecret) {
  Signer signer("us-east-1", "service");
  auto sign = [&](const std::string& secret, const char* when) {
    http::Request r;
    r.method = "GET";
    r.url = "https://example.amazonaws.com/";
    EXPECT_TRUE(signer.sign(&r, {"AKIDEXAMPLE", secret, "", 0, "t"}, clock::parse_rfc3339(when)));
    return r.headers.back().second;
  };
  std::string first = sign(kSecret, "2015-08-30T12:36:00Z");
  EXPECT_TRUE(first.ends_with("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
  EXPECT_NE(sign(kSecret, "2015-08-31T12:36:00Z"), first);
  EXPECT_NE(sign("other", "2015-08-30T12:36:00Z"), first);
  EXPECT_EQ(sign(kSecret, "2015-08-30T12:36:00Z"), first);
}

TEST(SigV4, EncodesPathsTwiceExceptForS3) {
  Headers host{{"Host", "h"}};
  auto normal = canonical_request("GET", "/a%20b", "", host, "", PathStyle::normalized);
  EXPECT_TRUE(normal.text.starts_with("GET\n/a%2520b\n"));
  auto s3 = canonical_request("GET", "/a%20b//c", "", host, "", PathStyle::s3);
  EXPECT_TRUE(s3.text.starts_with("GET\n/a%20b//c\n"));
}

TEST(SigV4, FormEncodesBlanksAsPlus) {
  EXPECT_EQ(form_encode("a b+c/ü"), "a+b%2Bc%2F%C3%BC");
  EXPECT_EQ(form_encode(" "), "+");
  EXPECT_EQ(form_encode(""), "");
}

}  // namespace
}  // namespace sluice::aws
