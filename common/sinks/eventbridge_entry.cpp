#include "common/sinks/eventbridge_entry.h"

#include <array>
#include <string_view>

#include "common/base/text.h"
#include "common/sinks/raw_json.h"

namespace sluice::sinks {
namespace {

constexpr size_t kTimeBytes = 14;
// What the "env" detail may hold beyond what the body holds: names of the keys below.
constexpr size_t kEnvExtra = 160;

// What seed events always had, and where it is when data.env lacks it.
struct Basic {
  const char* name;
  const char* member;
};
constexpr std::array kBasics{Basic{"SLURM_JOB_USER", "user_name"}, Basic{"SLURM_JOB_ID", "job_id"},
                             Basic{"SLURM_JOB_NAME", "name"}};

void member_to(std::string* out, std::string_view key, std::string_view json) {
  if (out->size() > 1) *out += ',';
  *out += '"';
  *out += key;
  *out += "\":";
  *out += json;
}

// The members of an object's text, without its braces; empty where it is no object or has none.
std::string_view inside(std::string_view object) {
  if (object.size() < 2 || object.front() != '{' || object.back() != '}') return {};
  return text::trim(object.substr(1, object.size() - 2));
}

void members_to(std::string* out, std::string_view object) {
  std::string_view members = inside(object);
  if (members.empty()) return;
  if (out->size() > 1) *out += ',';
  *out += members;
}

// The job's own fields in place of what its environment lacks. They are strings there, also where
// the event has a number.
void basics_to(std::string* out, std::string_view data, std::string_view env) {
  std::array<bool, kBasics.size()> there{};
  RawMembers members(env);
  std::string_view key;
  std::string_view value;
  while (members.next(&key, &value))
    for (size_t i = 0; i < kBasics.size(); ++i) there[i] = there[i] || key == kBasics[i].name;
  for (size_t i = 0; i < kBasics.size(); ++i) {
    if (there[i]) continue;
    auto raw = raw_member(raw_from(data, "job"), kBasics[i].member);
    if (!raw || *raw == "null") continue;
    if (raw->front() == '"')
      member_to(out, kBasics[i].name, *raw);
    else
      member_to(out, kBasics[i].name, json_quote(*raw));
  }
}

}  // namespace

const std::string& EntryShape::detail_type(const std::string& type) const {
  auto at = detail_types.find(type);
  return at == detail_types.end() ? type : at->second;
}

size_t EntryShape::size(const StoredEvent& event) const {
  size_t n = kTimeBytes + source.size() + detail_type(event.type).size() + event.body.size();
  if (!whole_event) n += kEnvExtra + event.id.size();
  for (const auto& r : resources) n += r.size();
  return n;
}

std::string EntryShape::detail(const StoredEvent& event) const {
  if (whole_event) return event.body;
  std::string out = "{";
  out.reserve(event.body.size() + kEnvExtra);
  std::string_view data = raw_from(event.body, "data");
  auto env = raw_member(data, "env");
  if (env && env->starts_with('{')) {
    basics_to(&out, data, *env);
    members_to(&out, *env);
  } else {
    // Not about a job's environment: its data as it is.
    members_to(&out, raw_member(event.body, "data").value_or(std::string_view()));
  }
  member_to(&out, "SLUICE_EVENT_ID", json_quote(event.id));
  return out + "}";
}

void EntryShape::render_to(std::string* out, const StoredEvent& event) const {
  *out += R"({"EventBusName":)";
  json_quote_to(out, bus);
  *out += R"(,"Source":)";
  json_quote_to(out, source);
  *out += R"(,"DetailType":)";
  json_quote_to(out, detail_type(event.type));
  if (event.time_us > 0) *out += R"(,"Time":)" + std::to_string(event.time_us / 1'000'000);
  if (!resources.empty()) {
    *out += R"(,"Resources":[)";
    for (const auto& r : resources) {
      json_quote_to(out, r);
      *out += ',';
    }
    out->back() = ']';
  }
  *out += R"(,"Detail":)";
  json_quote_to(out, detail(event));
  *out += '}';
}

}  // namespace sluice::sinks
