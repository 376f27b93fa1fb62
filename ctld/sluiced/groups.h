// The groups of users, by name, as the name service says: asked for ahead, since that may take its
// time, and remembered. For the importer's thread alone.
#pragma once

#include <string>
#include <vector>

namespace sluice::daemon {

// Asks unless it was asked in the last five minutes. May block for as long as the name service
// does: not inside a transaction.
void look_up_groups(const std::string& user);

// What is known; asks only where nothing is. Null: the name service failed. A user it does not know
// is in no group.
const std::vector<std::string>* groups_of(const std::string& user);

}  // namespace sluice::daemon
