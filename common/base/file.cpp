#include "common/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "common/base/fd.h"

namespace sluice::file {

Result<std::string> read(const std::string& path, size_t max) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return fail_errno("cannot open " + path);
  std::string out;
  for (;;) {
    size_t have = out.size();
    size_t want = std::min<size_t>(64U << 10, max + 1 - have);
    out.resize(have + want);
    ssize_t n = ::read(fd.get(), out.data() + have, want);
    if (n < 0 && errno == EINTR) {
      out.resize(have);
      continue;
    }
    if (n < 0) return fail_errno("cannot read " + path);
    out.resize(have + static_cast<size_t>(n));
    if (n == 0) return out;
    if (out.size() > max) return fail(path + " is larger than " + std::to_string(max) + " bytes");
  }
}

Result<void> write_atomic(const std::string& path, std::string_view bytes, unsigned mode) {
  std::string tmp = path + ".tmp." + std::to_string(::getpid());
  Fd fd(::open(tmp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!fd) return fail_errno("cannot create " + tmp);
  auto undo = [&](std::unexpected<Error> e) {
    ::unlink(tmp.c_str());
    return e;
  };
  if (::fchmod(fd.get(), mode) != 0) return undo(fail_errno("cannot set the mode of " + tmp));
  for (std::string_view left = bytes; !left.empty();) {
    ssize_t n = ::write(fd.get(), left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return undo(fail_errno("cannot write " + tmp));
    left.remove_prefix(static_cast<size_t>(n));
  }
  if (::fsync(fd.get()) != 0) return undo(fail_errno("cannot sync " + tmp));
  if (::rename(tmp.c_str(), path.c_str()) != 0)
    return undo(fail_errno("cannot rename " + tmp + " to " + path));
  size_t slash = path.rfind('/');
  std::string dir = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  Fd d(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (d) ::fsync(d.get());
  return {};
}

Result<void> make_dirs(const std::string& path, unsigned mode) {
  for (size_t at = 1; at <= path.size(); ++at) {
    if (at != path.size() && path[at] != '/') continue;
    std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST)
      return fail_errno("cannot create " + part);
  }
  return {};
}

}  // namespace sluice::file
