#include "spank/submitter.h"

#include <grp.h>
#include <pwd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace sluice::spank {
namespace {

// -1 if the text is no number of an id's length.
int64_t number(std::string_view text) {
  if (text.empty() || text.size() > 10) return -1;
  int64_t n = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return -1;
    n = n * 10 + (c - '0');
  }
  return n;
}

}  // namespace

bool Submitter::is_user(std::string_view entry) {
  int64_t id = number(entry);
  return id >= 0 ? id == uid_ : entry == name();
}

bool Submitter::in_group(std::string_view entry) {
  int64_t id = number(entry);
  if (id < 0) {
    char text[256];
    if (entry.size() >= sizeof text) return false;
    memcpy(text, entry.data(), entry.size());
    text[entry.size()] = '\0';
    const group* found = getgrnam(text);
    if (found == nullptr) return false;
    id = found->gr_gid;
  }
  if (id == getegid()) return true;
  if (count_ < 0) count_ = getgroups(kMaxGroups, groups_);
  if (count_ < 0) return true;  // in more groups than fit: sluiced decides
  for (int i = 0; i < count_; ++i)
    if (id == groups_[i]) return true;
  return false;
}

const char* Submitter::name() {
  if (name_[0] == '\0') {
    const passwd* found = getpwuid(uid_);
    if (found != nullptr)
      snprintf(name_, sizeof name_, "%s", found->pw_name);
    else
      snprintf(name_, sizeof name_, "%u", uid_);
  }
  return name_;
}

}  // namespace sluice::spank
