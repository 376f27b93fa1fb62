#include <sys/stat.h>
#include <unistd.h>
#include <atomic>

#include <fstream>

#include "common/sinks/standard_webhooks.h"
#include "tests/unit/loopback_server.h"
#include "tests/unit/sink_driver.h"
#include "tests/unit/temp_folder.h"

namespace sluice {
namespace {

using tests::LoopbackServer;
using tests::Reply;
using tests::reply;
using tests::Seen;
using tests::SinkDriver;
using tests::stored_event;

constexpr const char* kSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

std::string config(const std::string& url, const std::string& more = "") {
  return R"({"type":"webhook","url":")" + url + "\"" + more + "}";
}

TEST(Webhook, StructuredAsItIs) {
  LoopbackServer server([](const Seen&) { return reply(204); });
  SinkDriver d(config(server.url(), R"(,"headers":{"Authorization":"Bearer x"})"));
  ASSERT_TRUE(d.sink) << d.problem_text();
  EXPECT_EQ(d.sink->limits().in_flight, 8U);
  EXPECT_EQ(d.sink->limits().batch, 1U);
  auto event = stored_event(1);
  EXPECT_EQ(d.send({event}).at(0).verdict, Verdict::taken);
  auto seen = server.seen().at(0);
  EXPECT_EQ(seen.body, event.body);
  EXPECT_EQ(seen.header("content-type"), "application/cloudevents+json; charset=UTF-8");
  EXPECT_EQ(seen.header("authorization"), "Bearer x");
  EXPECT_EQ(seen.header("webhook-id"), "");
}

TEST(Webhook, SignedForEachKey) {
  LoopbackServer server([](const Seen&) { return reply(200); });
  std::string path = ::testing::TempDir() + "secrets" + std::to_string(getpid());
  std::ofstream(path) << "# old\nwhsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\n";
  chmod(path.c_str(), 0600);
  SinkDriver d(config(server.url(), std::string(R"(,"secret":")") + kSecret +
                                        R"(","secret_file":")" + path + "\""));
  ASSERT_TRUE(d.sink) << d.problem_text();
  d.send({stored_event(1)});
  auto seen = server.seen().at(0);
  EXPECT_EQ(seen.header("webhook-id"), "id-1");
  int64_t when = std::stoll(seen.header("webhook-timestamp"));
  EXPECT_LT(std::abs(when - clock::wall_us() / 1'000'000), 10);
  std::string key;
  ASSERT_TRUE(sinks::parse_webhook_secret(kSecret, &key));
  EXPECT_EQ(seen.header("webhook-signature"),
            sinks::webhook_signature({key, std::string(24, '\0')}, "id-1", when, seen.body));

  chmod(path.c_str(), 0640);
  SinkDriver open(config(server.url(), R"(,"secret_file":")" + path + "\""));
  EXPECT_FALSE(open.sink);
  EXPECT_NE(open.problem_text().find("chmod 600"), std::string::npos) << open.problem_text();
  unlink(path.c_str());
}

TEST(Webhook, BinaryAndTemplate) {
  LoopbackServer server([](const Seen&) { return reply(200); });
  SinkDriver binary(config(server.url(), R"(,"mode":"binary")"));
  binary.send({stored_event(1)});
  EXPECT_EQ(server.seen()[0].header("ce-id"), "id-1");
  EXPECT_EQ(server.seen()[0].header("content-type"), "application/json");
  EXPECT_EQ(server.seen()[0].body, R"({"job":{"name":"x"}})");
  SinkDriver chat(config(server.url(), R"(,"template":{"text":"Job {{data.job.name}} {{type}}"})"));
  chat.send({stored_event(1)});
  EXPECT_EQ(server.seen()[1].body, R"({"text":"Job x slurm.job.end"})");
  SinkDriver plain(
      config(server.url(), R"(,"template":"{{subject}}{{id}}","content_type":"text/plain")"));
  plain.send({stored_event(1)});
  EXPECT_EQ(server.seen()[2].body, "id-1");
  EXPECT_EQ(server.seen()[2].header("content-type"), "text/plain");
}

