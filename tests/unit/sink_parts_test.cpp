// The parts that sinks are made of: signatures, templates, binary mode, entries, answers.
#include <gtest/gtest.h>

#include <algorithm>

#include "common/aws/error.h"
#include "common/base/clock.h"
#include "common/sinks/answer.h"
#include "common/sinks/aws_sink.h"
#include "common/sinks/cloudevents_http.h"
#include "common/sinks/eventbridge_entry.h"
#include "common/sinks/raw_json.h"
#include "common/sinks/standard_webhooks.h"
#include "common/sinks/template.h"

namespace sluice::sinks {
namespace {

// The example of the Standard Webhooks specification's reference libraries.
TEST(StandardWebhooks, KnownAnswer) {
  std::string key;
  ASSERT_TRUE(parse_webhook_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &key));
  EXPECT_EQ(webhook_signature({key}, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                              R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  std::string two = webhook_signature({key, "another key of some length"}, "i", 1, "b");
  EXPECT_EQ(std::count(two.begin(), two.end(), ' '), 1);
}

TEST(StandardWebhooks, Secrets) {
  std::string key;
  for (const char* bad : {"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                          "whsec_c2hvcnQ=", "whsec_!!!!", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"})
    EXPECT_FALSE(parse_webhook_secret(bad, &key)) << bad;
}

Json event() {
  return *Json::parse(R"({"specversion":"1.0","id":"e 1","type":"slurm.job.end","subject":"job/1",
    "data":{"job":{"name":"a\"b\n","job_id":7,"nodes":["n0","n1"],"none":null,"ü":"%"}}})");
}

TEST(Template, FillsJson) {
  auto t = Template::make(R"({"text":"{{type}}: {{ data.job.name }} on {{data.job.nodes.1}}",)"
                          R"("id":{{data.job.job_id}},"all":{{data.job.nodes}},)"
                          R"("n":{{data.job.none}},"s":"<{{data.job.gone}}{{data.job.nodes}}>"})",
                          true);
  ASSERT_TRUE(t) << t.error().what;
  EXPECT_EQ(t->render(event()),
            R"({"text":"slurm.job.end: a\"b\n on n1","id":7,"all":["n0","n1"],"n":null,)"
            R"("s":"<[\"n0\",\"n1\"]>"})");
  EXPECT_EQ(t->roots().front(), "type");
}

TEST(Template, EscapedQuotesInTheTemplate) {
  auto t = Template::make(R"({"a":"say \"{{id}}\"","b":"\\","c":{{id}}})", true);
  ASSERT_TRUE(t) << t.error().what;
  EXPECT_EQ(t->render(event()), R"({"a":"say \"e 1\"","b":"\\","c":"e 1"})");
}

TEST(Template, PlainText) {
  auto t = Template::make("Job {{data.job.job_id}}: {{data.job.name}}", false);
  EXPECT_EQ(t->render(event()), "Job 7: a\"b\n");
}

TEST(Template, Faults) {
  for (const char* bad : {"{{", "{\"a\":\"{{x\"}", "{{}}", "{{a..b}}", "{{a b}}", "{\"a\":{{id}}"})
    EXPECT_FALSE(Template::make(bad, true)) << bad;
}

TEST(BinaryMode, HeadersAndBody) {
  BinaryEvent b = to_binary(event());
  EXPECT_EQ(b.body, event().get("data").dump());
  auto has = [&](const std::string& name, const std::string& value) {
    return std::ranges::find(b.headers, std::pair{name, value}) != b.headers.end();
  };
  EXPECT_TRUE(has("ce-id", "e%201"));
  EXPECT_TRUE(has("ce-specversion", "1.0"));
  EXPECT_TRUE(has("Content-Type", "application/json"));
  EXPECT_EQ(header_value("Euro € \"%\" \r\n"), "Euro%20%E2%82%AC%20%22%25%22%20%0D%0A");
}

