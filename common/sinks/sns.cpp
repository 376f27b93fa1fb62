// The sns sink: PublishBatch (Amazon SNS API Reference, Query protocol, version 2010-03-31). The
// message is the CloudEvents JSON; the message attribute `type` is for subscription filters.
#include <pugixml.hpp>
#include <string>

#include "common/aws/region.h"
#include "common/base/text.h"
#include "common/sinks/aws_sink.h"

namespace sluice::sinks {
namespace {

// What SNS counts besides the message: the attribute's name, data type and value.
constexpr size_t kAttributeBytes = sizeof("typeString") - 1;

class Sns : public AwsService {
 public:
  explicit Sns(std::string topic) : topic_(std::move(topic)), fifo_(topic_.ends_with(".fifo")) {}

  size_t wire_size(const StoredEvent& event) const override {
    return event.body.size() + kAttributeBytes + event.type.size();
  }

  aws::Call render(const Events& batch) const override {
    std::string body = start("PublishBatch");
    for (size_t i = 0; i < batch.size(); ++i) {
      const StoredEvent& event = *batch[i];
      std::string entry = "PublishBatchRequestEntries.member." + std::to_string(i + 1) + ".";
      add(&body, entry + "Id", std::to_string(i));
      add(&body, entry + "Message", without_noncharacters(event.body));
      std::string attribute = entry + "MessageAttributes.entry.1.";
      add(&body, attribute + "Name", "type");
      add(&body, attribute + "Value.DataType", "String");
      add(&body, attribute + "Value.StringValue", event.type);
      if (fifo_) {
        add(&body, entry + "MessageGroupId", fifo_id(event.lane));
        add(&body, entry + "MessageDeduplicationId", fifo_id(event.id));
      }
    }
    return call("PublishBatch", std::move(body));
  }

  std::vector<Outcome> judge(const Events& batch, const std::string& body) const override {
    pugi::xml_document doc;
    if (!doc.load_buffer(body.data(), body.size())) return {};
    pugi::xml_node result = doc.child("PublishBatchResponse").child("PublishBatchResult");
    if (!result) return {};
    std::vector<std::string> taken;
    std::vector<EntryFailure> failed;
    for (pugi::xml_node m : result.child("Successful").children("member"))
      taken.emplace_back(m.child_value("Id"));
    for (pugi::xml_node m : result.child("Failed").children("member"))
      failed.push_back({m.child_value("Id"), m.child_value("Code"), m.child_value("Message"),
                        std::string_view(m.child_value("SenderFault")) == "true"});
    return judge_entries(batch.size(), "PublishBatch", taken, failed);
  }

  aws::Call check_call() const override {
    return call("GetTopicAttributes", start("GetTopicAttributes"));
  }

  std::string advice(aws::Kind kind) const override {
    if (kind == aws::Kind::missing) return "; create the topic, or set \"topic\"";
    if (kind == aws::Kind::denied)
      return "; allow sns:Publish (and sns:GetTopicAttributes for checks) on the topic";
    return {};
  }

 private:
  static void add(std::string* body, const std::string& key, const std::string& value) {
    *body += '&';
    *body += key;
    *body += '=';
    *body += aws::form_encode(value);
  }

  std::string start(const std::string& action) const {
    return "Action=" + action + "&Version=2010-03-31&TopicArn=" + aws::form_encode(topic_);
  }

  static aws::Call call(const std::string& action, std::string body) {
    return {action,
            {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
            std::move(body)};
  }

  std::string topic_;
  bool fifo_;
};

}  // namespace

std::unique_ptr<Sink> make_sns(config::Fields& fields, const SinkContext& context) {
  AwsKeys keys = read_aws_keys(fields, context);
  keys.caller.service = "sns";
  keys.caller.endpoint_id = "SNS";
  std::string topic = fields.required_str("topic");
  std::string region = aws::region_of_arn(topic);
  if (!topic.empty() && region.empty())
    fields.problem("topic", "must be the topic's ARN: arn:aws:sns:REGION:ACCOUNT:NAME");
  if (keys.caller.region.empty()) keys.caller.region = region;
  return make_aws_sink(std::move(keys), std::make_shared<Sns>(std::move(topic)));
}

}  // namespace sluice::sinks
