// The AWS sinks against a loopback server that answers as AWS does, or misbehaves.
#include <atomic>

#include "tests/unit/loopback_server.h"
#include "tests/unit/sink_driver.h"

namespace sluice {
namespace {

using tests::LoopbackServer;
using tests::Reply;
using tests::reply;
using tests::Seen;
using tests::SinkDriver;
using tests::stored_event;
using tests::verdicts;

constexpr auto taken = Verdict::taken;
constexpr auto retry = Verdict::retry;
constexpr auto refused = Verdict::refused;
constexpr auto down = Verdict::sink_down;

class AwsSinks : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "hush-hush", 1);
    setenv("AWS_REGION", "eu-west-1", 1);
  }
  void TearDown() override {
    for (const char* v : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"}) unsetenv(v);
  }

  static std::string bus(const LoopbackServer& server, const std::string& more = "") {
    return R"({"type":"eventbridge","bus":"hpc","endpoint":")" + server.url() + "\"" + more + "}";
  }
  static bool is(const Seen& s, const std::string& action) {
    return s.header("x-amz-target").ends_with("." + action);
  }
  static std::vector<StoredEvent> events(int n) {
    std::vector<StoredEvent> out;
    for (int i = 1; i <= n; ++i) out.push_back(stored_event(i));
    return out;
  }
};

TEST_F(AwsSinks, EntriesFailOneByOne) {
  LoopbackServer server([](const Seen& s) {
    if (is(s, "DescribeEventBus")) return reply(200, "{}");
    return reply(200, R"({"FailedEntryCount":3,"Entries":[{"EventId":"1"},)"
                      R"({"ErrorCode":"ThrottlingException","ErrorMessage":"m"},)"
                      R"({"ErrorCode":"MalformedDetail"},{"ErrorCode":"InternalFailure"},)"
                      R"({"EventId":"2"}]})");
  });
  SinkDriver d(bus(server));
  ASSERT_TRUE(d.sink) << d.problem_text();
  EXPECT_EQ(d.sink->limits().batch, 10U);
  auto got = d.send(events(5));
  EXPECT_EQ(verdicts(got), (std::vector{taken, retry, refused, retry, taken}));
  EXPECT_EQ(got[1].reason, "PutEvents: entry: ThrottlingException: m");
  auto seen = server.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].header("x-amz-target"), "AWSEvents.DescribeEventBus");
  EXPECT_EQ(seen[0].body, R"({"Name":"hpc"})");
  EXPECT_EQ(seen[1].header("content-type"), "application/x-amz-json-1.1");
  EXPECT_NE(seen[1].header("authorization").find("/eu-west-1/events/aws4_request"),
            std::string::npos);
  EXPECT_EQ(Json::parse(seen[1].body)->get("Entries").size(), 5U);
}

