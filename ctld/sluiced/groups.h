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

// Asks, unless it was asked in the last five minutes. May block for as long as the name service
// does: not inside a transaction. After an answer that failed or took a second, users of whom
// anything is known are not asked about for a minute; after one that failed the others are not for
// a second and ten times what it took, at most a minute. A user who drops out of a group keeps it
// here for up to an hour: a directory that is away in part answers with less, and no error.
// False: nothing is known of the user, since the name service failed.
bool look_up_groups(const std::string& user, const AskGroups& ask = ask_name_service);

// What is known. Null: nothing, the name service has not answered.
const std::vector<std::string>* groups_of(const std::string& user);

}  // namespace sluice::daemon
