// The user who submits, as the list of public sinks asks for them. A name service is asked only
// when a list holds names and the numbers in it did not match: sluiced writes numbers.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <string_view>

namespace sluice::spank {

class Submitter {
 public:
  // `entry` is a name or a number.
  bool is_user(std::string_view entry);
  bool in_group(std::string_view entry);

  bool is_root() const { return uid_ == 0; }
  // The user's name, the number if there is none.
  const char* name();

 private:
  static constexpr int kMaxGroups = 4096;

  uid_t uid_ = getuid();
  char name_[256] = {};
  gid_t groups_[kMaxGroups];
  int count_ = -1;  // not asked yet
};

}  // namespace sluice::spank
