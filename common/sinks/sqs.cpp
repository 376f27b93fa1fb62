// The sqs sink: SendMessageBatch (Amazon SQS API Reference, AWS JSON 1.0). The message body is the
// CloudEvents JSON.
#include <string>

#include "common/aws/region.h"
#include "common/base/text.h"
#include "common/http/url.h"
#include "common/sinks/aws_sink.h"
#include "common/sinks/http_keys.h"

namespace sluice::sinks {
namespace {

class Sqs : public AwsService {
 public:
  explicit Sqs(std::string url) : url_(std::move(url)), fifo_(url_.ends_with(".fifo")) {}

  // The service counts the body (and attributes, of which there are none).
  size_t wire_size(const StoredEvent& event) const override { return event.body.size(); }

  aws::Call render(const Events& batch) const override {
    std::string body = R"({"QueueUrl":)" + json_quote(url_) + R"(,"Entries":[)";
    for (size_t i = 0; i < batch.size(); ++i) {
      const StoredEvent& event = *batch[i];
      body += (i > 0 ? R"(,{"Id":")" : R"({"Id":")") + std::to_string(i) + R"(","MessageBody":)";
      json_quote_to(&body, without_noncharacters(event.body));
      if (fifo_) {
        body += R"(,"MessageGroupId":)" + json_quote(fifo_id(event.lane));
        body += R"(,"MessageDeduplicationId":)" + json_quote(fifo_id(event.id));
      }
      body += '}';
    }
    return call("SendMessageBatch", body + "]}");
  }

  std::vector<Outcome> judge(const Events& batch, const std::string& body) const override {
    auto json = Json::parse(body);
    if (!json || !json->is_object()) return {};
    std::vector<std::string> taken;
    std::vector<EntryFailure> failed;
    Json good = json->get("Successful");
    taken.reserve(good.size());
    for (size_t i = 0; i < good.size(); ++i) taken.push_back(good.at(i).get("Id").str());
    Json bad = json->get("Failed");
    failed.reserve(bad.size());
    for (size_t i = 0; i < bad.size(); ++i) {
      Json f = bad.at(i);
      failed.push_back({f.get("Id").str(), f.get("Code").str(), f.get("Message").str(),
                        f.get("SenderFault").boolean()});
    }
    return judge_entries(batch.size(), "SendMessageBatch", taken, failed);
  }

  aws::Call check_call() const override {
    return call("GetQueueAttributes",
                R"({"QueueUrl":)" + json_quote(url_) + R"(,"AttributeNames":["QueueArn"]})");
  }

  std::string advice(aws::Kind kind) const override {
    if (kind == aws::Kind::missing) return "; create the queue, or set \"url\" and \"region\"";
    if (kind == aws::Kind::denied)
      return "; allow sqs:SendMessage (and sqs:GetQueueAttributes for checks) on the queue";
    return {};
  }

 private:
  static aws::Call call(const std::string& action, std::string body) {
    return {
        action,
        {{"Content-Type", "application/x-amz-json-1.0"}, {"X-Amz-Target", "AmazonSQS." + action}},
        std::move(body)};
  }

  std::string url_;
  bool fifo_;
};

// sqs.REGION.amazonaws.com and REGION.queue.amazonaws.com.
std::string region_of_host(const std::string& host) {
  auto parts = text::split(host, '.');
  if (parts.size() >= 4 && parts[0] == "sqs" && aws::is_region(parts[1])) return parts[1];
  if (parts.size() >= 4 && parts[1] == "queue" && aws::is_region(parts[0])) return parts[0];
  return {};
}

}  // namespace

std::unique_ptr<Sink> make_sqs(config::Fields& fields, const SinkContext& context) {
  AwsKeys keys = read_aws_keys(fields, context);
  keys.caller.service = "sqs";
  keys.caller.endpoint_id = "SQS";
  std::string queue = read_url(fields, "url", true);
  if (auto url = http::parse_url(queue); !queue.empty() && url) {
    if (keys.caller.region.empty()) keys.caller.region = region_of_host(url->host);
    if (keys.caller.endpoint.empty()) keys.caller.endpoint = url->scheme + "://" + url->authority;
    if (url->path.size() < 2)
      fields.problem("url",
                     "must be the queue's URL: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME");
  }
  return make_aws_sink(std::move(keys), std::make_shared<Sqs>(std::move(queue)));
}

}  // namespace sluice::sinks
