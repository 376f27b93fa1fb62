// Owner of record.h, and tokens.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>

#include <cstdlib>

#include "common/base/file.h"
#include "common/base/text.h"
#include "common/power/record.h"

namespace sluice::power {
namespace {

std::string owners_of(const std::string& folder) {
  return folder + "/owners";
}

}  // namespace

std::string make_token() {
  std::string bytes(16, '\0');
  // Cannot fail for so few bytes once the system has booted (getrandom(2)).
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) abort();
  return text::hex(bytes);
}

Result<Owner> Owner::make(const std::string& folder) {
  if (auto made = file::make_dirs(owners_of(folder), 0750); !made)
    return std::unexpected(made.error());
  std::string path = owners_of(folder) + "/" + make_token();
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!fd) return fail_errno("cannot make " + path);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return fail_errno("cannot lock " + path);
  return Owner(std::move(path), std::move(fd));
}

Owner::~Owner() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

std::string Owner::name() const {
  return path_.substr(path_.rfind('/') + 1);
}

bool Owner::alive(const std::string& folder, const std::string& name) {
  std::string path = owners_of(folder) + "/" + name;
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return errno != ENOENT;  // one that cannot be asked is left alone
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return true;
  ::unlink(path.c_str());
  return false;
}

}  // namespace sluice::power
