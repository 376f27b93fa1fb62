// The groups of users, by name, as the name service says: asked for ahead, since that may take its
// time, and remembered. For the importer's thread alone.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sluice::daemon {

// No value: the name service failed.
std::optional<std::vector<std::string>> ask_name_service(const std::string& user);
using AskGroups = std::function<decltype(ask_name_service)>;

// What asking about a user has come to. Not yet: nothing is known, and it is worth a wait. Given
// up: nothing is known, and the name service has failed for 8 s, for this user or for several.
enum class Looked { known, not_yet, given_up };

// Asks, unless it was asked in the last five minutes or may not. May block for as long as the name
// service does: not inside a transaction. After an answer that took a second, users of whom
// anything is known are not asked about for a minute. A user who drops out of a group keeps it here
// for up to an hour: a directory that is away in part answers with less, and no error.
Looked look_up_groups(const std::string& user, bool may_ask = true,
                      const AskGroups& ask = ask_name_service);

// What is known. Null: nothing, the name service has not answered.
const std::vector<std::string>* groups_of(const std::string& user);

}  // namespace sluice::daemon
