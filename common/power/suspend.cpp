// suspend(): the machines that the record has for the nodes are marked to end before the provider
// is asked, by their own ids, so that a node that is resumed again from then on keeps its new one.
#include "common/base/fault.h"
#include "common/event/types.h"
#include "common/power/names.h"
#include "common/power/notices.h"
#include "common/power/operations.h"

namespace sluice::power {

Result<std::vector<Outcome>> suspend(Session& session, const std::vector<std::string>& nodes) {
  std::vector<Outcome> out;
  try {
    {
      journal::Transaction t(session.record.db());
      for (const std::string& name : nodes) {
        auto node = session.record.node(name);
        if (!node) {
          out.push_back({name,
                         group_of(session.config, name) == nullptr ? Fate::foreign : Fate::none, "",
                         "", "no machine is recorded for it"});
        } else if (node->stage == Stage::launching) {
          node->doomed = true;
          session.record.put(*node);
          out.push_back({name, Fate::ended, "", "", "its launch is under way; it ends after that"});
        } else {
          end_node(session, *node, event::kNodeSuspend);
          out.push_back({name, Fate::ended, node->machine.id, node->machine.address, ""});
        }
      }
      t.commit();
    }
    fault::point("power.doomed");
    end_marked(session);
  } catch (const journal::DbError& e) {
    return fail(e.what);
  }
  return out;
}

}  // namespace sluice::power
