// What batch answers have in common.
#include "common/aws/hash.h"
#include "common/base/text.h"
#include "common/sinks/aws_sink.h"

namespace sluice::sinks {
namespace {

constexpr size_t kMostFifoId = 128;

}  // namespace

Outcome judge_entry(const std::string& action, const EntryFailure& f) {
  std::string why = action + ": entry: " + text::printable(f.code, 80);
  if (!f.message.empty()) why += ": " + text::printable(f.message, 200);
  switch (aws::kind_of(f.sender_fault ? 400 : 200, f.code)) {
    case aws::Kind::throttled:
    case aws::Kind::unavailable:
      return {Verdict::retry, why, -1};
    case aws::Kind::credentials:
    case aws::Kind::denied:
    case aws::Kind::missing:
      return {Verdict::sink_down, why, -1};
    case aws::Kind::too_large:
      return {Verdict::refused, why, -1};
    case aws::Kind::invalid:
      break;
  }
  // A code that is not known here is the event's fault only if the service says so.
  return {f.sender_fault ? Verdict::refused : Verdict::retry, why, -1};
}

std::vector<Outcome> judge_entries(size_t n, const std::string& action,
                                   const std::vector<std::string>& taken,
                                   const std::vector<EntryFailure>& failed) {
  std::vector<Outcome> out(
      n, Outcome{Verdict::retry, action + ": the answer does not mention this entry", -1});
  auto place = [&](const std::string& id) {
    int64_t i = 0;
    return text::parse_int(id, 0, static_cast<int64_t>(n) - 1, &i) ? &out[static_cast<size_t>(i)]
                                                                   : nullptr;
  };
  for (const auto& id : taken)
    if (Outcome* o = place(id)) *o = {};
  for (const auto& f : failed)
    if (Outcome* o = place(f.id)) *o = judge_entry(action, f);
  return out;
}

std::string without_noncharacters(const std::string& json) {
  constexpr std::string_view lead = "\xEF\xBF";
  std::string out;
  size_t from = 0;
  for (size_t at = json.find(lead); at != json.npos; at = json.find(lead, at + 1)) {
    if (at + 2 >= json.size()) break;
    char last = json[at + 2];
    if (last != '\xBE' && last != '\xBF') continue;
    out.append(json, from, at - from);
    out += last == '\xBE' ? "\\ufffe" : "\\uffff";
    from = at + 3;
  }
  if (from == 0) return json;
  out.append(json, from);
  return out;
}

std::string fifo_id(const std::string& text) {
  bool good = !text.empty() && text.size() <= kMostFifoId;
  for (unsigned char c : text) good = good && c > 0x20 && c < 0x7F;
  return good ? text : text::hex(aws::sha256(text));
}

}  // namespace sluice::sinks
