// The webhook sink: one POST an event, CloudEvents 1.0 over HTTP, signed by Standard Webhooks.
#include <memory>
#include <utility>

#include "common/base/clock.h"
#include "common/http/url.h"
#include "common/sinks/answer.h"
#include "common/sinks/cloudevents_http.h"
#include "common/sinks/make.h"
#include "common/sinks/standard_webhooks.h"
#include "common/sinks/webhook_config.h"

namespace sluice::sinks {
namespace {

constexpr const char* kStructured = "application/cloudevents+json; charset=UTF-8";

class Webhook : public Sink {
 public:
  Webhook(WebhookConfig config, const SinkContext& context)
      : config_(std::make_shared<const WebhookConfig>(std::move(config))),
        name_(context.name),
        http_(context.http) {}

  SinkLimits limits() const override { return {1, 0, config_->in_flight}; }
  void send(std::span<const StoredEvent> batch, Delivered done) override;
  void check(Checked done) override;

 private:
  http::Request request(std::string method) const;
  Result<void> render(const StoredEvent& event, http::Request* request) const;

  std::shared_ptr<const WebhookConfig> config_;  // callbacks hold it too, and may outlive the sink
  std::string name_;
  http::Client* http_;
};

http::Request Webhook::request(std::string method) const {
  http::Request r;
  r.method = std::move(method);
  r.url = config_->url;
  r.headers = config_->headers;
  r.deny_private = !config_->allow_private;
  config_->http.apply(&r);
  return r;
}

Result<void> Webhook::render(const StoredEvent& event, http::Request* r) const {
  const auto& body = config_->body;
  if (!config_->binary && !body) {
    r->headers.emplace_back("Content-Type", kStructured);
    r->body = event.body;
    return {};
  }
  auto parsed = Json::parse(event.body);
  if (!parsed) return fail("the journal's event is not JSON: " + parsed.error().what);
  if (body) {
    r->headers.emplace_back("Content-Type", config_->content_type);
    r->body = body->render(*parsed);
  } else {
    BinaryEvent binary = to_binary(*parsed);
    for (auto& h : binary.headers) r->headers.push_back(std::move(h));
    r->body = std::move(binary.body);
  }
  return {};
}

void Webhook::send(std::span<const StoredEvent> batch, Delivered done) {
  if (batch.empty()) {
    done({});
    return;
  }
  const StoredEvent& event = batch.front();
  http::Request r = request("POST");
  r.group = name_;
  r.at_once = config_->in_flight;
  if (auto rendered = render(event, &r); !rendered) {
    done({Outcome{Verdict::refused, rendered.error().what, -1}});
    return;
  }
  if (!config_->keys.empty()) {
    int64_t now_s = clock::wall_us() / 1'000'000;
    std::string id = header_value(event.id);
    r.headers.emplace_back("webhook-signature",
                           webhook_signature(config_->keys, id, now_s, r.body));
    r.headers.emplace_back("webhook-timestamp", std::to_string(now_s));
    r.headers.emplace_back("webhook-id", std::move(id));
  }
  http_->send(std::move(r),
              [config = config_, done = std::move(done)](const http::Response& answer) {
                done({judge_webhook(answer, config->url)});
              });
}

// OPTIONS, as CloudEvents' webhook specification has it (§4.1). Any answer shows that there is an
// HTTP server; many receivers do not know the method, so only what cannot be right is a problem.
void Webhook::check(Checked done) {
  http_->send(request("OPTIONS"),
              [config = config_, done = std::move(done)](const http::Response& answer) {
                bool redirect = answer.status >= 300 && answer.status < 400;
                if (answer.status == 0 || answer.status == 410 || redirect)
                  done(judge_webhook(answer, config->url).reason);
                else
                  done({});
              });
}

}  // namespace

std::unique_ptr<Sink> make_webhook(config::Fields& fields, const SinkContext& context) {
  return std::make_unique<Webhook>(read_webhook_config(fields), context);
}

}  // namespace sluice::sinks
