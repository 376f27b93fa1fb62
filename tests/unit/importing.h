// What turns records and sweeps into events, on a journal that goes with the test.
#pragma once

#include <gtest/gtest.h>

#include "ctld/sluiced/import.h"
#include "tests/unit/temp_journal.h"

namespace sluice::daemon {

class Importing : public ::testing::Test {
 protected:
  void import(const inbox::RawRecord& r, const Answer& answer = {}) {
    journal::Transaction t(journal_->db());
    import_.record(r, answer);
    t.commit();
  }

  sluice::testing::TempJournal journal_;
  Stats stats_;
  Events events_{*journal_, "c", stats_};
  Import import_{*journal_, events_, stats_};
};

}  // namespace sluice::daemon
