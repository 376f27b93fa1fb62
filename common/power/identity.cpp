#include "common/power/identity.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <memory>

#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/base/text.h"
#include "common/slurm/jobs.h"

namespace sluice::power {
namespace {

constexpr const char* kAnswer = "nodes:";

// What the child does, and never returns from.
[[noreturn]] void answer(int fd, const std::vector<std::string>& addresses) {
  slurm::init("");
  auto nodes = slurm::load_nodes();
  std::string out;
  if (nodes) {
    out = kAnswer;
    for (const auto& name : nodes_at(*nodes, addresses).nodes) out += name + "\n";
  } else {
    out = nodes.error().what;
  }
  // Shorter than a pipe's buffer: there are few nodes at one address.
  ssize_t written = ::write(fd, out.data(), std::min<size_t>(out.size(), 4096));
  _exit(written > 0 ? 0 : 1);
}

std::string read_until(int fd, int64_t deadline) {
  std::string out;
  char buffer[4096];
  while (true) {
    int64_t left = deadline - clock::mono_ms();
    pollfd p{fd, POLLIN, 0};
    if (left <= 0 || ::poll(&p, 1, static_cast<int>(left)) <= 0) return out;
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) return out;
    out.append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace

std::vector<std::string> own_addresses() {
  std::vector<std::string> out;
  ifaddrs* raw = nullptr;
  if (getifaddrs(&raw) != 0) return out;
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(raw, freeifaddrs);
  for (const ifaddrs* i = list.get(); i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || (i->ifa_flags & IFF_LOOPBACK) != 0) continue;
    char text[INET6_ADDRSTRLEN] = {};
    if (i->ifa_addr->sa_family == AF_INET) {
      const auto* in = reinterpret_cast<const sockaddr_in*>(i->ifa_addr);
      inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
    } else if (i->ifa_addr->sa_family == AF_INET6) {
      const auto* in = reinterpret_cast<const sockaddr_in6*>(i->ifa_addr);
      if (!IN6_IS_ADDR_LINKLOCAL(&in->sin6_addr))
        inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
    }
    if (text[0] != '\0') out.emplace_back(text);
  }
  return out;
}

Match nodes_at(const std::vector<slurm::NodeInfo>& nodes,
               const std::vector<std::string>& addresses) {
  Match out;
  for (const slurm::NodeInfo& node : nodes)
    if (node.powering_up && !node.powering_down &&
        std::ranges::find(addresses, node.address) != addresses.end())
      out.nodes.push_back(node.name);
  return out;
}

Result<Match> ask_for_nodes_at(const std::vector<std::string>& addresses, int64_t timeout_ms) {
  int64_t deadline = clock::mono_ms() + timeout_ms;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  Fd reading(ends[0]), writing(ends[1]);
  pid_t child = fork();
  if (child < 0) return fail_errno("fork");
  if (child == 0) answer(writing.get(), addresses);
  writing.reset();
  std::string said = read_until(reading.get(), deadline);
  ::kill(child, SIGKILL);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!said.starts_with(kAnswer))
    return fail(said.empty() ? "slurmctld did not answer, or there is no usable slurm.conf"
                             : text::printable(said));
  Match out;
  for (const auto& name : text::split(std::string_view(said).substr(strlen(kAnswer)), '\n'))
    if (!name.empty()) out.nodes.push_back(name);
  return out;
}

}  // namespace sluice::power
