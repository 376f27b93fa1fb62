#include "common/inbox/reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <utility>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/inbox/format.h"

namespace sluice::inbox {
namespace {

constexpr int64_t kOrphanAgeSeconds = 60;
constexpr int64_t kUnreadAgainMs = 1'000;
constexpr size_t kMaxBad = 1000;  // files kept in DIR/bad; more would fill the inbox itself

bool is_bad_dir(const std::string& name) {
  return name == "bad";
}

// A FIFO or a device must not be opened: that alone can block.
bool regular(const std::string& path, struct stat* st) {
  return ::lstat(path.c_str(), st) == 0 && S_ISREG(st->st_mode);
}

}  // namespace

// Without it a hook that drops a record can tell nobody; what is in the inbox can be read all the
// same, which on a full one is what makes room for it.
Result<void> Reader::make_gap_marker() {
  std::string gap = dir_ + "/" + kGapFile;
  Fd mark(::open(gap.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0660));
  if (!mark) return fail_errno("inbox " + dir_ + ": cannot create the gap marker");
  struct stat st{};
  if (::fstat(mark.get(), &st) != 0 || !S_ISREG(st.st_mode))
    return fail("inbox " + dir_ + ": the gap marker is no regular file");
  if (st.st_size < static_cast<off_t>(kGapSize)) {
    std::string blank(kGapSize, ' ');
    if (::pwrite(mark.get(), blank.data(), blank.size(), 0) != static_cast<ssize_t>(blank.size()))
      return fail_errno("inbox " + dir_ + ": cannot fill the gap marker");
  }
  (void)::fchmod(mark.get(), 0660);  // slurmctld's user writes it through the folder's group
  if (::inotify_add_watch(watch_.get(), gap.c_str(), IN_CLOSE_WRITE) < 0)
    return fail_errno("inbox " + dir_ + ": cannot watch the gap marker");
  return {};
}

void Reader::see_to_gap_marker() {
  auto made = make_gap_marker();
  marked_ = made.has_value();
  if (marked_)
    log::clear("inbox-gap:" + dir_, "inbox " + dir_ + " has its gap marker now");
  else
    log::once(log::Level::warning, "inbox-gap:" + dir_, made.error().what + "; tried again");
}

Result<void> Reader::open() {
  Fd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!watch) return fail_errno("inbox " + dir_ + ": inotify");
  // Each event watched costs every hook a wake-up of ours: of the folder only the rename.
  dir_watch_ =
      ::inotify_add_watch(watch.get(), dir_.c_str(),
                          IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_ONLYDIR);
  if (dir_watch_ < 0) return fail_errno("inbox " + dir_ + ": cannot watch it");
  watch_ = std::move(watch);
  see_to_gap_marker();
  return {};
}

