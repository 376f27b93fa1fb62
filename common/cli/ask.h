// A subcommand that is one request with one line of answer.
#pragma once

#include <expected>
#include <functional>

#include "common/cli/command.h"
#include "common/client/connection.h"
#include "common/json/json.h"

namespace sluice::cli {

Json request(const char* op);

// The exit code of a request that failed on its way.
int exit_code(client::Fault fault);

// sluiced's answer; or the exit code, once what is wrong was printed.
std::expected<Json, int> answer(const Common& common, const Json& request);

// Asks sluiced and prints: with --json its answer as it came, else what `human` makes of it. An
// error is printed and becomes the exit code.
int ask(const Common& common, const Json& request, const std::function<void(const Json&)>& human);

}  // namespace sluice::cli
