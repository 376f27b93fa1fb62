#include "common/inbox/record.h"

#include <cstdio>

#include "common/base/text.h"
#include "common/inbox/format.h"

namespace sluice::inbox {

std::string RawRecord::get(const std::string& key) const {
  auto it = fields.find(key);
  // slurmctld prints an absent string as "(null)".
  return it == fields.end() || it->second == "(null)" ? std::string{} : it->second;
}

int64_t RawRecord::number(const std::string& key, int64_t fallback) const {
  int64_t v = 0;
  auto it = fields.find(key);
  return it != fields.end() && text::parse_int(it->second, 0, INT64_MAX, &v) ? v : fallback;
}

uint32_t RawRecord::job_id() const {
  int64_t v = number("@job_id", number("SLURM_JOB_ID", 0));
  return v > 0 && v < UINT32_MAX ? static_cast<uint32_t>(v) : 0;
}

Result<RawRecord> parse(std::string id, std::string_view bytes) {
  RawRecord out;
  out.id = std::move(id);
  size_t eol = bytes.substr(0, kMaxHeader).find('\n');
  if (eol == bytes.npos) return fail("no header line");
  auto words = text::split(bytes.substr(0, eol), ' ');
  if (words.size() != 5 || words[0] != kMagic)
    return fail("not a " + std::string(kMagic) + " header");
  int64_t size = 0;
  if (!text::is_name(words[1]) || !text::parse_int(words[2], 0, INT64_MAX, &out.wall_us) ||
      !text::parse_int(words[3], 0, kMaxFile, &size))
    return fail("malformed header");
  out.kind = words[1];
  std::string_view payload = bytes.substr(eol + 1);
  if (payload.size() != static_cast<size_t>(size))
    return fail("payload has " + std::to_string(payload.size()) + " bytes, the header says " +
                std::to_string(size));
  Checksum sum;
  sum.add(payload.data(), payload.size());
  char hex[20];
  snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(sum.value()));
  if (words[4] != hex) return fail("checksum does not match");
  while (!payload.empty()) {
    size_t end = payload.find('\0');
    if (end == payload.npos) return fail("last string is not terminated");
    std::string_view s = payload.substr(0, end);
    payload.remove_prefix(end + 1);
    size_t eq = s.find('=');
    // The first of two equal names wins: Slurm's own come after the job's SPANK_*, the hook's
    // first.
    if (eq != s.npos && eq > 0) out.fields.emplace(s.substr(0, eq), s.substr(eq + 1));
  }
  return out;
}

std::string serialize(const RawRecord& record) {
  std::string payload;
  for (const auto& [key, value] : record.fields) {
    payload += key;
    payload += '=';
    payload += value;
    payload += '\0';
  }
  Checksum sum;
  sum.add(payload.data(), payload.size());
  char header[kMaxHeader];
  int n = snprintf(header, sizeof header, "%s %s %lld %zu %016llx\n", kMagic, record.kind.c_str(),
                   static_cast<long long>(record.wall_us), payload.size(),
                   static_cast<unsigned long long>(sum.value()));
  return std::string(header, static_cast<size_t>(n)) + payload;
}

bool is_record_name(std::string_view name) {
  auto hex = [](std::string_view s, size_t min, size_t max) {
    return s.size() >= min && s.size() <= max && s.find_first_not_of("0123456789abcdef") == s.npos;
  };
  auto parts = text::split(name, '-');
  return parts.size() == 4 && hex(parts[0], 16, 16) && hex(parts[1], 8, 8) && hex(parts[2], 1, 8) &&
         hex(parts[3], 1, 8);
}

}  // namespace sluice::inbox
