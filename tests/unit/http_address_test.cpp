#include "common/http/address.h"

#include <gtest/gtest.h>

#include "common/http/url.h"

namespace sluice::http {
namespace {

TEST(Address, OnlyPublicOnes) {
  for (const char* a : {"127.0.0.1",
                        "0.0.0.0",
                        "10.1.2.3",
                        "172.16.0.1",
                        "172.31.255.255",
                        "192.168.1.1",
                        "169.254.169.254",
                        "100.64.0.1",
                        "100.127.255.255",
                        "224.0.0.1",
                        "255.255.255.255",
                        "198.18.0.1",
                        "192.0.2.1",
                        "::",
                        "::1",
                        "fe80::1",
                        "fc00::1",
                        "fd00:ec2::254",
                        "ff02::1",
                        "::ffff:127.0.0.1",
                        "::ffff:10.0.0.1",
                        "64:ff9b::a00:1",
                        "2002:a00:1::",
                        "2001:db8::1",
                        "2001:0:4136:e378::1",
                        "100::1",
                        "not an address",
                        ""})
    EXPECT_FALSE(is_public(std::string(a))) << a;
  for (const char* a : {"8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1",
                        "192.167.0.1", "2606:4700::1", "2001:4860:4860::8888", "::ffff:8.8.8.8",
                        "64:ff9b::808:808", "2002:808:808::"})
    EXPECT_TRUE(is_public(std::string(a))) << a;
}

TEST(Url, Parts) {
  auto u = parse_url("https://User:pw@Example.COM:8443/a/b?c=d");
  ASSERT_TRUE(u);
  EXPECT_EQ(u->host, "example.com");
  EXPECT_EQ(u->authority, "example.com:8443");
  EXPECT_EQ(u->path, "/a/b");
  EXPECT_EQ(u->query, "c=d");
  EXPECT_TRUE(u->has_user);
  EXPECT_EQ(parse_url("https://x:443")->authority, "x");
  EXPECT_EQ(parse_url("http://[::1]:80/")->host, "[::1]");
  for (const char* bad : {"", "x", "/path", "ftp://x/", "http://", "http://a b/"})
    EXPECT_FALSE(parse_url(bad)) << bad;
}

TEST(Url, ShownWithoutSecrets) {
  EXPECT_EQ(shown_url("https://u:p@h.example/token/abc?k=v#f"), "https://h.example");
}

}  // namespace
}  // namespace sluice::http
