#include "common/power/config.h"

#include <sys/stat.h>

#include <array>

#include "common/base/file.h"
#include "common/base/text.h"
#include "common/config/check.h"
#include "common/json/duplicates.h"
#include "common/power/settings.h"

namespace sluice::power {
namespace {

using config::Fields;
using config::Problems;

constexpr size_t kMostBytes = 4U << 20;
// What the old plugin insisted on, and generate_conf has to write.
constexpr std::array<const char*, 8> kNeeded{"PrivateData", "ResumeProgram", "SuspendProgram",
                                             "ResumeRate",  "SuspendRate",   "ResumeTimeout",
                                             "SuspendTime", "TreeWidth"};
constexpr int64_t kSuspendTimeout = 30;  // slurm.conf's default, seconds

Json read_file(const std::string& path, Problems* problems) {
  auto bytes = file::read(path, kMostBytes);
  if (!bytes) {
    problems->push_back({"(file)", "", bytes.error().what, false});
    return {};
  }
  auto json = Json::parse(*bytes, true);
  if (!json) {
    problems->push_back({"(file)", "", json.error().what, false});
    return {};
  }
  for (const auto& key : duplicate_keys(*bytes))
    problems->push_back({text::printable(key), "", "is given twice; keep one of them", false});
  if (!json->is_object())
    problems->push_back({"(top)", config::shown(*json), "must be an object", false});
  return *json;
}

// Problems of one file carry its name.
void add(const Problems& found, const std::string& file, Problems* problems) {
  for (config::Problem p : found) {
    p.path = file + ": " + p.path;
    problems->push_back(std::move(p));
  }
}

void check_number(const Settings& settings, const char* key, int64_t min, int64_t max,
                  Problems* problems) {
  const std::string* value = find(settings, key);
  int64_t number = 0;
  if (value != nullptr && !text::parse_int(*value, min, max, &number))
    problems->push_back(
        {std::string("SlurmConf.") + key, config::shown(*value),
         "must be an integer from " + std::to_string(min) + " to " + std::to_string(max), false});
}

bool has_cloud(std::string_view private_data) {
  for (const auto& word : text::split(private_data, ','))
    if (text::same_letters(text::trim(word), "cloud")) return true;
  return false;
}

void check_slurm_conf(const Settings& settings, Problems* problems) {
  for (const char* key : kNeeded)
    if (find(settings, key) == nullptr)
      problems->push_back({std::string("SlurmConf.") + key, "",
                           "is missing; power saving needs it in slurm.conf", false});
  const std::string* data = find(settings, "PrivateData");
  if (data != nullptr && !has_cloud(*data))
    problems->push_back({"SlurmConf.PrivateData", config::shown(*data),
                         "must be CLOUD, or nodes that are powered down are not shown", false});
  for (const char* key : {"ResumeProgram", "SuspendProgram"})
    if (const std::string* path = find(settings, key); path != nullptr && !path->starts_with('/'))
      problems->push_back({std::string("SlurmConf.") + key, config::shown(*path),
                           "must be an absolute path", false});
  check_number(settings, "ResumeRate", 0, 65535, problems);
  check_number(settings, "SuspendRate", 0, 65535, problems);
  check_number(settings, "ResumeTimeout", 1, 65533, problems);
  check_number(settings, "SuspendTimeout", 1, 65533, problems);
  check_number(settings, "TreeWidth", 1, 65533, problems);
  int64_t time = find_number(settings, "SuspendTime", -1);
  int64_t needed = find_number(settings, "ResumeTimeout", 60) +
                   find_number(settings, "SuspendTimeout", kSuspendTimeout);
  if (time >= 0 && time < needed)
    problems->push_back({"SlurmConf.SuspendTime", std::to_string(time),
                         "should be at least ResumeTimeout + SuspendTimeout, " +
                             std::to_string(needed) +
                             ": else nodes are suspended while they still boot",
                         true});
}

// EC2's warnings come by way of EventBridge, which is the administrator's to set up.
void read_queue(Fields* f, Config* out) {
  out->interruption_queue = f->str("InterruptionQueue");
  out->queue_profile = f->str("InterruptionProfile");
  const std::string& url = out->interruption_queue;
  if (!url.empty() && !url.starts_with("https://") && !url.starts_with("http://127.0.0.1"))
    f->problem("InterruptionQueue", "must be the https:// URL of an SQS queue");
}

}  // namespace

void parse_config(const Json& object, Config* out, Problems* problems) {
  Fields f(object, "", problems);
  out->log_level =
      f.one_of("LogLevel", {"CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"}, out->log_level);
  out->log_file = f.str("LogFileName");
  if (!out->log_file.empty() && !out->log_file.starts_with('/'))
    f.problem("LogFileName", "must be an absolute path");
  f.str("SlurmBinPath");  // the old plugin ran scontrol; here libslurm is asked
  out->state = f.str("StateDirectory", out->state);
  if (!out->state.starts_with('/')) f.problem("StateDirectory", "must be an absolute path");
  out->stuck_s = f.integer("StuckSeconds", out->stuck_s, 1, 86400);
  out->fail_hold_s = f.integer("FailureHoldSeconds", out->fail_hold_s, 0, 86400);
  out->orphan_s = f.integer("OrphanSeconds", out->orphan_s, 1, 86400);
  out->shortage_s = f.integer("CapacitySeconds", out->shortage_s, 0, 86400);
  out->boot_failures = f.integer("BootFailures", out->boot_failures, 1, 1000);
  out->protect_s = f.integer("ProtectSeconds", out->protect_s, 0, 86400);
  out->interval_s = f.integer("IntervalSeconds", out->interval_s, 1, 3600);
  out->event_socket = f.str("EventSocket", out->event_socket);
  if (!out->event_socket.empty() && !out->event_socket.starts_with('/'))
    f.problem("EventSocket", "must be an absolute path, or \"\" for no events");
  out->metrics = f.str("Metrics");
  if (!out->metrics.empty() && !config::is_metrics_address(out->metrics))
    f.problem("Metrics", "must be 127.0.0.1:PORT, [::1]:PORT or unix:/path");
  read_queue(&f, out);
  if (!f.has("SlurmConf")) f.problem("SlurmConf", "is missing; an object is needed");
  if (Json conf = f.object("SlurmConf"); !conf.is_null()) {
    out->slurm_conf = read_settings(conf, "SlurmConf", problems);
    check_slurm_conf(out->slurm_conf, problems);
  }
  f.any("Partitions");  // where both stand in one object
  f.finish(true);
}

void check_together(const Config& config, Problems* problems) {
  int64_t rate = find_number(config.slurm_conf, "ResumeRate", 0);
  if (rate == 0) return;  // no bound
  for (const Partition& partition : config.partitions) {
    int64_t nodes = 0;
    for (const Group& group : partition.groups) nodes += group.max_nodes;
    if (nodes > rate)
      problems->push_back(
          {"SlurmConf.ResumeRate", std::to_string(rate),
           "is less than the " + std::to_string(nodes) + " nodes of partition " + partition.name +
               ": a job that wants more than " + std::to_string(rate) +
               " nodes gets them over several minutes, and pays for those that wait; 0 is no bound",
           true});
  }
}

Config load(const std::string& path, Problems* problems) {
  Config out;
  struct stat st{};
  bool folder = ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
  std::string first = folder ? path + "/config.json" : path;
  std::string second = folder ? path + "/partitions.json" : path;
  Problems found;
  Json config = read_file(first, &found);
  if (!folder && config.is_object()) {
    if (!config.has("power"))
      found.push_back({"power", "", "is missing; an object is needed", false});
    config = config.get("power");
  }
  if (config.is_object()) parse_config(config, &out, &found);
  add(found, first, problems);
  found.clear();
  Json partitions = folder ? read_file(second, &found) : config;
  if (partitions.is_object()) parse_partitions(partitions, &out, &found);
  add(found, second, problems);
  found.clear();
  check_together(out, &found);
  add(found, first, problems);
  return out;
}

}  // namespace sluice::power
