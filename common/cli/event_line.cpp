#include "common/cli/event_line.h"

#include <cstdio>

#include "common/base/text.h"

namespace sluice::cli {
namespace {

constexpr size_t kMaxValue = 120;

std::string shown(const Json& v, size_t max = kMaxValue) {
  if (v.is_null()) return "-";
  return text::printable(v.is_string() ? v.str() : v.dump(), max);
}

// "exit 3" or "signal 9" of slurmrestd's exit_code; nothing where it is not known.
std::string exit_of(const Json& code) {
  if (code.get("signal").is_int()) return "signal " + std::to_string(code.get("signal").integer());
  if (code.get("return_code").is_int())
    return "exit " + std::to_string(code.get("return_code").integer());
  return {};
}

std::string details(const std::string& type, const Json& data) {
  Json job = data.get("job");
  std::string out;
  auto add = [&out](const std::string& part) {
    if (!part.empty() && part != "-") out += (out.empty() ? "" : " ") + part;
  };
  if (type.starts_with("user.")) {
    add(shown(data.get("value")));
  } else if (data.has("sink")) {
    add("sink " + shown(data.get("sink")) + ": " + shown(data.get("reason"), 300));
  } else if (data.has("dropped")) {
    add(shown(data.get("dropped")) + " records dropped");
  } else if (type.starts_with("slurm.node.")) {
    Json node = data.get("node");
    add(shown(node.get("instance_id")));
    if (!node.get("address").is_null()) add("at " + shown(node.get("address")));
    if (node.get("boot_seconds").is_int()) add("after " + shown(node.get("boot_seconds")) + " s");
    add(shown(data.get("reason"), 300));
  } else if (data.has("node")) {
    add("on " + shown(data.get("node")));
    if (data.get("step_id").is_int()) add("step " + shown(data.get("step_id")));
    if (data.get("signal").is_int()) add("signal " + shown(data.get("signal")));
    if (data.get("exit_code").is_int()) add("exit " + shown(data.get("exit_code")));
  } else {
    if (type != "slurm.job.start") add(shown(job.get("job_state").at(0)));
    if (type != "slurm.job.cancelled") add(exit_of(job.get("exit_code")));  // it never ran
    if (!job.get("nodes").is_null()) add("on " + shown(job.get("nodes")));
  }
  if (data.get("reconciled").boolean()) add("(reconciled)");
  return out;
}

}  // namespace

std::string event_line(const Json& event) {
  Json data = event.get("data");
  Json job = data.get("job");
  std::string type = event.get("type").str("-");
  // Milliseconds are enough to read; --json has what there is.
  std::string time = event.get("time").str("-");
  if (time.size() == 27) time = time.substr(0, 23) + "Z";
  std::string subject = event.get("subject").str("-");
  char columns[256];
  snprintf(columns, sizeof columns, "%-24s  %-19s  %-10s", text::printable(time, 40).c_str(),
           text::printable(type, 64).c_str(), text::printable(subject, 60).c_str());
  std::string who = shown(job.get("user_name"), 40);
  if (!job.get("name").is_null()) who += " " + shown(job.get("name"), 60);
  std::string more = details(type, data);
  return columns + ("  " + who) + (more.empty() ? "" : "  " + more);
}

}  // namespace sluice::cli
