// The plugin's arguments in plugstack.conf: key=value, all optional.
//
//   inbox=PATH          where a node's records go; %n is the node's name, %h the short host name,
//                       %% a percent sign             [/run/sluice/inbox]
//   sinks=PATH          the list of sinks that users may name         [/run/sluice/sinks]
//   socket=PATH         where the node's sluiced listens, for tasks' SLUICE_SOCKET; %n and %h as
//                       for inbox            [SLUICE_SOCKET stays as it is]
//   jobs=sink|all       whose launch and exit the node reports        [sink]
//   steps=off|sink|all  whose steps' start and end the node reports   [off]
//   start_sluiced=PATH  slurmd starts this program as the node's sluiced   [nothing is started]
#pragma once

#include <cstddef>

namespace sluice::spank {

enum class Which { kNone, kWithSink, kAll };

constexpr size_t kMaxPath = 180;  // what inbox::Writer takes

struct Arguments {
  char inbox[kMaxPath + 1];  // not expanded
  char sinks[kMaxPath + 1];
  char socket[kMaxPath + 1];  // not expanded, empty: tasks are told of none
  char start_sluiced[kMaxPath + 1];
  Which jobs;
  Which steps;
};

// Reads them, once; a bad one is named in the log (if `report`) and otherwise as if absent.
void parse_arguments(int argc, char** argv, bool report);
const Arguments& arguments();

// The name slurmd goes by, in slurmd and slurmstepd.
const char* node_name();

// Expands %n, %h and %%. False if the result is too long or there is another % in it.
bool expand_path(const char* pattern, char* out, size_t size);

}  // namespace sluice::spank
