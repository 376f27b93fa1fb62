#include "spank/public_sinks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "spank/spank.h"
#include "spank/submitter.h"

namespace sluice::spank {
namespace {

constexpr std::string_view kHeader = "# sluice sinks 1\n";
constexpr off_t kMaxList = 1 << 20;

// Takes the text up to `stop` off the front of `*rest`; the separator goes too.
std::string_view take(std::string_view* rest, char stop) {
  size_t n = 0;
  while (n < rest->size() && (*rest)[n] != stop) ++n;
  std::string_view taken(rest->begin(), rest->begin() + n);
  rest->remove_prefix(n < rest->size() ? n + 1 : n);
  return taken;
}

bool starts(std::string_view text, std::string_view with) {
  if (text.size() < with.size()) return false;
  return std::string_view(text.begin(), text.begin() + with.size()) == with;
}

// A line's sink name; `rest` is left with its words. Empty for a line that names none.
std::string_view line_name(std::string_view line, std::string_view* rest) {
  *rest = line;
  std::string_view name = take(rest, ' ');
  return starts(name, "#") ? std::string_view() : name;
}

bool may(Submitter* who, std::string_view words) {
  bool restricted = false;
  while (!words.empty()) {
    std::string_view word = take(&words, ' ');
    bool users = starts(word, "users=");
    if (!users && !starts(word, "groups=")) continue;
    restricted = true;
    take(&word, '=');
    while (!word.empty()) {
      std::string_view entry = take(&word, ',');
      if (entry == "*" || (users ? who->is_user(entry) : who->in_group(entry))) return true;
    }
  }
  return !restricted || who->is_root();
}

// The whole list, from malloc; null if there is none, and then `why` is set.
char* load(const char* path, size_t* size, const char** why) {
  struct stat st{};
  char* text = nullptr;
  // Not to wait for a writer, should it be a pipe.
  int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || ::fstat(fd, &st) != 0) {
    *why = strerror(errno);
  } else if (!S_ISREG(st.st_mode) || st.st_size > kMaxList) {
    *why = "not a file of at most 1 MiB";
  } else {
    text = static_cast<char*>(malloc(kMaxList));
    *why = "no memory";
  }
  if (text != nullptr) {
    size_t done = 0;
    ssize_t n = 0;
    while (done < kMaxList &&
           ((n = ::read(fd, text + done, kMaxList - done)) > 0 || (n < 0 && errno == EINTR)))
      done += static_cast<size_t>(n > 0 ? n : 0);
    *size = done;
    if (n < 0) {
      *why = strerror(errno);
      free(text);
      text = nullptr;
    } else if (!starts({text, done}, kHeader)) {
      *why = "its first line is not \"# sluice sinks 1\"";
      free(text);
      text = nullptr;
    }
  }
  if (fd >= 0) ::close(fd);
  return text;
}

void refuse(Submitter* who, std::string_view list, const char* name, bool known, char* error,
            size_t size) {
  int n = snprintf(error, size,
                   known ? "sink \"%s\" is not for user %s; allowed are"
                         : "there is no sink \"%s\" for jobs to name; user %s may "
                           "name",
                   name, who->name());
  size_t used = n < 0 ? 0 : static_cast<size_t>(n);
  bool any = false;
  while (!list.empty() && used < size) {
    std::string_view words;
    std::string_view sink = line_name(take(&list, '\n'), &words);
    if (sink.empty() || !may(who, words)) continue;
    n = snprintf(error + used, size - used, "%s %.*s", any ? "," : "",
                 static_cast<int>(sink.size()), sink.data());
    used += n < 0 ? 0 : static_cast<size_t>(n);
    any = true;
  }
  if (!any && used < size) snprintf(error + used, size - used, " none");
}

}  // namespace

bool check_public_sinks(const char* path, const Selection& selection, char* error,
                        size_t error_size) {
  size_t size = 0;
  const char* why = "";
  char* text = load(path, &size, &why);
  if (text == nullptr) {
    static bool said = false;  // sbatch reads the options of a heterogeneous job more than once
    if (!said) slurm_info("sluice: --event-sink is not checked: list of sinks %s: %s", path, why);
    said = true;
    return true;
  }
  static Submitter who;
  bool good = true;
  for (size_t i = 0; good && i < selection.count; ++i) {
    bool known = false;
    bool allowed = false;
    std::string_view list(text, size);
    while (!list.empty() && !allowed) {
      std::string_view words;
      if (line_name(take(&list, '\n'), &words) != selection.sinks[i].name) continue;
      known = true;
      allowed = may(&who, words);
    }
    good = allowed;
    if (!good) refuse(&who, {text, size}, selection.sinks[i].name, known, error, error_size);
  }
  free(text);
  return good;
}

}  // namespace sluice::spank
