#include "common/sinks/sink.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "common/sinks/make.h"

namespace sluice {
namespace {

struct Type {
  std::string_view name;
  sinks::Maker make;
};

constexpr std::array kTypes{
    Type{"eventbridge", sinks::make_eventbridge},
    Type{"file", sinks::make_file},
    Type{"sns", sinks::make_sns},
    Type{"sqs", sinks::make_sqs},
    Type{"webhook", sinks::make_webhook},
};

}  // namespace

std::unique_ptr<Sink> make_sink(const Json& config, const SinkContext& context,
                                config::Problems* problems) {
  config::Problems found;
  std::unique_ptr<Sink> sink;
  config::Fields fields(config, "sinks." + context.name, &found);
  if (config.is_object()) {
    std::string type = fields.one_of("type", {"eventbridge", "file", "sns", "sqs", "webhook"}, "");
    if (!config.has("type"))
      fields.problem("type", "is missing; one of eventbridge, file, sns, sqs, webhook is needed");
    auto known = std::ranges::find(kTypes, type, &Type::name);
    if (known != kTypes.end()) {
      sink = known->make(fields, context);
      fields.finish();
    }
  }
  if (!config::usable(found)) sink.reset();
  problems->insert(problems->end(), found.begin(), found.end());
  return sink;
}

}  // namespace sluice
