#include "common/cli/filter.h"

#include <CLI/CLI.hpp>

#include "common/base/clock.h"
#include "common/cli/since.h"

namespace sluice::cli {

void Filter::add_options(CLI::App& sub) {
  sub.add_option("--job", job, "Events of this job only")->type_name("ID");
  sub.add_option("--type", type, "Types that begin so, such as slurm.job. or user.")
      ->type_name("PREFIX");
  sub.add_option("--user", user, "Events of this user's jobs only")->type_name("NAME");
  sub.add_option("--since", since, "From this time on: 2026-03-01T12:00:00Z, 2026-03-01 12:00, 2h")
      ->type_name("TIME");
  sub.add_option("--after", after, "After this sequence number")
      ->type_name("SEQ")
      ->check(CLI::NonNegativeNumber);
}

Result<void> Filter::into(Json* request) const {
  if (job != 0) request->set("job", Json::of(int64_t{job}));
  if (!type.empty()) request->set("type", Json::of(type));
  if (!user.empty()) request->set("user", Json::of(user));
  if (after > 0) request->set("after", Json::of(after));
  if (!since.empty()) {
    auto time = cli::since(since, clock::wall_us());
    if (!time) return std::unexpected(time.error());
    request->set("since", Json::of(*time));
  }
  return {};
}

}  // namespace sluice::cli
