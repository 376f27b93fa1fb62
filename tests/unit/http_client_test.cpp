#include "common/http/client.h"
#include "common/http/loop.h"

#include <gtest/gtest.h>

#include <optional>

#include "common/base/clock.h"
#include "tests/unit/loopback_server.h"

namespace sluice::http {
namespace {

using tests::LoopbackServer;
using tests::Reply;
using tests::reply;
using tests::Seen;

Response ask(Client* client, Request request) {
  std::optional<Response> out;
  client->send(std::move(request), [&](Response r) { out = std::move(r); });
  EXPECT_FALSE(out) << "called back from send()";
  int64_t until = clock::mono_ms() + 20'000;
  while (!out && clock::mono_ms() < until) client->poll(100);
  return out.value_or(Response{0, "the test gave up", "", ""});
}

Request post(const std::string& url, std::string body = "{}") {
  Request r;
  r.url = url;
  r.body = std::move(body);
  r.timeout_ms = 5000;
  return r;
}

TEST(HttpClient, PostsAndReadsTheAnswer) {
  LoopbackServer server(
      [](const Seen&) { return reply(201, "made", "X-One: a \r\nX-One: b\r\n"); });
  Client client;
  Request r = post(server.url("/p?q=1"), "hello");
  r.headers = {{"Content-Type", "text/x"}, {"X-Empty", ""}};
  Response got = ask(&client, r);
  EXPECT_EQ(got.status, 201);
  EXPECT_EQ(got.body, "made");
  EXPECT_EQ(got.header("x-one"), "a");
  EXPECT_EQ(got.header("absent"), "");
  auto seen = server.seen().at(0);
  EXPECT_EQ(seen.line(), "POST /p?q=1 HTTP/1.1");
  EXPECT_EQ(seen.body, "hello");
  EXPECT_EQ(seen.header("content-type"), "text/x");
  EXPECT_NE(seen.head.find("X-Empty:"), std::string::npos);
  EXPECT_EQ(seen.head.find("Expect"), std::string::npos);
}

TEST(HttpClient, MethodsAndBodies) {
  LoopbackServer server([](const Seen& s) {
    return s.line().starts_with("HEAD") ? Reply{"HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\n"}
                                        : reply(200, "ok");
  });
  Client client;
  for (std::string method : {"GET", "PUT", "HEAD", "DELETE", "OPTIONS", "POST", "GET"}) {
    Request r = post(server.url(), method == "PUT" || method == "POST" ? "b" : "");
    r.method = method;
    EXPECT_EQ(ask(&client, r).status, 200) << method;
    auto seen = server.seen().back();
    EXPECT_TRUE(seen.line().starts_with(method + " ")) << seen.line();
    EXPECT_EQ(seen.body, r.body);
    EXPECT_EQ(seen.header("content-type"), "");
  }
}

TEST(HttpClient, KeepsConnections) {
  LoopbackServer server([](const Seen&) { return reply(200); });
  Client client;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(&client, post(server.url())).status, 200);
  EXPECT_EQ(server.connections(), 1U);
}

TEST(HttpClient, ManyAtOnceAndSendingFromCallbacks) {
  LoopbackServer server([](const Seen& s) { return reply(200, s.body); });
  Client client;
  int done = 0;
  std::function<void(int)> next = [&](int left) {
    client.send(post(server.url(), std::to_string(left)), [&, left](const Response& r) {
      EXPECT_EQ(r.body, std::to_string(left));
      ++done;
      if (left > 0) next(left - 1);
    });
  };
  for (int lane = 0; lane < 8; ++lane) next(49);
  EXPECT_EQ(client.in_flight(), 8U);
  int64_t until = clock::mono_ms() + 20'000;
  while (done < 400 && clock::mono_ms() < until) client.poll(1000);
  EXPECT_EQ(done, 400);
  EXPECT_EQ(client.in_flight(), 0U);
  EXPECT_LE(server.connections(), 8U);
}

TEST(HttpClient, RedirectsAreAnswers) {
  LoopbackServer server([](const Seen&) { return reply(302, "", "Location: /other\r\n"); });
  Client client;
  EXPECT_EQ(ask(&client, post(server.url())).status, 302);
  EXPECT_EQ(server.seen().size(), 1U);
}

TEST(HttpClient, HangingServersTimeOut) {
  LoopbackServer server([](const Seen&) { return Reply{"", false, true}; });
  Client client;
  Request r = post(server.url("/secret/path?token=1"));
  r.timeout_ms = 200;
  Response got = ask(&client, r);
  EXPECT_EQ(got.status, 0);
  EXPECT_NE(got.error.find("http://127.0.0.1:"), std::string::npos) << got.error;
  EXPECT_EQ(got.error.find("secret"), std::string::npos) << got.error;
}

TEST(HttpClient, BrokenAnswersAreErrors) {
  std::string huge(3000, 'x');
  const std::vector<std::string> answers{
      "garbage that is no HTTP\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + huge,
      "HTTP/1.1 200 OK\r\n" + std::string(200'000, 'h') + ": x\r\n\r\n",
      "",
  };
  for (const auto& bytes : answers) {
    LoopbackServer server([&](const Seen&) { return Reply{bytes, true, false}; });
    Client client;
    Request r = post(server.url());
    r.max_response = 1000;
    Response got = ask(&client, r);
    EXPECT_EQ(got.status, 0) << bytes.substr(0, 40);
    EXPECT_FALSE(got.error.empty());
    EXPECT_EQ(got.body, "");
    EXPECT_EQ(client.in_flight(), 0U);
  }
}

TEST(HttpClient, InterimAnswersAreSkipped) {
  LoopbackServer server([](const Seen&) {
    return Reply{"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n" + reply(204).bytes};
  });
  Client client;
  Response got = ask(&client, post(server.url()));
  EXPECT_EQ(got.status, 204);
  EXPECT_EQ(got.header("x-early"), "");
}

TEST(HttpClient, RefusesWhatItCannotSend) {
  Client client;
  EXPECT_NE(ask(&client, post("ftp://127.0.0.1/")).error.find("scheme"), std::string::npos);
  EXPECT_NE(ask(&client, post("file:///etc/passwd")).status, 200);
  EXPECT_EQ(ask(&client, post("nonsense://")).status, 0);
  Request split = post("http://127.0.0.1:1/");
  split.headers = {{"X-A", "b\r\nX-Injected: 1"}};
  EXPECT_NE(ask(&client, split).error.find("X-A"), std::string::npos);
  split.headers = {{"X A", "b"}};
  EXPECT_EQ(ask(&client, split).status, 0);
}

TEST(HttpClient, PrivateAddressesAreRefusedAlsoOnKeptConnections) {
  LoopbackServer server([](const Seen&) { return reply(200); });
  Client client;
  Request denied = post(server.url());
  denied.deny_private = true;
  Response got = ask(&client, denied);
  EXPECT_EQ(got.status, 0);
  EXPECT_NE(got.error.find("private"), std::string::npos) << got.error;
  EXPECT_EQ(server.connections(), 0U);
  EXPECT_EQ(ask(&client, post(server.url())).status, 200);  // leaves a connection behind
  got = ask(&client, denied);
  EXPECT_EQ(got.status, 0);
  EXPECT_NE(got.error.find("private"), std::string::npos) << got.error;
  EXPECT_EQ(server.seen().size(), 1U);
}

TEST(HttpClient, EnvironmentProxiesAreIgnored) {
  LoopbackServer server([](const Seen&) { return reply(200); });
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  Client client;
  EXPECT_EQ(ask(&client, post(server.url())).status, 200);
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
}

TEST(HttpClient, ConfiguredProxyIsUsed) {
  LoopbackServer proxy([](const Seen&) { return reply(200, "by proxy"); });
  Client client;
  Request r = post("http://event-sink.invalid/x");
  r.proxy = proxy.url();
  setenv("NO_PROXY", "*", 1);  // nor does the environment take it away again
  EXPECT_EQ(ask(&client, r).body, "by proxy");
  unsetenv("NO_PROXY");
  EXPECT_EQ(ask(&client, r).body, "by proxy");
  EXPECT_EQ(proxy.seen().at(0).line(), "POST http://event-sink.invalid/x HTTP/1.1");
  r.deny_private = true;
  EXPECT_EQ(ask(&client, r).status, 0);
}

TEST(HttpClient, UntrustedCertificatesAndMissingCaFilesFail) {
  Client client;
  Request r = post("https://127.0.0.1:1/");
  r.ca_file = "/nonexistent/ca.pem";
  EXPECT_EQ(ask(&client, r).status, 0);
}

TEST(HttpClient, WakeEndsAWait) {
  Client client;
  std::thread other([&] { client.wake(); });
  int64_t from = clock::mono_ms();
  client.poll(10'000);
  EXPECT_LT(clock::mono_ms() - from, 5000);
  other.join();
}

TEST(HttpClient, DropsWhatIsUnderWay) {
  LoopbackServer server([](const Seen&) { return Reply{"", false, true}; });
  {
    Client client;
    client.send(post(server.url()), [](const Response&) { FAIL() << "called back"; });
    client.poll(10);
  }
}

TEST(HttpClient, AGroupsRequestsWaitTheirTurn) {
  auto connections_for = [](const std::string& group) {
    LoopbackServer server([](const Seen&) { return reply(200); });
    Client client;
    size_t ended = 0;
    for (int i = 0; i < 6; ++i) {
      Request r = post(server.url(), std::to_string(i));
      r.group = group;
      r.at_once = 2;
      client.send(std::move(r), [&](const Response& a) { ended += a.status == 200; });
    }
    int64_t until = clock::mono_ms() + 20'000;
    while (ended < 6 && clock::mono_ms() < until) client.poll(100);
    EXPECT_EQ(ended, 6U);
    return server.connections();
  };
  EXPECT_EQ(connections_for(""), 6U);
  EXPECT_EQ(connections_for("two at once"), 2U);
}

TEST(HttpClient, WhatWaitsComesBackUnsentWhenOneOfItsGroupFails) {
  LoopbackServer server([](const Seen& s) { return reply(s.body == "fails" ? 503 : 200); });
  Client client;
  std::vector<std::pair<int, bool>> ended;
  auto send = [&](const std::string& body) {
    Request r = post(server.url(), body);
    r.group = "one";
    client.send(std::move(r), [&](const Response& a) { ended.emplace_back(a.status, a.unsent); });
  };
  for (const char* body : {"goes", "fails", "waits", "waits"}) send(body);
  int64_t until = clock::mono_ms() + 20'000;
  while (ended.size() < 4 && clock::mono_ms() < until) client.poll(100);
  EXPECT_EQ(ended,
            (std::vector<std::pair<int, bool>>{{200, false}, {503, false}, {0, true}, {0, true}}));
  EXPECT_EQ(server.seen().size(), 2U);
  send("goes");  // the group is open again
  while (ended.size() < 5 && clock::mono_ms() < until) client.poll(100);
  EXPECT_EQ(ended.back(), std::make_pair(200, false));
}

TEST(HttpClient, NothingGoesBeforeItsSenderKnowsOfAFailure) {
  LoopbackServer server([](const Seen& s) { return reply(s.body == "fails" ? 429 : 200); });
  Loop loop;
  auto after = [&](uint64_t known, const std::string& body) {
    Loop::Exchanges one;
    one.push_back(std::make_unique<Exchange>());
    one.front()->request = post(server.url(), body);
    one.front()->request.group = "one";
    one.front()->known = known;
    loop.start(std::move(one));
    auto ended = loop.ended(20'000);
    EXPECT_EQ(ended.size(), 1U);
    return std::move(ended.front());
  };
  auto failed = after(0, "fails");
  EXPECT_EQ(failed->response.status, 429);
  EXPECT_TRUE(after(failed->ended - 1, "too soon")->response.unsent);
  EXPECT_EQ(after(failed->ended, "goes")->response.status, 200);
  EXPECT_EQ(server.seen().size(), 2U);
}

TEST(HttpClient, RecalledWhileItWaits) {
  LoopbackServer server(
      [](const Seen& s) { return s.body == "hangs" ? Reply{"", false, true} : reply(200); });
  Client client;
  std::vector<std::string> ended;
  auto send = [&](const std::string& body) {
    Request r = post(server.url(), body);
    r.group = "one";
    client.send(std::move(r), [&ended, body](const Response& a) {
      ended.push_back(body + (a.unsent ? " unsent" : ""));
    });
  };
  send("hangs");
  send("waits");
  int64_t until = clock::mono_ms() + 20'000;
  while (server.seen().empty() && clock::mono_ms() < until) client.poll(10);
  client.recall();
  while (ended.empty() && clock::mono_ms() < until) client.poll(100);
  EXPECT_EQ(ended, std::vector<std::string>{"waits unsent"});
  EXPECT_EQ(client.in_flight(), 1U);

  client.drop();
  EXPECT_EQ(client.in_flight(), 0U);
  send("goes");  // the client goes on, the group is empty
  while (ended.size() < 2 && clock::mono_ms() < until) client.poll(100);
  EXPECT_EQ(ended.back(), "goes");
  EXPECT_EQ(ended.size(), 2U);
}

TEST(RetryAfter, BothForms) {
  auto with = [](std::string head) {
    return Response{503, "", std::move(head), ""}.retry_after_ms();
  };
  EXPECT_EQ(with(""), -1);
  EXPECT_EQ(with("Retry-After: 120\r\n"), 120'000);
  EXPECT_EQ(with("Retry-After: 0\r\n"), 0);
  EXPECT_EQ(with("Retry-After: -1\r\n"), -1);
  EXPECT_EQ(with("Retry-After: soon\r\n"), -1);
  EXPECT_EQ(with("Retry-After: 99999999999999999999\r\n"), 366LL * 86'400 * 1000);
  EXPECT_EQ(with("Date: Fri, 31 Dec 1999 23:59:00 GMT\r\n"
                 "retry-after:Fri, 31 Dec 1999 23:59:59 GMT\r\n"),
            59'000);
  EXPECT_EQ(with("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"), 0);  // long past
}

}  // namespace
}  // namespace sluice::http
