// The credential chain against made-up surroundings and loopback endpoints.
#include "common/aws/credentials.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "common/aws/profile.h"
#include "common/aws/region.h"
#include "common/base/clock.h"
#include "tests/unit/loopback_server.h"

namespace sluice::aws {
namespace {

using tests::LoopbackServer;
using tests::reply;
using tests::Seen;

constexpr const char* kRoleArn = "arn:aws:iam::123456789012:role/writer";

std::string json_keys(const std::string& key, int64_t lifetime_s) {
  return R"({"Code":"Success","AccessKeyId":")" + key + R"(","SecretAccessKey":"s","Token":"t",)" +
         R"("Expiration":")" + clock::rfc3339(clock::wall_us() + lifetime_s * 1'000'000) + R"("})";
}

std::string sts_xml(const std::string& key, const std::string& action = "AssumeRole") {
  return "<" + action + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" + action +
         "Result><Credentials><AccessKeyId>" + key +
         "</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
         "<Expiration>" +
         clock::rfc3339(clock::wall_us() + 3'600'000'000) + "</Expiration></Credentials></" +
         action + "Result></" + action + "Response>";
}

class Credentials_ : public ::testing::Test {
 protected:
  Credentials_() {
    dir_ = std::filesystem::temp_directory_path() /
           ("sluice-aws-" + std::to_string(getpid()) + "-" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(dir_);
    env_["HOME"] = dir_.string();
    env_["AWS_EC2_METADATA_DISABLED"] = "true";
    s_.env = [this](const char* name) {
      auto at = env_.find(name);
      return at == env_.end() ? std::string() : at->second;
    };
    s_.http = &http_;
  }
  ~Credentials_() override { std::filesystem::remove_all(dir_); }

  void file(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name) << text;
    env_[name == "config" ? "AWS_CONFIG_FILE" : "AWS_SHARED_CREDENTIALS_FILE"] =
        (dir_ / name).string();
  }

  Result<Credentials> get(CredentialSource* source) {
    std::optional<Result<Credentials>> out;
    source->get([&](Result<Credentials> c) { out = std::move(c); });
    int64_t until = clock::mono_ms() + 10'000;
    while (!out && clock::mono_ms() < until) http_.poll(100);
    return out.value_or(fail("the test gave up"));
  }
  Result<Credentials> get(const std::string& profile = "") {
    return get(CredentialSource::standard(s_, profile).get());
  }

  std::map<std::string, std::string> env_;
  std::filesystem::path dir_;
  http::Client http_;
  Surroundings s_;
};

TEST_F(Credentials_, FromTheEnvironment) {
  env_["AWS_ACCESS_KEY_ID"] = "AKID";
  env_["AWS_SECRET_ACCESS_KEY"] = "secret";
  env_["AWS_SESSION_TOKEN"] = "token";
  auto c = get();
  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->access_key, "AKID");
  EXPECT_EQ(c->session_token, "token");
  EXPECT_EQ(c->from, "environment");
  env_["AWS_SECRET_ACCESS_KEY"] = "";
  EXPECT_NE(get().error().what.find("AWS_SECRET_ACCESS_KEY is not"), std::string::npos);
}

TEST_F(Credentials_, NothingNamesEveryProvider) {
  auto c = get();
  ASSERT_FALSE(c);
  for (const char* part : {"environment: AWS_ACCESS_KEY_ID", "web identity:", "profile: no profile",
                           "container:", "instance metadata: AWS_EC2_METADATA_DISABLED"})
    EXPECT_NE(c.error().what.find(part), std::string::npos) << c.error().what;
}

TEST(Profiles, BothFormats) {
  Profiles p;
  parse_profiles(
      "# c\n[default]\nregion = eu-west-1\n[profile  a b]\nrole_arn=x # note\n"
      "s3 =\n  nested = 1\n[sso-session x]\nregion = no\n[profile \"q\"]\nk=v\n"
      "[profilez]\nk=v\n[broken\nk=v\n",
      true, &p);
  EXPECT_EQ(p["default"]["region"], "eu-west-1");
  EXPECT_EQ(p["a b"]["role_arn"], "x");
  EXPECT_FALSE(p["a b"].contains("nested"));
  EXPECT_EQ(p["q"]["k"], "v");
  EXPECT_FALSE(p.contains("sso-session x"));
  EXPECT_FALSE(p.contains("profilez"));
  parse_profiles("[default]\r\nAWS_ACCESS_KEY_ID = K\r\naws_secret_access_key=a/b+c==\r\n", false,
                 &p);
  EXPECT_EQ(p["default"]["aws_access_key_id"], "K");
  EXPECT_EQ(p["default"]["aws_secret_access_key"], "a/b+c==");
}

TEST_F(Credentials_, FromFiles) {
  file("credentials",
       "[default]\naws_access_key_id=A\naws_secret_access_key=S\n"
       "[other]\naws_access_key_id=B\naws_secret_access_key=S\n");
  EXPECT_EQ(get()->access_key, "A");
  EXPECT_EQ(get("other")->access_key, "B");
  env_["AWS_PROFILE"] = "other";
  EXPECT_EQ(get()->access_key, "B");
  auto missing = get("none");
  EXPECT_NE(missing.error().what.find("no profile \"none\""), std::string::npos);
}

TEST_F(Credentials_, RoleBySourceProfile) {
  LoopbackServer sts([](const Seen&) { return reply(200, sts_xml("ROLE")); });
  env_["AWS_ENDPOINT_URL_STS"] = sts.url();
  file("credentials", "[base]\naws_access_key_id=BASE\naws_secret_access_key=S\n");
  file("config", std::string("[profile w]\nrole_arn = ") + kRoleArn +
                     "\nsource_profile = base\nexternal_id = e x\nrole_session_name = me\n"
                     "region = eu-west-1\nduration_seconds = 900\n");
  auto c = get("w");
  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->access_key, "ROLE");
  EXPECT_GT(c->expires_us, clock::wall_us());
  auto seen = sts.seen().at(0);
  EXPECT_EQ(seen.body,
            "Version=2011-06-15&Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3A"
            "role%2Fwriter&RoleSessionName=me&ExternalId=e+x&DurationSeconds=900");
  EXPECT_NE(seen.header("authorization").find("Credential=BASE/"), std::string::npos);
  EXPECT_NE(seen.header("authorization").find("/eu-west-1/sts/"), std::string::npos);
}

TEST_F(Credentials_, StackedRolesAndCredentialSource) {
  LoopbackServer sts([](const Seen& s) {
    return reply(200, sts_xml(s.body.find("outer") != s.body.npos ? "OUTER" : "INNER"));
  });
  env_["AWS_ENDPOINT_URL_STS"] = sts.url();
  env_["AWS_ACCESS_KEY_ID"] = "ENV";
  env_["AWS_SECRET_ACCESS_KEY"] = "S";
  file("config",
       "[profile o]\nrole_arn=arn:aws:iam::1:role/outer\nsource_profile=i\nregion=us-east-1\n"
       "[profile i]\nrole_arn=arn:aws:iam::1:role/inner\ncredential_source=Environment\n");
  EXPECT_EQ(get("o")->access_key, "OUTER");
  ASSERT_EQ(sts.seen().size(), 2U);
  EXPECT_NE(sts.seen()[0].header("authorization").find("=ENV/"), std::string::npos);
  EXPECT_NE(sts.seen()[1].header("authorization").find("=INNER/"), std::string::npos);
}

TEST_F(Credentials_, LoopsAndFaultsInProfilesAreNamed) {
  file("config",
       "[profile a]\nrole_arn=x\nsource_profile=b\n[profile b]\nrole_arn=y\n"
       "source_profile=a\n[profile c]\nrole_arn=x\n[profile d]\ncredential_process=x\n"
       "[profile e]\nrole_arn=x\nsource_profile=gone\n"
       "[profile f]\nrole_arn=x\nsource_profile=f\n");
  EXPECT_NE(get("a").error().what.find("loop"), std::string::npos);
  EXPECT_NE(get("c").error().what.find("source_profile and credential_source"), std::string::npos);
  EXPECT_NE(get("d").error().what.find("credential_process"), std::string::npos);
  EXPECT_NE(get("e").error().what.find("\"gone\""), std::string::npos);
  EXPECT_FALSE(get("f"));
}

TEST_F(Credentials_, StsErrorsAreTold) {
  LoopbackServer sts([](const Seen&) {
    return reply(403,
                 "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message>"
                 "</Error></ErrorResponse>");
  });
  env_["AWS_ENDPOINT_URL_STS"] = sts.url();
  file("config", std::string("[default]\nrole_arn=") + kRoleArn +
                     "\nsource_profile=default\naws_access_key_id=K\naws_secret_access_key=hush\n");
  auto c = get();
  ASSERT_FALSE(c);
  EXPECT_NE(c.error().what.find("AccessDenied: not you"), std::string::npos) << c.error().what;
  EXPECT_EQ(c.error().what.find("hush"), std::string::npos);
}

TEST_F(Credentials_, WebIdentity) {
  LoopbackServer sts(
      [](const Seen&) { return reply(200, sts_xml("WEB", "AssumeRoleWithWebIdentity")); });
  env_["AWS_ENDPOINT_URL_STS"] = sts.url();
  std::ofstream(dir_ / "token") << "jwt\n";
  env_["AWS_WEB_IDENTITY_TOKEN_FILE"] = (dir_ / "token").string();
  env_["AWS_ROLE_ARN"] = kRoleArn;
  auto c = get();
  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->access_key, "WEB");
  EXPECT_TRUE(sts.seen()[0].body.ends_with("&WebIdentityToken=jwt"));
  EXPECT_EQ(sts.seen()[0].header("authorization"), "");
}

