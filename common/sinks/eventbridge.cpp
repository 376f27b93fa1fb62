// The eventbridge sink: PutEvents (Amazon EventBridge API Reference, AWS JSON 1.1).
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "common/aws/region.h"
#include "common/sinks/aws_sink.h"
#include "common/sinks/eventbridge_entry.h"

namespace sluice::sinks {
namespace {

constexpr const char* kContentType = "application/x-amz-json-1.1";
// The entry itself is wrong. Any other code may pass: dead letters are for what surely will not.
constexpr std::array<std::string_view, 6> kEventsFault{
    "InvalidArgument",  "InvalidArgumentException", "MalformedDetail",
    "RedactionFailure", "ValidationException",      "NotAuthorizedForDetailType"};
constexpr size_t kMostResources = 10;
constexpr size_t kMostText = 128;  // of DetailType and Source, by the API

class EventBridge : public AwsService {
 public:
  explicit EventBridge(EntryShape shape) : shape_(std::move(shape)) {}

  size_t wire_size(const StoredEvent& event) const override { return shape_.size(event); }

  aws::Call render(const Events& batch) const override {
    std::string body = R"({"Entries":[)";
    size_t bytes = 0;
    for (const StoredEvent* event : batch) bytes += event->body.size();
    body.reserve(bytes + bytes / 4 + batch.size() * 256);  // quotes are escaped
    for (const StoredEvent* event : batch) {
      shape_.render_to(&body, *event);
      body += ',';
    }
    body.back() = ']';
    body += '}';
    return call("PutEvents", std::move(body));
  }

  std::vector<Outcome> judge(const Events& batch, const std::string& body) const override;

  aws::Call check_call() const override {
    return call("DescribeEventBus", R"({"Name":)" + json_quote(shape_.bus) + "}");
  }

  std::string advice(aws::Kind kind) const override {
    if (kind == aws::Kind::missing)
      return "; EventBridge drops events for a bus that is not there, so they are kept here: "
             "create "
             "the bus, or set \"bus\" and \"region\"";
    if (kind == aws::Kind::denied)
      return "; allow events:PutEvents and events:DescribeEventBus on the bus, or set "
             "\"verify\": false if it cannot be described";
    return {};
  }

 private:
  static aws::Call call(const std::string& action, std::string body) {
    return {action,
            {{"Content-Type", kContentType}, {"X-Amz-Target", "AWSEvents." + action}},
            std::move(body)};
  }

  EntryShape shape_;
};

// {"FailedEntryCount":1,"Entries":[{"EventId":"…"},{"ErrorCode":"…","ErrorMessage":"…"}]}, in the
// order of the request.
std::vector<Outcome> EventBridge::judge(const Events& batch, const std::string& body) const {
  auto json = Json::parse(body);
  if (!json) return {};
  Json entries = json->get("Entries");
  if (entries.size() != batch.size() || !entries.is_array()) return {};
  std::vector<Outcome> out(batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    Json entry = entries.at(i);
    EntryFailure f{{}, entry.get("ErrorCode").str(), entry.get("ErrorMessage").str(), false};
    f.sender_fault = std::ranges::find(kEventsFault, f.code) != kEventsFault.end();
    if (!f.code.empty())
      out[i] = judge_entry("PutEvents", f);
    else if (entry.get("EventId").str().empty())
      return {};
  }
  return out;
}

bool is_bus(const std::string& bus) {
  if (bus.starts_with("arn:")) return !aws::region_of_arn(bus).empty();
  return !bus.empty() && bus.size() <= 256 && std::ranges::all_of(bus, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-/").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::unique_ptr<Sink> make_eventbridge(config::Fields& fields, const SinkContext& context) {
  AwsKeys keys = read_aws_keys(fields, context);
  keys.caller.service = "events";
  keys.caller.endpoint_id = "EVENTBRIDGE";
  keys.options.check_first = fields.boolean("verify", true);

  EntryShape shape;
  shape.bus = fields.str("bus", "default");
  if (!is_bus(shape.bus)) fields.problem("bus", "must be an event bus's name or ARN");
  if (keys.caller.region.empty()) keys.caller.region = aws::region_of_arn(shape.bus);
  shape.source = fields.str("source", "pcluster." + context.cluster);
  if (shape.source.empty() || shape.source.size() > kMostText * 2 ||
      shape.source.starts_with("aws."))
    fields.problem("source", "must be 1 to 256 bytes and must not start with \"aws.\"");
  shape.whole_event = fields.one_of("detail", {"env", "cloudevent"}, "env") == "cloudevent";
  shape.detail_types = {{"slurm.job.start", "pcluster_job_start"},
                        {"slurm.job.end", "pcluster_job_end"}};
  for (const auto& [type, name] : fields.object("detail_type").members()) {
    if (!name.is_string() || name.str().empty() || name.str().size() > kMostText)
      fields.problem("detail_type", "must map event types to names of 1 to 128 bytes");
    else
      shape.detail_types[type] = name.str();
  }
  shape.resources = fields.strings("resources");
  if (shape.resources.size() > kMostResources)
    fields.problem("resources", "must be at most 10 ARNs");
  return make_aws_sink(std::move(keys), std::make_shared<EventBridge>(std::move(shape)));
}

}  // namespace sluice::sinks
