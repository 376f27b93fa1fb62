// The options that choose events, alike for tail and replay.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/error.h"
#include "common/json/json.h"

namespace CLI {
class App;
}

namespace sluice::cli {

struct Filter {
  uint32_t job = 0;  // 0: any
  std::string type;  // a prefix
  std::string user;
  std::string since;  // as the user wrote it
  int64_t after = 0;  // a sequence number

  void add_options(CLI::App& sub);
  // Puts what was given into a request.
  Result<void> into(Json* request) const;
};

}  // namespace sluice::cli
