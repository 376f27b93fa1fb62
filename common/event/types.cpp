#include "common/event/types.h"

#include <openssl/evp.h>

#include <algorithm>

#include "common/base/text.h"
#include "common/event/selection.h"

namespace sluice::event {

std::string id_of(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (auto p : parts) {
    all += p;
    all += '\0';
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(all.data(), all.size(), digest, &size, EVP_sha256(), nullptr);
  return text::hex({reinterpret_cast<const char*>(digest), 16});
}

bool is_user_type(std::string_view type) {
  return type.starts_with("user.") && type.size() > 5 && type.size() <= 64 &&
         type.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.-") == type.npos;
}

bool is_node_type(std::string_view type) {
  static constexpr const char* kTypes[] = {kNodeResume, kNodeReady,       kNodeSuspend,
                                           kNodeFailed, kNodeInterrupted, kNodeOrphan};
  return std::ranges::any_of(kTypes, [&](const char* known) { return type == known; });
}

uint32_t selection_bits(std::string_view type, bool failed) {
  if (type == kJobStart) return kEventStart;
  if (type == kJobEnd) return kEventEnd | (failed ? kEventFail : 0U);
  if (type == kJobLaunch) return kEventLaunch;
  if (type == kJobExit) return kEventExit;
  if (type == kStepStart || type == kStepEnd) return kEventStep;
  if (type == kJobCancelled) return kEventCancelled | kEventFail;
  if (type == kJobRequeue) return kEventRequeue;
  if (type == kJobLost) return kEventLost | kEventFail;
  return type.starts_with("user.") ? kEventUser : 0U;
}

}  // namespace sluice::event
