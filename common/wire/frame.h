// What node and controller exchange: length-prefixed frames over TCP, and a batch of records as one
// run of bytes. docs/formats.md is the specification. Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/inbox/record.h"

namespace sluice::wire {

constexpr size_t kMaxFrame = 8U << 20;
constexpr size_t kMaxBatchBytes = 4U << 20;
constexpr size_t kMaxBatchRecords = 512;

void put_frame(std::string* out, std::string_view payload);  // 4 bytes, big endian, then payload

// Takes the first whole frame off `buffer`. False if there is none yet; an error if its length is
// more than `max`.
Result<bool> take_frame(std::string* buffer, std::string* payload, size_t max = kMaxFrame);

std::string encode_batch(const std::vector<inbox::RawRecord>& records);
// What of it is no record goes to `malformed`, by its id, with the reason.
Result<std::vector<inbox::RawRecord>> decode_batch(std::string_view bytes,
                                                   std::map<std::string, std::string>* malformed);

}  // namespace sluice::wire
