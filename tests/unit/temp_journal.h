// A journal in a folder of its own that goes with the test.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "common/journal/journal.h"

namespace sluice::testing {

class TempJournal {
 public:
  TempJournal() {
    char name[] = "/tmp/sluice-journal-XXXXXX";
    dir_ = ::mkdtemp(name);
    journal_.emplace(std::move(*journal::Journal::open(path(), journal::Durability::crash_safe)));
  }
  ~TempJournal() {
    journal_.reset();
    std::filesystem::remove_all(dir_);
  }
  TempJournal(const TempJournal&) = delete;
  TempJournal& operator=(const TempJournal&) = delete;

  std::string path() const { return dir_ + "/journal.db"; }
  journal::Journal& operator*() { return *journal_; }
  journal::Journal* operator->() { return &*journal_; }

 private:
  std::string dir_;
  std::optional<journal::Journal> journal_;
};

}  // namespace sluice::testing
