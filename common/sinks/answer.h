// What an HTTP answer means for the event that was sent. Pure functions.
#pragma once

#include <string>

#include "common/http/client.h"
#include "common/sinks/sink.h"

namespace sluice::sinks {

// The receiver's own words for messages: one line of printable text, cut short.
std::string words(const http::Response& response);

// A webhook's answer, after CloudEvents' "HTTP 1.1 Web Hooks for Event Delivery" 1.0 §2.2 and
// Standard Webhooks. `url` is named in reasons by scheme, host and port.
Outcome judge_webhook(const http::Response& response, const std::string& url);

}  // namespace sluice::sinks
