#include "common/cli/ask.h"

#include "common/cli/exit_code.h"
#include "common/cli/print.h"

namespace sluice::cli {

Json request(const char* op) {
  Json out = Json::object();
  out.set("op", Json::of(op));
  return out;
}

int exit_code(client::Fault fault) {
  return fault == client::Fault::too_long ? kUsage : kUnreachable;
}

std::expected<Json, int> answer(const Common& common, const Json& request) {
  client::Deadline deadline;
  auto connection = client::Connection::open(common.socket, deadline);
  auto answer =
      connection ? connection->ask(request, deadline) : std::unexpected(connection.error());
  if (!answer)
    return std::unexpected(failed(common, answer.error().what, exit_code(answer.error().fault)));
  if (answer->has("error"))
    return std::unexpected(failed(common, answer->get("error").str(), kFailed));
  return *answer;
}

int ask(const Common& common, const Json& request, const std::function<void(const Json&)>& human) {
  auto told = answer(common, request);
  if (!told) return told.error();
  if (common.json)
    print_json(*told);
  else
    human(*told);
  return kOk;
}

}  // namespace sluice::cli
