#include "common/base/listen.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <memory>

namespace sluice {
namespace {

constexpr int kType = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

}  // namespace

Result<Fd> listen_unix(const std::string& path, unsigned mode, int backlog) {
  sockaddr_un addr{};
  addr.sun_family = AF_UNIX;
  if (path.size() >= sizeof addr.sun_path)
    return fail("a path may have at most " + std::to_string(sizeof addr.sun_path - 1) + " bytes");
  memcpy(addr.sun_path, path.c_str(), path.size() + 1);
  Fd fd(::socket(AF_UNIX, kType, 0));
  if (!fd) return fail_errno("socket");
  ::unlink(path.c_str());
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&addr), sizeof addr) != 0)
    return fail_errno("bind");
  // Before listen(): until then nobody can connect.
  if (::chmod(path.c_str(), mode) != 0) return fail_errno("chmod");
  if (::listen(fd.get(), backlog) != 0) return fail_errno("listen");
  return fd;
}

Result<Fd> listen_tcp(const std::string& host, const std::string& port, int backlog) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (int rc = ::getaddrinfo(host == "*" ? nullptr : host.c_str(), port.c_str(), &hints, &list);
      rc != 0)
    return fail(gai_strerror(rc));
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> found(list, ::freeaddrinfo);
  Fd fd(::socket(found->ai_family, kType, 0));
  if (!fd) return fail_errno("socket");
  int one = 1;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (::bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0) return fail_errno("bind");
  if (::listen(fd.get(), backlog) != 0) return fail_errno("listen");
  return fd;
}

}  // namespace sluice