TEST_F(AwsSinks, NothingIsSentBeforeTheBusWasSeen) {
  std::atomic<bool> there{false};
  LoopbackServer server([&](const Seen& s) {
    if (is(s, "PutEvents")) return reply(200, R"({"Entries":[{"EventId":"1"}]})");
    return there ? reply(200, "{}")
                 : reply(400, R"({"__type":"ResourceNotFoundException","message":"no bus"})");
  });
  SinkDriver d(bus(server));
  auto got = d.send(events(1));
  EXPECT_EQ(got[0].verdict, down);
  EXPECT_NE(got[0].reason.find("create the bus"), std::string::npos) << got[0].reason;
  EXPECT_EQ(server.seen().size(), 1U);
  there = true;
  EXPECT_EQ(d.send(events(1))[0].verdict, taken);
  EXPECT_EQ(d.send(events(1))[0].verdict, taken);
  EXPECT_EQ(server.seen().size(), 4U);  // checked once
  clock::advance_for_tests(700'000);    // and again after a while
  there = false;
  EXPECT_EQ(d.send(events(1))[0].verdict, down);
  clock::advance_for_tests(-700'000);
}

TEST_F(AwsSinks, ABusThatWasSeenIsNotGoneWhenItCannotBeLookedAt) {
  std::atomic<bool> denied{false};
  LoopbackServer server([&](const Seen& s) {
    if (is(s, "PutEvents")) return reply(200, R"({"Entries":[{"EventId":"1"}]})");
    return denied ? reply(400, R"({"__type":"AccessDeniedException","message":"no"})")
                  : reply(200, "{}");
  });
  SinkDriver d(bus(server));
  EXPECT_EQ(d.send(events(1))[0].verdict, taken);
  denied = true;
  clock::advance_for_tests(700'000);
  EXPECT_EQ(d.send(events(1))[0].verdict, taken);
  EXPECT_EQ(d.send(events(1))[0].verdict, taken);
  EXPECT_EQ(server.seen().size(), 5U);  // looked at twice
  clock::advance_for_tests(-700'000);
}

// A disabled key, a wrong endpoint, a code that nobody here knows: were each event's fault, the
// whole queue would be dead letters.
TEST_F(AwsSinks, ARefusalOfAllIsTheSinksTrouble) {
  for (const auto& answer :
       {reply(400, R"({"__type":"ValidationException","message":"m"})"), reply(404, "<html>"),
        reply(400, R"({"__type":"com.amazonaws.sqs#KmsDisabled","message":"m"})"),
        reply(400, R"({"__type":"KMSThrottling","message":"m"})")}) {
    LoopbackServer server([&](const Seen&) { return answer; });
    SinkDriver d(R"({"type":"sqs","url":")" + server.url("/123/q") + R"("})");
    ASSERT_TRUE(d.sink) << d.problem_text();
    EXPECT_EQ(verdicts(d.send(events(3))), (std::vector{down, down, down})) << answer.bytes;
    EXPECT_EQ(verdicts(d.send(events(1))), (std::vector{down})) << answer.bytes;
  }
}

TEST_F(AwsSinks, VerifyCanBeSwitchedOff) {
  LoopbackServer server([](const Seen&) { return reply(200, R"({"Entries":[{"EventId":"1"}]})"); });
  SinkDriver d(bus(server, R"(,"verify":false)"));
  EXPECT_EQ(d.send(events(1))[0].verdict, taken);
  EXPECT_EQ(server.seen().size(), 1U);
}

TEST_F(AwsSinks, ARefusedBatchIsTakenApart) {
  LoopbackServer server([](const Seen& s) {
    if (s.body.find("id-2") != s.body.npos)
      return reply(400, R"({"__type":"ValidationException","message":"bad entry"})");
    return reply(200, R"({"Entries":[{"EventId":"1"}]})");
  });
  SinkDriver d(bus(server, R"(,"verify":false)"));
  auto got = d.send(events(3));
  EXPECT_EQ(verdicts(got), (std::vector{taken, refused, taken}));
  EXPECT_NE(got[1].reason.find("bad entry"), std::string::npos);
  EXPECT_EQ(server.seen().size(), 4U);
}

TEST_F(AwsSinks, OversizedEventsAreRefusedAlone) {
  LoopbackServer server([](const Seen&) { return reply(200, R"({"Entries":[{"EventId":"1"}]})"); });
  SinkDriver d(bus(server, R"(,"verify":false,"max_request_kib":2)"));
  auto batch = events(2);
  batch[0].body.resize(5000, ' ');
  auto got = d.send(batch);
  EXPECT_EQ(verdicts(got), (std::vector{refused, taken}));
  EXPECT_NE(got[0].reason.find("max_request_kib: 2"), std::string::npos) << got[0].reason;
}

TEST_F(AwsSinks, GarbageAndOutages) {
  std::vector<Reply> answers{
      reply(200, "garbage"),
      reply(200, "{}"),
      reply(200, R"({"Entries":[]})"),
      reply(200, R"({"Entries":[{}]})"),
      reply(200, R"({"Entries":[{"EventId":"1"},{"EventId":"2"}]})"),
      reply(500, "<html>"),
      reply(429, R"({"__type":"TooManyRequestsException"})", "Retry-After: 4\r\n"),
      reply(400, R"({"__type":"ThrottlingException"})"),
      reply(302, "", "Location: http://127.0.0.1:1/\r\n"),
      reply(403, R"({"__type":"AccessDeniedException","Message":"no"})"),
      {"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", true, false},
  };
  size_t next = 0;
  LoopbackServer server([&](const Seen&) { return answers.at(next); });
  SinkDriver d(bus(server, R"(,"verify":false)"));
  for (; next < answers.size(); ++next) {
    auto got = d.send(events(1)).at(0);
    EXPECT_EQ(got.verdict, down) << next << " " << got.reason;
    EXPECT_FALSE(got.reason.empty());
    EXPECT_EQ(got.retry_after_ms, next == 6 ? 4000 : -1);
  }
}

TEST_F(AwsSinks, RefusedCredentialsAreFetchedAnew) {
  LoopbackServer server([](const Seen& s) {
    if (s.header("authorization").find("=NEW/") == s.head.npos)
      return reply(400, R"({"__type":"ExpiredTokenException","message":"expired"})",
                   "Date: Fri, 31 Dec 1999 23:59:59 GMT\r\n");
    return reply(200, R"({"Entries":[{"EventId":"1"}]})");
  });
  SinkDriver d(bus(server, R"(,"verify":false)"));
  setenv("AWS_ACCESS_KEY_ID", "OLD", 1);
  auto got = d.send(events(1))[0];
  EXPECT_EQ(got.verdict, down);
  EXPECT_NE(got.reason.find("clock is"), std::string::npos) << got.reason;
  EXPECT_EQ(got.reason.find("hush"), std::string::npos);
  setenv("AWS_ACCESS_KEY_ID", "NEW", 1);
  d.send(events(1));  // the ones fetched at once were the old ones still
  EXPECT_EQ(d.send(events(1))[0].verdict, taken);
}

TEST_F(AwsSinks, NoCredentialsKeepEvents) {
  unsetenv("AWS_ACCESS_KEY_ID");
  setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
  setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
  LoopbackServer server([](const Seen&) { return reply(200, "{}"); });
  SinkDriver d(bus(server));
  auto got = d.send(events(2));
  EXPECT_EQ(verdicts(got), (std::vector{down, down}));
  EXPECT_NE(got[0].reason.find("no AWS credentials: environment:"), std::string::npos)
      << got[0].reason;
  EXPECT_EQ(server.seen().size(), 0U);
  unsetenv("AWS_EC2_METADATA_DISABLED");
  unsetenv("AWS_SHARED_CREDENTIALS_FILE");
}

TEST_F(AwsSinks, SqsEntriesAndFifo) {
  LoopbackServer server([](const Seen&) {
    return reply(200, R"({"Successful":[{"Id":"1"}],"Failed":[)"
                      R"({"Id":"0","Code":"InvalidMessageContents","SenderFault":true},)"
                      R"({"Id":"2","Code":"InternalError","SenderFault":false}]})");
  });
  SinkDriver d(R"({"type":"sqs","url":")" + server.url("/123/q.fifo") + R"("})");
  ASSERT_TRUE(d.sink) << d.problem_text();
  EXPECT_EQ(verdicts(d.send(events(4))), (std::vector{refused, taken, retry, retry}));
  auto seen = server.seen()[0];
  EXPECT_EQ(seen.line(), "POST / HTTP/1.1");
  EXPECT_EQ(seen.header("x-amz-target"), "AmazonSQS.SendMessageBatch");
  EXPECT_EQ(seen.header("content-type"), "application/x-amz-json-1.0");
  Json entry = Json::parse(seen.body)->get("Entries").at(3);
  EXPECT_EQ(entry.get("MessageBody").str(), stored_event(4).body);
  EXPECT_EQ(entry.get("MessageGroupId").str(), "job/4");
  EXPECT_EQ(entry.get("MessageDeduplicationId").str(), "id-4");
}

TEST_F(AwsSinks, SnsEntries) {
  LoopbackServer server([](const Seen&) {
    return reply(200,
                 "<PublishBatchResponse><PublishBatchResult><Successful><member><Id>0</Id>"
                 "</member></Successful><Failed><member><Id>1</Id><Code>InvalidParameter"
                 "</Code><SenderFault>true</SenderFault></member></Failed>"
                 "</PublishBatchResult></PublishBatchResponse>");
  });
  SinkDriver d(R"({"type":"sns","topic":"arn:aws:sns:us-east-2:1:t","endpoint":")" + server.url() +
               R"("})");
  ASSERT_TRUE(d.sink) << d.problem_text();
  EXPECT_EQ(verdicts(d.send(events(2))), (std::vector{taken, refused}));
  auto seen = server.seen()[0];
  EXPECT_NE(seen.header("authorization").find("/us-east-2/sns/"), std::string::npos);
  EXPECT_TRUE(seen.body.starts_with(
      "Action=PublishBatch&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aus-east-2%3A1%3At&"
      "PublishBatchRequestEntries.member.1.Id=0&"));
}

TEST_F(AwsSinks, MayGoWhileSending) {
  LoopbackServer server([](const Seen&) { return reply(200, R"({"Entries":[{"EventId":"1"}]})"); });
  SinkDriver d(bus(server));
  auto batch = events(1);
  bool done = false;
  d.sink->send(batch, [&](const std::vector<Outcome>&) { done = true; });
  d.sink.reset();
  d.wait([&] { return done; });
  EXPECT_TRUE(done);
}

TEST_F(AwsSinks, ConfigurationFaults) {
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {R"({"type":"eventbridge","bus":"a b"})", "event bus's name or ARN"},
           {R"({"type":"eventbridge","source":"aws.x"})", "must not start with"},
           {R"({"type":"eventbridge","detail":"x"})", "must be one of"},
           {R"({"type":"eventbridge","detail_type":{"a":1}})", "must map"},
           {R"({"type":"eventbridge","region":"Mars"})", "must be an AWS region"},
           {R"({"type":"eventbridge","max_request_kib":2000})", "from 1 to 1024"},
           {R"({"type":"eventbridge","buss":"x"})", "unknown key"},
           {R"({"type":"sqs"})", "url: is missing"},
           {R"({"type":"sqs","url":"https://sqs.us-east-1.amazonaws.com/"})", "queue's URL"},
           {R"({"type":"sns"})", "topic: is missing"},
           {R"({"type":"sns","topic":"jobs"})", "topic's ARN"}}) {
    SinkDriver d(text);
    EXPECT_FALSE(d.sink) << text;
    EXPECT_NE(d.problem_text().find(expected), std::string::npos) << d.problem_text();
  }
}

}  // namespace
}  // namespace sluice
