#include "spank/arguments.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "spank/spank.h"

namespace sluice::spank {
namespace {

constexpr const char* kAllowed =
    "inbox=PATH, sinks=PATH, socket=PATH, jobs=sink|all, steps=off|sink|all, start_sluiced=PATH";

constinit Arguments current = {"/run/sluice/inbox", "/run/sluice/sinks", "", "",
                               Which::kWithSink,    Which::kNone};

bool path(const char* value, char* out) {
  char expanded[kMaxPath + 1];
  if (value[0] != '/' || strlen(value) > kMaxPath) return false;
  if (!expand_path(value, expanded, sizeof expanded)) return false;
  memcpy(out, value, strlen(value) + 1);
  return true;
}

bool which(const char* value, bool with_off, Which* out) {
  if (strcmp(value, "sink") == 0)
    *out = Which::kWithSink;
  else if (strcmp(value, "all") == 0)
    *out = Which::kAll;
  else if (with_off && strcmp(value, "off") == 0)
    *out = Which::kNone;
  else
    return false;
  return true;
}

// What is wrong with the argument, nothing if all is well.
const char* set(const char* argument) {
  constexpr const char* kBadPath =
      "must be an absolute path of at most 180 bytes, in which %n is the node's name, %h the host "
      "name and %% a percent sign";
  const char* equals = strchr(argument, '=');
  if (equals == nullptr) return "is no key=value";
  const char* value = equals + 1;
  auto key = [&](const char* name) {
    auto n = static_cast<size_t>(equals - argument);
    return strlen(name) == n && memcmp(argument, name, n) == 0;
  };
  if (key("inbox")) return path(value, current.inbox) ? nullptr : kBadPath;
  if (key("sinks")) return path(value, current.sinks) ? nullptr : kBadPath;
  if (key("socket")) return path(value, current.socket) ? nullptr : kBadPath;
  if (key("start_sluiced")) return path(value, current.start_sluiced) ? nullptr : kBadPath;
  if (key("jobs")) return which(value, false, &current.jobs) ? nullptr : "must be sink or all";
  if (key("steps"))
    return which(value, true, &current.steps) ? nullptr : "must be off, sink or all";
  return "is unknown";
}

}  // namespace

void parse_arguments(int argc, char** argv, bool report) {
  for (int i = 0; i < argc; ++i) {
    const char* problem = set(argv[i]);
    if (problem != nullptr && report)
      slurm_error("sluice: plugstack.conf: argument \"%s\" %s, and is ignored; allowed are %s",
                  argv[i], problem, kAllowed);
  }
}

const Arguments& arguments() {
  return current;
}

const char* node_name() {
  static char host[256];
  // slurmd sets it for itself and its slurmstepds, before any user's environment is read.
  const char* name = getenv("SLURMD_NODENAME");
  if (name != nullptr && name[0] != '\0') return name;
  if (host[0] == '\0' && gethostname(host, sizeof host - 1) == 0) host[strcspn(host, ".")] = '\0';
  return host;
}

bool expand_path(const char* pattern, char* out, size_t size) {
  size_t used = 0;
  for (const char* p = pattern; *p != '\0'; ++p) {
    char one[2] = {*p, '\0'};
    char host[256] = {};
    const char* text = one;
    if (*p == '%') {
      ++p;
      if (*p == 'n') {
        text = node_name();
      } else if (*p == 'h') {
        if (gethostname(host, sizeof host - 1) != 0) return false;
        host[strcspn(host, ".")] = '\0';
        text = host;
      } else if (*p != '%') {
        return false;
      }
    }
    size_t n = strlen(text);
    if (used + n >= size) return false;
    memcpy(out + used, text, n);
    used += n;
  }
  out[used] = '\0';
  return true;
}

}  // namespace sluice::spank