TEST_F(Credentials_, Container) {
  LoopbackServer server([](const Seen&) { return reply(200, json_keys("CONT", 3600)); });
  env_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server.url("/creds");
  env_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "ignored";
  std::ofstream(dir_ / "token") << "Bearer x\n";
  env_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = (dir_ / "token").string();
  EXPECT_EQ(get()->access_key, "CONT");
  EXPECT_EQ(server.seen()[0].header("authorization"), "Bearer x");
  for (const char* bad :
       {"http://example.com/creds", "http://169.254.169.254/x", "ftp://127.0.0.1/",
        "http://127.0.0.1.example.com/", "http://10.0.0.1/"}) {
    env_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = bad;
    EXPECT_NE(get().error().what.find("must be https"), std::string::npos) << bad;
  }
}

TEST_F(Credentials_, BadAnswersStopTheChain) {
  for (std::string body : {"nonsense", "[]", "{}", R"({"AccessKeyId":"a"})",
                           R"({"AccessKeyId":"a\r\nb","SecretAccessKey":"s"})",
                           R"({"AccessKeyId":"a","SecretAccessKey":"s","Expiration":"tomorrow"})",
                           R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"no"})"}) {
    LoopbackServer server([&](const Seen&) { return reply(200, body); });
    env_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server.url();
    auto c = get();
    ASSERT_FALSE(c) << body;
    EXPECT_NE(c.error().what.find("container:"), std::string::npos) << c.error().what;
    EXPECT_EQ(c.error().what.find("instance metadata"), std::string::npos) << c.error().what;
  }
}