TEST(WebhookAnswers, Verdicts) {
  auto judge = [](int status, std::string head = "") {
    return judge_webhook({status, "dead", std::move(head), "their\nwords"},
                         "https://h.example/secret");
  };
  for (int s : {200, 201, 204, 299}) EXPECT_EQ(judge(s).verdict, Verdict::taken) << s;
  for (int s : {400, 413, 415, 422}) EXPECT_EQ(judge(s).verdict, Verdict::refused) << s;
  for (int s : {0, 100, 301, 302, 308, 401, 403, 404, 405, 408, 425, 429, 500, 503, 599, 999})
    EXPECT_EQ(judge(s).verdict, Verdict::sink_down) << s;
  EXPECT_EQ(judge(410).verdict, Verdict::sink_gone);
  EXPECT_EQ(judge(429, "retry-after: 7\r\n").retry_after_ms, 7000);
  EXPECT_NE(judge(302, "location: https://o.example/x\r\n").reason.find("https://o.example;"),
            std::string::npos);
  EXPECT_EQ(judge(500).reason, "POST to https://h.example: 500: their\\x0awords");
  EXPECT_EQ(judge(0).reason, "dead");
}

StoredEvent stored(const std::string& body, const std::string& type = "slurm.job.end") {
  return {1, "id-1", type, "job/1", "job/1", 1'772'366'400'000'000, body};
}

EntryShape shape() {
  EntryShape s;
  s.bus = "hpc";
  s.source = "pcluster.c";
  s.detail_types = {{"slurm.job.end", "pcluster_job_end"}};
  return s;
}

TEST(EventBridgeEntry, SeedShape) {
  std::string out;
  shape().render_to(&out,
                    stored(R"({"id":"id-1","data":{"job":{"job_id":5,"user_name":"ada",)"
                           R"("name":"x"},"env":{"SLURM_JOB_NAME":"a\"b","SLURM_NNODES":2}}})"));
  EXPECT_EQ(out,
            R"({"EventBusName":"hpc","Source":"pcluster.c","DetailType":"pcluster_job_end",)"
            R"("Time":1772366400,"Detail":"{\"SLURM_JOB_USER\":\"ada\",\"SLURM_JOB_ID\":\"5\",)"
            R"(\"SLURM_JOB_NAME\":\"a\\\"b\",\"SLURM_NNODES\":2,\"SLUICE_EVENT_ID\":\"id-1\"}"})");
}

TEST(EventBridgeEntry, OtherEventsAndGarbage) {
  EXPECT_EQ(shape().detail(stored(R"({"data":{"k":1}})", "user.x")),
            R"({"k":1,"SLUICE_EVENT_ID":"id-1"})");
  EXPECT_EQ(shape().detail(stored("not json")), R"({"SLUICE_EVENT_ID":"id-1"})");
  EXPECT_EQ(shape().detail_type("user.x"), "user.x");
}

TEST(RawJson, FindsMembersInText) {
  std::string_view text =
      R"( { "a" : "x\"}" , "b":{"c":[1,{"d":"]"}],"e":null} ,"f":-1.5e3,"g":[]} )";
  EXPECT_EQ(raw_member(text, "a"), R"("x\"}")");
  EXPECT_EQ(raw_member(text, "b"), R"({"c":[1,{"d":"]"}],"e":null})");
  EXPECT_EQ(raw_member(text, "f"), "-1.5e3");
  EXPECT_EQ(raw_member(text, "g"), "[]");
  EXPECT_EQ(raw_member(text, "d"), std::nullopt);
  EXPECT_EQ(raw_member(*raw_member(text, "b"), "e"), "null");
}

TEST(RawJson, AnyCutOrFlippedByteIsSafe) {
  std::string text = R"({"a":"x\"}","b":{"c":[1,{"d":"]"}],"e":null},"f":-1.5e3,"g":[]})";
  for (size_t n = 0; n <= text.size(); ++n) raw_member(std::string(text, 0, n), "none");
  for (size_t i = 0; i < text.size(); ++i)
    for (char c : {'"', '{', '}', ']', '\\', ',', ':', '\0'}) {
      std::string flipped = text;
      flipped[i] = c;
      raw_member(flipped, "none");
      EXPECT_TRUE(shape().detail(stored(flipped)).ends_with("}"));
    }
}

