// The asking side of sluiced's Unix socket: one request a line, JSON, answered by one or more lines
// of JSON (docs/formats.md). Shared by the `sluice` command and libsluice.so, so it stands on
// json-c alone.
//
// A connection is used by one thread at a time, and not by both sides of a fork: sluiced knows it
// by the process that opened it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

#include "common/base/fd.h"
#include "common/json/json.h"

namespace sluice::client {

// sluiced closes the connection of a longer one.
constexpr size_t kMaxRequest = 512U << 10;
// Levels of an event's data; the event around it has two more, and readers take 32.
constexpr int kMaxDepth = 24;
// An emit is answered when the event is in the controller's journal, which a node's sluiced waits
// 8 s for and a controller's at most slurm_wait_s and, should the name service fail, 8 s.
constexpr int kTimeoutMs = 20'000;
constexpr int kForever = -1;

enum class Fault {
  unreachable,  // nobody serves this socket, or it may not be opened
  too_long,     // the request; nothing was sent
  timed_out,    // no answer in time: whether sluiced acted is not known
  lost,         // the connection ended before the answer: not known either
  garbled,      // what answered is no sluiced of this version
  stopped,      // the caller's stop descriptor became readable
};

struct Failure {
  Fault fault;
  std::string what;  // what was tried, on which socket, and what to do
};

template <class T>
using Outcome = std::expected<T, Failure>;

// When a call must have returned, however many waits it is made of and signals interrupt them.
class Deadline {
 public:
  explicit Deadline(int ms = kTimeoutMs);  // from now; kForever: none
  int left() const;                        // ms, 0 once it has passed; -1: there is none
  int whole() const { return ms_; }        // what was given

 private:
  int ms_;
  int64_t at_;
};

class Connection {
 public:
  static Outcome<Connection> open(const std::string& socket, Deadline deadline = Deadline());

  Outcome<void> send(const Json& request, Deadline deadline = Deadline());
  // The next line. `stop` (-1: none) is a descriptor that ends the wait when it becomes readable.
  Outcome<Json> receive(Deadline deadline = Deadline(), int stop = -1);
  // One request with one line of answer.
  Outcome<Json> ask(const Json& request, Deadline deadline = Deadline());

  // True if sluiced has closed its side, as it does after a minute without a request.
  bool closed() const;

 private:
  Connection(Fd fd, std::string socket) : fd_(std::move(fd)), socket_(std::move(socket)) {}
  std::unexpected<Failure> failure(Fault fault, const std::string& what) const;

  Fd fd_;
  std::string socket_;
  std::string in_;
};

}  // namespace sluice::client