TEST_F(Credentials_, InstanceMetadataVersion2) {
  int tokens = 0;
  LoopbackServer imds([&](const Seen& s) {
    if (s.line().starts_with("PUT /latest/api/token"))
      return reply(200, "TOKEN" + std::to_string(++tokens));
    // The first token is refused, as after a stop and start of the instance.
    if (s.header("x-aws-ec2-metadata-token") != "TOKEN2") return reply(401);
    if (s.line().find("security-credentials/ ") != std::string::npos) return reply(200, "my-role");
    if (s.line().find("security-credentials/my-role ") != std::string::npos)
      return reply(200, json_keys("IMDS", 3600));
    if (s.line().find("placement/region ") != std::string::npos) return reply(200, "eu-north-1");
    return reply(404);
  });
  env_["AWS_EC2_METADATA_DISABLED"] = "";
  env_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = imds.url("/");
  auto c = get();
  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->access_key, "IMDS");
  EXPECT_NE(imds.seen()[0].head.find("X-aws-ec2-metadata-token-ttl-seconds: 21600"),
            std::string::npos);
  std::optional<Result<std::string>> region;
  tokens = 1;
  find_region(s_, "", [&](Result<std::string> r) { region = std::move(r); });
  for (int i = 0; i < 100 && !region; ++i) http_.poll(50);
  ASSERT_TRUE(region && *region) << (region ? region->error().what : "no answer");
  EXPECT_EQ(**region, "eu-north-1");
}

