#include "common/power/resume_file.h"

#include "common/json/json.h"
#include "common/slurm/nodes.h"

namespace sluice::power {

Result<std::vector<Job>> parse_resume_file(std::string_view text) {
  auto json = Json::parse(text);
  if (!json) return fail("SLURM_RESUME_FILE: " + json.error().what);
  Json list = json->get("jobs");
  if (!json->is_object() || (!list.is_null() && !list.is_array()))
    return fail("SLURM_RESUME_FILE: must be an object with an array \"jobs\"");
  std::vector<Job> out;
  for (size_t i = 0; i < list.size(); ++i) {
    Json job = list.at(i);
    std::string nodes = job.get("nodes_resume").str(job.get("nodes").str());
    if (nodes.empty()) continue;
    auto names = slurm::expand_hostlist(nodes);
    if (!names)
      return fail("SLURM_RESUME_FILE: jobs[" + std::to_string(i) + "]: " + names.error().what);
    std::string all = job.get("nodes_alloc").str();
    auto all_names = all.empty() ? names : slurm::expand_hostlist(all);
    if (!all_names) all_names = names;
    out.push_back({static_cast<uint32_t>(job.get("job_id").integer()), std::move(*names),
                   std::move(*all_names)});
  }
  return out;
}

}  // namespace sluice::power
