// One maker a sink type; sink.cpp picks by the configuration's "type". A maker reads its keys from
// `fields` (sink.cpp calls finish()), adds what it finds wrong to `problems`, and returns a sink or
// null; a sink made from a faulty configuration is thrown away by make_sink.
//
// A sink may be destroyed while its requests are under way: what they need lives on until `done`
// was called, which happens as long as the http::Client is there.
#pragma once

#include <memory>

#include "common/sinks/sink.h"

namespace sluice::sinks {

using Maker = std::unique_ptr<Sink> (*)(config::Fields& fields, const SinkContext& context);

std::unique_ptr<Sink> make_webhook(config::Fields& fields, const SinkContext& context);
std::unique_ptr<Sink> make_file(config::Fields& fields, const SinkContext& context);
std::unique_ptr<Sink> make_eventbridge(config::Fields& fields, const SinkContext& context);
std::unique_ptr<Sink> make_sqs(config::Fields& fields, const SinkContext& context);
std::unique_ptr<Sink> make_sns(config::Fields& fields, const SinkContext& context);

}  // namespace sluice::sinks
