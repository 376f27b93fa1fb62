// Logging of the daemon and the command (plugins log through Slurm). One line a call, to standard
// error; under systemd each line carries its level for the journal. Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace sluice::log {

enum class Level { debug, info, warning, error };

// A daemon whose standard error is /dev/null, as slurmd starts one, logs to syslog.
void to_syslog_if_unread();

void set_level(Level level);
bool parse_level(std::string_view name, Level* out);

void debug(const std::string& line);
void info(const std::string& line);
void warning(const std::string& line);
void error(const std::string& line);

// The same trouble said once: `line` is logged when `key` is new or its last report is an hour old;
// clear(key) when it is mended, which says so if it had been reported.
void once(Level level, const std::string& key, const std::string& line);
void clear(const std::string& key, const std::string& mended);

}  // namespace sluice::log
