#include "common/power/bucket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "common/aws/hash.h"
#include "common/base/fd.h"
#include "common/base/file.h"
#include "common/base/text.h"

namespace sluice::power {
namespace {

struct Limit {
  double burst, per_second;
};

// The guide's table, each halved: an account has other users too.
Limit limit_of(const std::string& action) {
  if (action.starts_with("Describe")) return {50, 10};
  if (action == "CreateTags") return {50, 5};
  if (action == "TerminateInstances") return {50, 2.5};
  return {25, 2.5};  // CreateFleet and other actions that change something
}

struct State {
  double tokens;
  int64_t at_ms;  // CLOCK_BOOTTIME: one clock for all processes, never set
};

int64_t now_ms() {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

}  // namespace

Buckets::Buckets(const std::string& folder, const std::string& place) {
  std::string name = text::hex(aws::sha256(place)).substr(0, 16);
  path_ = folder + "/buckets/" + name;
  if (!file::make_dirs(folder + "/buckets", 0750)) path_.clear();
}

int64_t Buckets::take(const std::string& action) {
  return change(action, false);
}

void Buckets::drain(const std::string& action) {
  change(action, true);
}

int64_t Buckets::change(const std::string& action, bool drain) {
  if (path_.empty()) return 0;
  std::string path = path_ + "." + action;
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!fd || ::flock(fd.get(), LOCK_EX) != 0) return 0;
  Limit limit = limit_of(action);
  int64_t now = now_ms();
  State state{limit.burst, now};
  bool known = ::pread(fd.get(), &state, sizeof state, 0) == sizeof state &&
               std::isfinite(state.tokens) && state.tokens <= limit.burst && state.tokens >= 0 &&
               state.at_ms <= now;  // else it is of an earlier boot
  if (!known) state = {limit.burst, now};
  state.tokens = std::min(
      limit.burst, state.tokens + static_cast<double>(now - state.at_ms) * limit.per_second / 1000);
  state.at_ms = now;
  int64_t wait = 0;
  if (drain)
    state.tokens = 0;
  else if (state.tokens >= 1)
    state.tokens -= 1;
  else
    wait = static_cast<int64_t>(std::ceil((1 - state.tokens) / limit.per_second * 1000));
  (void)!::pwrite(fd.get(), &state, sizeof state, 0);
  return wait;
}

}  // namespace sluice::power
