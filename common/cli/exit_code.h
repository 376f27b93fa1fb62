// The command's exit codes. sluice(1) documents them; scripts rely on them.
#pragma once

namespace sluice::cli {

constexpr int kOk = 0;
constexpr int kFailed = 1;       // refused by sluiced, or a check found an error
constexpr int kUsage = 2;        // the command line, or emit's DATA is no JSON
constexpr int kUnreachable = 3;  // no sluiced answers: not running, other socket, timed out
constexpr int kKept = 4;         // emit: taken on this node, not yet in the controller's journal

}  // namespace sluice::cli