// AWS's formula: 14 for Time, and the bytes of Source, DetailType, Detail and Resources.
TEST(EventBridgeEntry, SizeIsAwssOrMore) {
  EntryShape s = shape();
  s.whole_event = true;
  s.resources = {"arn:1"};
  StoredEvent e = stored(R"({"data":{"ü":1}})");
  EXPECT_EQ(s.size(e), 14 + s.source.size() + sizeof("pcluster_job_end") - 1 + e.body.size() + 5);
  s.whole_event = false;
  e = stored(R"({"id":"id-1","data":{"job":{"job_id":5,"user_name":"ada","name":"x"},"env":{}}})");
  EXPECT_GE(s.size(e), 14 + s.source.size() + 16 + s.detail(e).size() + 5);
}

TEST(Entries, Verdicts) {
  auto judge = [](const char* code, bool sender) {
    return judge_entry("A", {"0", code, "m", sender}).verdict;
  };
  EXPECT_EQ(judge("ThrottlingException", false), Verdict::retry);
  EXPECT_EQ(judge("InternalFailure", false), Verdict::retry);
  EXPECT_EQ(judge("InternalError", true), Verdict::retry);
  EXPECT_EQ(judge("SomethingNew", false), Verdict::retry);
  EXPECT_EQ(judge("InvalidMessageContents", true), Verdict::refused);
  EXPECT_EQ(judge("AccessDeniedException", true), Verdict::sink_down);
  auto out = judge_entries(3, "A", {"2", "7", "x"}, {{"0", "Bad", "", true}});
  EXPECT_EQ(out[0].verdict, Verdict::refused);
  EXPECT_EQ(out[1].verdict, Verdict::retry);  // not mentioned
  EXPECT_EQ(out[2].verdict, Verdict::taken);
}

TEST(Entries, Texts) {
  EXPECT_EQ(without_noncharacters("\"a\xEF\xBF\xBE\xEF\xBF\xBF\xEF\xBF\xBD\""),
            "\"a\\ufffe\\uffff\xEF\xBF\xBD\"");
  EXPECT_EQ(without_noncharacters("plain"), "plain");
  EXPECT_EQ(fifo_id("job/1"), "job/1");
  EXPECT_EQ(fifo_id("a b").size(), 64U);
  EXPECT_EQ(fifo_id(std::string(129, 'a')).size(), 64U);
}

TEST(AwsErrors, ReadFromAllProtocols) {
  using aws::Kind;
  auto read = [](int status, std::string body, std::string head = "") {
    return aws::read_error({status, "", std::move(head), std::move(body)});
  };
  auto json = read(400, R"({"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"gone"})");
  EXPECT_EQ(json.code, "QueueDoesNotExist");
  EXPECT_EQ(aws::describe(json), "QueueDoesNotExist: gone");
  EXPECT_EQ(aws::kind_of(400, json.code), Kind::missing);
  EXPECT_EQ(read(400, "{}", "x-amzn-errortype: ThrottlingException:http://x/\r\n").code,
            "ThrottlingException");
  EXPECT_EQ(
      read(403, "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>").code,
      "ExpiredToken");
  EXPECT_EQ(read(400, "<Response><Errors><Error><Code>X</Code></Error></Errors></Response>").code,
            "X");
  EXPECT_EQ(aws::describe(read(502, "<html>\nno")), "502: <html>\\x0ano");
  EXPECT_EQ(aws::kind_of(403, "ExpiredToken"), Kind::credentials);
  EXPECT_EQ(aws::kind_of(400, "UnrecognizedClientException"), Kind::credentials);
  EXPECT_EQ(aws::kind_of(403, ""), Kind::denied);
  EXPECT_EQ(aws::kind_of(500, ""), Kind::unavailable);
  EXPECT_EQ(aws::kind_of(400, "ValidationException"), Kind::invalid);
  EXPECT_EQ(aws::kind_of(413, ""), Kind::too_large);
}

TEST(AwsErrors, ClockSkewIsNamed) {
  http::Response r;
  EXPECT_EQ(aws::clock_hint(r), "");
  r.head = "Date: Fri, 31 Dec 1999 23:59:59 GMT\r\n";
  EXPECT_NE(aws::clock_hint(r).find("ahead of AWS's"), std::string::npos);
}

}  // namespace
}  // namespace sluice::sinks