TEST(Webhook, AnswersBecomeVerdicts) {
  struct Case {
    Reply reply;
    Verdict verdict;
    int64_t retry_after_ms;
  };
  const std::vector<Case> cases{
      {reply(429, "", "Retry-After: 3\r\n"), Verdict::sink_down, 3000},
      {reply(503, "", "Retry-After: 2\r\n"), Verdict::sink_down, 2000},
      {reply(500), Verdict::sink_down, -1},
      {reply(307, "", "Location: http://127.0.0.1:1/\r\n"), Verdict::sink_down, -1},
      {reply(410), Verdict::sink_gone, -1},
      {reply(422, "bad"), Verdict::refused, -1},
      {{"what?\r\n\r\n", true, false}, Verdict::sink_down, -1},
      {{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", true, false}, Verdict::sink_down, -1},
      {{"", false, true}, Verdict::sink_down, -1},
  };
  std::atomic<size_t> next = 0;
  LoopbackServer server([&](const Seen&) { return cases.at(next).reply; });
  SinkDriver d(config(server.url(), R"(,"timeout_s":1)"));
  for (; next < cases.size(); ++next) {
    auto got = d.send({stored_event(1)}).at(0);
    EXPECT_EQ(got.verdict, cases[next].verdict) << next << got.reason;
    EXPECT_EQ(got.retry_after_ms, cases[next].retry_after_ms) << next;
    EXPECT_FALSE(got.reason.empty());
  }
}

TEST(Webhook, NobodyListens) {
  std::string url = LoopbackServer([](const Seen&) { return reply(200); }).url("/token/abc");
  SinkDriver d(config(url));
  auto got = d.send({stored_event(1)}).at(0);
  EXPECT_EQ(got.verdict, Verdict::sink_down);
  EXPECT_EQ(got.reason.find("abc"), std::string::npos) << got.reason;
  EXPECT_NE(d.check(), "");
}

TEST(Webhook, Check) {
  std::atomic<int> status = 405;
  LoopbackServer server([&](const Seen&) { return reply(status); });
  SinkDriver d(config(server.url()));
  EXPECT_EQ(d.check(), "");
  EXPECT_EQ(server.seen()[0].line(), "OPTIONS / HTTP/1.1");
  status = 301;
  EXPECT_NE(d.check().find("redirects are not followed"), std::string::npos);
}

TEST(Webhook, PrivateAddressesOnRequestOnly) {
  LoopbackServer server([](const Seen&) { return reply(200); });
  SinkDriver d(config(server.url(), R"(,"allow_private":false)"));
  EXPECT_EQ(d.send({stored_event(1)}).at(0).verdict, Verdict::sink_down);
  EXPECT_EQ(server.connections(), 0U);
}

TEST(Webhook, MayGoWhileSending) {
  LoopbackServer server([](const Seen&) { return reply(200); });
  SinkDriver d(config(server.url()));
  std::vector<StoredEvent> batch{stored_event(1)};
  bool done = false;
  d.sink->send(batch, [&](const std::vector<Outcome>&) { done = true; });
  d.sink.reset();
  d.wait([&] { return done; });
  EXPECT_TRUE(done);
}

TEST(Webhook, SecretsOfStrangersAreRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  sluice::testing::TempFolder folder;
  folder.put("key", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
  std::string path = folder / "key";
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  ASSERT_EQ(::chown(path.c_str(), 54321, 54321), 0);
  SinkDriver d(R"({"type":"webhook","url":"https://x/","secret_file":")" + path + "\"}");
  EXPECT_NE(d.problem_text().find("belongs to uid 54321"), std::string::npos) << d.problem_text();
}

TEST(Webhook, ConfigurationFaults) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"type":"webhook"})", "s.url: is missing"},
      {R"({"type":"webhook","url":"ftp://x/"})", "s.url: \"ftp://x/\": must be an http"},
      {R"({"type":"webhook","url":"https://u:p@x/"})", "must not hold user:password"},
      {R"({"type":"webhook","url":"https://x/","urll":1})", "s.urll: 1: unknown key"},
      {R"({"type":"webhook","url":"https://x/","secret":"s"})", "secret: (hidden): must be"},
      {R"({"type":"webhook","url":"https://x/","secrets":["s"]})", "secrets: (hidden)"},
      {R"({"type":"webhook","url":"https://x/","secret_file":"/none"})", "cannot be read"},
      {R"({"type":"webhook","url":"https://x/","mode":"x"})", "must be one of"},
      {R"({"type":"webhook","url":"https://x/","template":"{{"})", "not closed"},
      {R"({"type":"webhook","url":"https://x/","template":"{\"a\":"})", "not JSON"},
      {R"({"type":"webhook","url":"https://x/","template":{},"mode":"binary"})",
       "must not be binary"},
      {R"({"type":"webhook","url":"https://x/","content_type":"a/b"})", "beside \"template\""},
      {R"({"type":"webhook","url":"https://x/","headers":{"Webhook-Id":"x"}})", "set by the sink"},
      {R"({"type":"webhook","url":"https://x/","headers":{"A":"secret\n"}})", "headers.A"},
      {R"({"type":"webhook","url":"https://x/","ca_file":"/none"})", "ca_file"},
      {R"({"type":"webhook","url":"https://x/","in_flight":0})", "in_flight: 0: must be"},
      {R"({"type":"webhok"})", "s.type: \"webhok\": must be one of"},
      {R"({})", "type: is missing"},
  };
  for (const auto& [text, expected] : cases) {
    SinkDriver d(text);
    EXPECT_FALSE(d.sink) << text;
    EXPECT_NE(d.problem_text().find(expected), std::string::npos) << text << d.problem_text();
  }
  SinkDriver plain(R"({"type":"webhook","url":"http://hooks.example/"})");
  EXPECT_TRUE(plain.sink);
  ASSERT_EQ(plain.problems.size(), 1U);
  EXPECT_TRUE(plain.problems[0].warning);
}

}  // namespace
}  // namespace sluice
