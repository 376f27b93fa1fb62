// The groups of users, by name, as the name service says: asked for ahead, since that may take its
// time, and remembered. For the importer's thread alone.
#pragma once

#include <string>
#include <vector>

namespace sluice::daemon {

// Asks, unless it was asked in the last five minutes. May block for as long as the name service
// does: not inside a transaction. After one that failed or took a second nobody is asked for a
// minute. A user who drops out of a group keeps it here for up to an hour: a directory that is away
// in part answers with less, and no error.
void look_up_groups(const std::string& user);

// What is known. Null: nothing, the name service has not answered.
const std::vector<std::string>* groups_of(const std::string& user);

}  // namespace sluice::daemon