bool Reader::drain() {
  alignas(inotify_event) char buf[16384];
  bool alive = true;
  for (;;) {
    ssize_t n = ::read(watch_.get(), buf, sizeof buf);
    if (n <= 0) return alive;
    for (char* at = buf; at < buf + n;) {
      auto* event = reinterpret_cast<inotify_event*>(at);
      if (event->wd == dir_watch_ &&
          (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0)
        alive = false;
      at += sizeof(inotify_event) + event->len;
    }
  }
}

std::vector<RawRecord> Reader::scan(size_t max) {
  if (!marked_) see_to_gap_marker();
  if (!stuck_.empty()) remove_stuck();
  if (int64_t now = clock::mono_ms(); now - unread_ms_ > kUnreadAgainMs) {
    unread_.clear();
    unread_ms_ = now;
  }
  more_ = false;
  std::vector<std::string> names;
  std::vector<std::string> hidden;
  DIR* d = ::opendir(dir_.c_str());
  if (d == nullptr) {
    log::once(log::Level::error, "inbox:" + dir_,
              "inbox " + dir_ + ": cannot read it: " + std::string(strerror(errno)) +
                  "; hooks drop records until it is mended");
    return {};
  }
  log::clear("inbox:" + dir_, "inbox " + dir_ + " can be read again");
  while (dirent* e = ::readdir(d)) {
    std::string name = e->d_name;
    if (name[0] == '.') {
      if (is_record_name(std::string_view(name).substr(1))) hidden.push_back(std::move(name));
      continue;
    }
    if (name == kGapFile || is_bad_dir(name) || taken_.contains(name) || ignored_.contains(name) ||
        stuck_.contains(name) || unread_.contains(name))
      continue;
    names.push_back(std::move(name));
  }
  ::closedir(d);
  adopt_orphans(hidden);
  if (names.size() > max)
    std::ranges::nth_element(names, names.begin() + static_cast<ptrdiff_t>(max));
  more_ = names.size() > max;
  if (more_) names.resize(max);
  std::ranges::sort(names);
  std::vector<RawRecord> out;
  out.reserve(names.size());
  for (const auto& name : names) {
    struct stat st{};
    std::string path = dir_ + "/" + name;
    if (!is_record_name(name)) {
      set_aside(name, "not a record's name");
      continue;
    }
    if (!regular(path, &st)) {
      set_aside(name, "not a regular file");
      continue;
    }
    if (st.st_size > static_cast<off_t>(kMaxFile)) {
      set_aside(name, "larger than a record can be");
      continue;
    }
    auto bytes = file::read(path, kMaxFile);
    if (!bytes) {
      // No fault of the record's: too many open files, a wrong group. It is read again, and those
      // behind it do not wait.
      unread_.insert(name);
      log::once(log::Level::error, "inbox-read:" + dir_,
                "inbox: " + bytes.error().what + "; tried again, nothing is lost");
      continue;
    }
    auto record = parse(name, *bytes);
    if (!record) {
      set_aside(name, record.error().what);
      continue;
    }
    taken_.insert(name);
    out.push_back(std::move(*record));
  }
  if (unread_.empty())
    log::clear("inbox-read:" + dir_, "inbox " + dir_ + ": every record can be read again");
  return out;
}

bool Reader::remove(const std::string& id) {
  taken_.erase(id);
  if (::unlink((dir_ + "/" + id).c_str()) == 0 || errno == ENOENT) return true;
  log::once(log::Level::warning, "inbox-stuck:" + dir_,
            "inbox " + dir_ + ": cannot remove records that are in the journal: " +
                strerror(errno) + "; tried again");
  stuck_.insert(id);
  return false;
}

void Reader::remove_stuck() {
  std::erase_if(stuck_, [this](const std::string& id) {
    if (::unlink((dir_ + "/" + id).c_str()) != 0 && errno != ENOENT) return false;
    removed_.push_back(id);
    return true;
  });
  if (stuck_.empty())
    log::clear("inbox-stuck:" + dir_, "inbox " + dir_ + ": records can be removed again");
}

// A writer killed between write and rename leaves a whole record under its dot name. A minute
// later nobody is writing it any more.
void Reader::adopt_orphans(const std::vector<std::string>& hidden) {
  if (hidden.empty()) return;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  for (const auto& name : hidden) {
    std::string path = dir_ + "/" + name;
    struct stat st{};
    bool whole = regular(path, &st);
    if (now.tv_sec - st.st_mtim.tv_sec < kOrphanAgeSeconds) continue;
    std::string visible = name.substr(1);
    if (!whole) {  // what it is, scan() sees to
      ::rename(path.c_str(), (dir_ + "/" + visible).c_str());
      continue;
    }
    auto bytes = file::read(path, kMaxFile);
    if (bytes && parse(visible, *bytes))
      ::rename(path.c_str(), (dir_ + "/" + visible).c_str());
    else
      ::unlink(path.c_str());  // torn: its writer died while writing; reconciling finds the run
  }
}

// Also those of earlier processes.
size_t Reader::kept_bad() {
  if (std::exchange(bad_counted_, true)) return kept_bad_;
  if (DIR* d = ::opendir((dir_ + "/bad").c_str())) {
    while (dirent* e = ::readdir(d))
      if (e->d_name[0] != '.') ++kept_bad_;
    ::closedir(d);
  }
  return kept_bad_;
}

void Reader::set_aside(const std::string& name, const std::string& why) {
  ++set_aside_;
  log::once(log::Level::warning, "inbox-bad:" + dir_,
            "inbox " + dir_ + ": " + text::printable(name) + ": " + why + "; set aside in " + dir_ +
                "/bad (further ones are counted, not logged)");
  std::string bad = dir_ + "/bad";
  std::string from = dir_ + "/" + name;
  ::mkdir(bad.c_str(), 0750);
  struct stat st{};
  bool keep =
      kept_bad() < kMaxBad && regular(from, &st) && st.st_size <= static_cast<off_t>(kMaxFile);
  if (keep && ::rename(from.c_str(), (bad + "/" + name).c_str()) == 0) {
    ++kept_bad_;
    return;
  }
  if (::unlink(from.c_str()) == 0) return;
  if (errno == EISDIR || errno == EPERM) {
    if (::rename(from.c_str(), (bad + "/" + name).c_str()) == 0) return;
  }
  ignored_.insert(name);
}

bool Reader::gap(GapMark* out) {
  struct stat st{};
  std::string path = dir_ + "/" + kGapFile;
  if (!regular(path, &st)) return false;
  auto bytes = file::read(path, 4096);
  if (!bytes || !bytes->starts_with("gap ") || *bytes == last_gap_) return false;
  unsigned pid = 0;
  unsigned long long count = 0;
  long long time = 0;
  if (sscanf(bytes->c_str(), "gap %x %llu %lld", &pid, &count, &time) != 3) return false;
  last_gap_ = *bytes;
  *out = {count, time};
  return true;
}

}  // namespace sluice::inbox
