#include "common/power/interruptions.h"

#include <algorithm>
#include <map>
#include <optional>

#include "common/aws/region.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/http/url.h"
#include "common/json/json.h"
#include "common/slurm/nodes.h"
#include "common/slurm/requeue.h"

namespace sluice::power {
namespace {

constexpr int kMostLooks = 10;  // ten messages each
constexpr int64_t kPatienceMs = 40'000;

bool is_instance(std::string_view id) {
  return id.starts_with("i-") && id.size() <= 32 &&
         id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz", 2) == id.npos;
}

std::string region_of(const std::string& url) {
  auto parsed = http::parse_url(url);
  if (!parsed) return {};
  auto parts = text::split(parsed->host, '.');
  return parts.size() > 2 && aws::is_region(parts[1]) ? parts[1] : std::string();
}

}  // namespace

bool parse_warning(std::string_view event, Warning* out) {
  auto json = Json::parse(event);
  if (!json || !json->is_object()) return false;
  std::string type = json->get("detail-type").str();
  Json detail = json->get("detail");
  out->instance = detail.get("instance-id").str();
  if (!is_instance(out->instance)) return false;
  if (type == "EC2 Spot Instance Interruption Warning")
    out->what = "spot instance interruption: " +
                text::printable(detail.get("instance-action").str("unknown"), 40);
  else if (type == "EC2 Instance Rebalance Recommendation")
    out->what = "rebalance recommendation";
  else
    return false;
  return true;
}

Result<void> leave(const std::vector<std::string>& nodes, const std::string& what) {
  auto known = slurm::load_nodes();
  if (!known) return std::unexpected(known.error());
  std::vector<std::string> open;
  for (const slurm::NodeInfo& n : *known) {
    // What an administrator has drained takes no jobs, and keeps their reason.
    bool theirs = (n.draining || n.down) && !n.reason.empty() && !n.reason.starts_with("sluice: ");
    if (!theirs && std::ranges::find(nodes, n.name) != nodes.end()) open.push_back(n.name);
  }
  if (!open.empty())
    if (auto drained = slurm::change_nodes(open, slurm::NodeChange::drain, kInterrupted + what);
        !drained)
      return drained;
  auto put_back = slurm::requeue_jobs_on(nodes);
  if (!put_back) return std::unexpected(put_back.error());
  log::warning(nodes.front() + (nodes.size() > 1 ? " and others" : "") + ": " + what + "; " +
               std::to_string(*put_back) + " jobs are put back");
  return {};
}

InterruptionQueue::InterruptionQueue(const std::string& url, const std::string& profile)
    : url_(url) {
  aws::CallerConfig config;
  config.service = "sqs";
  config.endpoint_id = "SQS";
  config.region = region_of(url);
  config.profile = profile;
  caller_ = std::make_shared<aws::Caller>(std::move(config), aws::real_surroundings(&http_));
}

aws::Answer InterruptionQueue::ask(const char* action, std::string body) {
  std::optional<aws::Answer> out;
  caller_->call({action,
                 {{"Content-Type", "application/x-amz-json-1.0"},
                  {"X-Amz-Target", std::string("AmazonSQS.") + action}},
                 std::move(body)},
                [&out](aws::Answer answer) { out = std::move(answer); });
  int64_t deadline = clock::mono_ms() + kPatienceMs;
  while (!out && clock::mono_ms() < deadline) http_.poll(100);
  if (!out) http_.drop();  // nothing may call back into this frame
  return out.value_or(aws::Answer{});
}

std::vector<InterruptionQueue::Message> InterruptionQueue::receive() {
  std::vector<Message> out;
  aws::Answer answer =
      ask("ReceiveMessage", R"({"QueueUrl":)" + json_quote(url_) +
                                R"(,"MaxNumberOfMessages":10,"WaitTimeSeconds":0})");
  if (!answer.ok) {
    log::once(log::Level::warning, "power.queue", "InterruptionQueue: " + answer.why);
    return out;
  }
  log::clear("power.queue", "InterruptionQueue can be read again");
  auto json = Json::parse(answer.body);
  Json list = json ? json->get("Messages") : Json();
  for (size_t i = 0; i < list.size(); ++i)
    out.push_back({list.at(i).get("ReceiptHandle").str(), list.at(i).get("Body").str()});
  return out;
}

void InterruptionQueue::remove(const std::vector<Message>& seen) {
  std::string entries;
  for (size_t i = 0; i < seen.size(); ++i)
    entries += (i > 0 ? R"(,{"Id":")" : R"({"Id":")") + std::to_string(i) +
               R"(","ReceiptHandle":)" + json_quote(seen[i].receipt) + "}";
  aws::Answer answer = ask("DeleteMessageBatch", R"({"QueueUrl":)" + json_quote(url_) +
                                                     R"(,"Entries":[)" + entries + "]}");
  if (!answer.ok)  // they come again, and find their nodes drained
    log::once(log::Level::warning, "power.queue", "InterruptionQueue: " + answer.why);
}

void InterruptionQueue::look(Session& session) {
  for (int i = 0; i < kMostLooks; ++i) {
    auto messages = receive();
    if (messages.empty()) return;
    std::map<std::string, std::string> node_of;
    for (const Node& node : session.record.nodes()) node_of[node.machine.id] = node.name;
    std::map<std::string, std::vector<std::string>> leaving;
    for (const Message& m : messages) {
      Warning warning;
      if (!parse_warning(m.body, &warning)) continue;
      auto node = node_of.find(warning.instance);
      if (node != node_of.end()) leaving[warning.what].push_back(node->second);
    }
    bool done = true;
    for (const auto& [what, nodes] : leaving)
      if (auto left = leave(nodes, what); !left) {
        log::error(left.error().what);
        done = false;
      }
    if (!done) return;  // the queue gives them again
    remove(messages);
  }
}

}  // namespace sluice::power
