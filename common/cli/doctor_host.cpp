// What the host gives: the right time, munge, and on a node a way to the controllers.
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/timex.h>

#include <cerrno>
#include <cstring>

#include "common/base/fd.h"
#include "common/cli/finding.h"
#include "common/config/check.h"
#include "common/wire/credential.h"

namespace sluice::cli {
namespace {

constexpr int kConnectMs = 3000;

// Signatures of AWS and webhooks are void when the clock is off by minutes, munge's too.
void check_clock(Findings* findings) {
  timex t{};
  int state = ::adjtimex(&t);
  if (state < 0)
    return findings->skipped("clock", std::string("adjtimex: ") + strerror(errno),
                             "run on the host itself");
  if (state == TIME_ERROR || (t.status & STA_UNSYNC) != 0)
    return findings->warning(
        "clock", "the kernel's clock is not kept in step by any time service",
        "run chrony or systemd-timesyncd: signatures are void when it is minutes off");
  findings->ok("clock", "kept in step, at most " + std::to_string(t.maxerror / 1000) + " ms off");
}

void check_munge(const Patient& p, Findings* findings) {
  auto credential = wire::make_credential(p.config.munge_socket, "sluice doctor");
  auto sender = credential ? wire::open_credential(p.config.munge_socket, *credential)
                           : std::unexpected(credential.error());
  if (!sender)
    return findings->error("munge", sender.error().what,
                           "is munged running? munge_socket in sluice.json names another socket");
  findings->ok("munge", "makes and opens credentials");
}

// Empty, or why not.
std::string connect_to(const std::string& address) {
  std::string host;
  std::string port;
  if (!config::split_host_port(address, &host, &port)) return "no HOST:PORT";
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (int rc = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); rc != 0)
    return gai_strerror(rc);
  std::string why = "no address";
  for (addrinfo* a = found; a != nullptr && !why.empty(); a = a->ai_next) {
    Fd fd(::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    int err = 0;
    socklen_t size = sizeof err;
    if (::connect(fd.get(), a->ai_addr, a->ai_addrlen) != 0) err = errno;
    pollfd ready{fd.get(), POLLOUT, 0};
    if (err == EINPROGRESS && ::poll(&ready, 1, kConnectMs) <= 0)
      err = ETIMEDOUT;
    else if (err == EINPROGRESS)
      (void)::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &err, &size);
    why = err == 0 ? "" : strerror(err);
  }
  ::freeaddrinfo(found);
  return why;
}

}  // namespace

void check_host(const Patient& p, Findings* findings) {
  check_clock(findings);
  if (!p.configured) return;
  check_munge(p, findings);
  if (p.role == config::Role::controller) {
    if (p.config.listen.empty())
      findings->ok("listen", "not set: nodes' launch, exit, step and emit events are not taken");
    return;
  }
  for (const auto& controller : p.config.controllers) {
    std::string why = connect_to(controller);
    std::string found = controller;
    if (why.empty()) {
      findings->ok("controller", found.append(" takes connections"));
      continue;
    }
    findings->error("controller", found.append(": ").append(why),
                    "is sluiced running there with listen set, and the port open?");
  }
}

}  // namespace sluice::cli
