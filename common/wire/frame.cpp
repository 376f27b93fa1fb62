#include "common/wire/frame.h"

namespace sluice::wire {
namespace {

void put_u32(std::string* out, uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) *out += static_cast<char>(v >> shift & 0xFF);
}

uint32_t get_u32(std::string_view bytes) {
  uint32_t v = 0;
  for (int i = 0; i < 4; ++i)
    v = v << 8 | static_cast<unsigned char>(bytes[static_cast<size_t>(i)]);
  return v;
}

bool take_string(std::string_view* bytes, std::string_view* out) {
  if (bytes->size() < 4) return false;
  size_t n = get_u32(*bytes);
  if (bytes->size() - 4 < n) return false;
  *out = bytes->substr(4, n);
  bytes->remove_prefix(4 + n);
  return true;
}

}  // namespace

void put_frame(std::string* out, std::string_view payload) {
  put_u32(out, static_cast<uint32_t>(payload.size()));
  *out += payload;
}

Result<bool> take_frame(std::string* buffer, std::string* payload, size_t max) {
  if (buffer->size() < 4) return false;
  size_t n = get_u32(*buffer);
  if (n > max) return fail("a frame of " + std::to_string(n) + " bytes is not allowed");
  if (buffer->size() - 4 < n) return false;
  *payload = buffer->substr(4, n);
  buffer->erase(0, 4 + n);
  return true;
}

std::string encode_batch(const std::vector<inbox::RawRecord>& records) {
  std::string out;
  for (const auto& r : records) {
    put_frame(&out, r.id);
    put_frame(&out, inbox::serialize(r));
  }
  return out;
}

Result<std::vector<inbox::RawRecord>> decode_batch(std::string_view bytes,
                                                   std::map<std::string, std::string>* malformed) {
  std::vector<inbox::RawRecord> out;
  while (!bytes.empty()) {
    std::string_view id;
    std::string_view body;
    if (!take_string(&bytes, &id) || !take_string(&bytes, &body)) return fail("batch: cut short");
    if (!inbox::is_record_name(id)) return fail("batch: malformed record id");
    if (out.size() + malformed->size() == kMaxBatchRecords) return fail("batch: too many records");
    auto record = inbox::parse(std::string(id), body);
    if (record)
      out.push_back(std::move(*record));
    else
      (*malformed)[std::string(id)] = record.error().what;
  }
  return out;
}

}  // namespace sluice::wire
