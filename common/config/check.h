// Forms that configuration values must have. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace sluice::config {

// HOST:PORT or [IPV6]:PORT, port 1 to 65535.
bool is_host_port(std::string_view text);
// The two parts, brackets off. False if it is no HOST:PORT.
bool split_host_port(std::string_view text, std::string* host, std::string* port);
// A loopback HOST:PORT or unix:/path.
bool is_metrics_address(std::string_view text);
// True if the text of a configuration file gives a secret outright (not by file).
bool has_secret(std::string_view text);

}  // namespace sluice::config