TEST_F(Credentials_, RenewedBeforeTheyExpireAndOnlyOnce) {
  int answers = 0;
  LoopbackServer server(
      [&](const Seen&) { return reply(200, json_keys("KEY" + std::to_string(++answers), 3600)); });
  env_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server.url();
  auto source = CredentialSource::standard(s_, "");
  int got = 0;
  for (int i = 0; i < 5; ++i) source->get([&](const Result<Credentials>&) { ++got; });
  while (got < 5) http_.poll(100);
  EXPECT_EQ(server.seen().size(), 1U);  // one fetch for all five
  EXPECT_EQ(get(source.get())->access_key, "KEY1");
  clock::advance_for_tests(3'400'000);  // 200 s left: the old ones still serve, new ones come
  EXPECT_EQ(get(source.get())->access_key, "KEY1");
  for (int i = 0; i < 50 && http_.in_flight() > 0; ++i) http_.poll(100);
  EXPECT_EQ(get(source.get())->access_key, "KEY2");
  clock::advance_for_tests(3'600'000);  // expired: callers wait for new ones
  EXPECT_EQ(get(source.get())->access_key, "KEY3");
  auto used = get(source.get());
  source->refuse(*used);
  EXPECT_EQ(get(source.get())->access_key, "KEY4");
  source->refuse(*used);  // by a slower request: the new ones stay
  EXPECT_EQ(get(source.get())->access_key, "KEY4");
  clock::advance_for_tests(-7'000'000);
}

TEST_F(Credentials_, SourceMayGoWhileFetching) {
  LoopbackServer server([](const Seen&) { return reply(200, json_keys("K", 3600)); });
  env_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server.url();
  auto source = CredentialSource::standard(s_, "");
  source->get([](const Result<Credentials>&) { FAIL(); });
  source.reset();
  for (int i = 0; i < 50 && http_.in_flight() > 0; ++i) http_.poll(50);
  EXPECT_EQ(http_.in_flight(), 0U);
}

TEST_F(Credentials_, Regions) {
  EXPECT_EQ(endpoint_for(s_, "events", "EVENTBRIDGE", "eu-central-1"),
            "https://events.eu-central-1.amazonaws.com");
  EXPECT_EQ(endpoint_for(s_, "sqs", "SQS", "cn-north-1"),
            "https://sqs.cn-north-1.amazonaws.com.cn");
  env_["AWS_ENDPOINT_URL"] = "http://127.0.0.1:5000";
  EXPECT_EQ(endpoint_for(s_, "sqs", "SQS", "cn-north-1"), "http://127.0.0.1:5000");
  EXPECT_EQ(region_of_arn("arn:aws:sns:eu-west-3:123456789012:t"), "eu-west-3");
  EXPECT_EQ(region_of_arn("arn:aws:s3:::bucket"), "");
  EXPECT_FALSE(is_region("evil.example/"));
}

}  // namespace
}  // namespace sluice::aws
