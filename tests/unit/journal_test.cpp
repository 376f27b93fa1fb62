// The journal: ids that are unique, queues, dead letters, replay, retention, and its bound.
#include <gtest/gtest.h>

#include <array>

#include "common/base/clock.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/temp_journal.h"

namespace sluice::journal {
namespace {

using Seqs = std::vector<int64_t>;

NewEvent event(const std::string& id, uint32_t job = 1, int64_t time_us = 1000) {
  NewEvent e;
  e.id = id;
  e.type = "slurm.job.end";
  e.subject = "job/" + std::to_string(job);
  e.lane = std::to_string(job);
  e.user = "alice";
  e.uid = 1000;
  e.job_id = job;
  e.time_us = time_us;
  e.body = "{\"id\":\"" + id + "\"}";
  return e;
}

class Journals : public ::testing::Test {
 protected:
  int64_t add(const NewEvent& e, const std::vector<std::string>& sinks = {"s"}) {
    int64_t seq = 0;
    return journal_->add_event(e, sinks, &seq) ? seq : -1;
  }
  Seqs queued(const std::string& sink, size_t limit = 100, size_t bytes = 1 << 20,
              int64_t after = 0) {
    Seqs out;
    for (const auto& q : journal_->queued(sink, after, limit, bytes)) out.push_back(q.event.seq);
    return out;
  }
  sluice::testing::TempJournal journal_;
};

TEST_F(Journals, AnIdIsTakenOnce) {
  int64_t seq = add(event("a"));
  EXPECT_GT(seq, 0);
  NewEvent other = event("a", 2);
  EXPECT_EQ(add(other, {"t"}), -1);
  EXPECT_EQ(queued("t"), Seqs{});
  EXPECT_TRUE(journal_->has_event("a"));
  EXPECT_FALSE(journal_->has_event("b"));
  EXPECT_EQ(journal_->events({}).at(0).event.subject, "job/1");
}

TEST_F(Journals, EachSinkHasItsQueue) {
  int64_t a = add(event("a"), {"s", "t"});
  int64_t b = add(event("b"), {"t"});
  EXPECT_EQ(queued("s"), Seqs{a});
  EXPECT_EQ(queued("t"), (Seqs{a, b}));
  journal_->settle("t", a);
  EXPECT_EQ(queued("s"), Seqs{a});
  EXPECT_EQ(queued("t"), Seqs{b});
  EXPECT_EQ(journal_->queue_length("t"), 1);
  EXPECT_EQ(journal_->queue_sinks(), (std::vector<std::string>{"s", "t"}));
}

TEST_F(Journals, ARangeIsSettledForItsSinkOnly) {
  int64_t a = add(event("a"), {"s", "t"});
  int64_t b = add(event("b"), {"s", "t"});
  int64_t c = add(event("c"), {"s", "t"});
  journal_->settle("s", a, b);
  EXPECT_EQ(queued("s"), Seqs{c});
  EXPECT_EQ(queued("t"), (Seqs{a, b, c}));
}

TEST_F(Journals, WindowsOfTheQueue) {
  Seqs all;
  for (const char* id : {"a", "b", "c", "d"}) all.push_back(add(event(id)));
  EXPECT_EQ(queued("s", 2), (Seqs{all[0], all[1]}));
  EXPECT_EQ(queued("s", 100, 1 << 20, all[1]), (Seqs{all[2], all[3]}));
  EXPECT_EQ(queued("s", 100, 1), Seqs{all[0]});  // one at least
}

TEST_F(Journals, PostponedKeepsItsCountAndTime) {
  int64_t a = add(event("a"));
  journal_->postpone("s", a, 3, 777, "500");
  auto q = journal_->queued("s", 0, 1, 1000);
  ASSERT_EQ(q.size(), 1U);
  EXPECT_EQ(q[0].attempts, 3);
  EXPECT_EQ(q[0].next_us, 777);
}

TEST_F(Journals, DeadLettersAreListedRetriedAndDropped) {
  int64_t a = add(event("a"), {"s", "t"});
  int64_t b = add(event("b"), {"s"});
  journal_->bury("s", a, "400: no", 2);
  journal_->bury("s", b, "400: no", 1);
  journal_->bury("t", a, "gone", 1);
  EXPECT_EQ(queued("s"), Seqs{});
  auto letters = journal_->dead("s", 10);
  ASSERT_EQ(letters.size(), 2U);
  EXPECT_EQ(letters[0].id, "a");
  EXPECT_EQ(letters[0].reason, "400: no");
  EXPECT_EQ(letters[0].attempts, 2);
  EXPECT_EQ(journal_->dead("", 10).size(), 3U);
  EXPECT_EQ(journal_->retry_dead("s", a), 1);
  EXPECT_EQ(queued("s"), Seqs{a});
  EXPECT_EQ(journal_->dead_length("s"), 1);
  EXPECT_EQ(journal_->drop_dead("", 0), 2);
  EXPECT_EQ(journal_->dead("", 10).size(), 0U);
  EXPECT_EQ(queued("t"), Seqs{});
}

TEST_F(Journals, RefusedLettersAreRetriedByTheirNumberOnly) {
  int64_t failed = add(event("a"), {"s"});
  int64_t refused = add(event("b"), {});
  int64_t other = add(event("c"), {});
  journal_->bury("s", failed, "refused: by the receiver", 0);
  journal_->refuse("s", refused, "not allowed");
  journal_->refuse("(none)", other, "no sink");
  auto letters = journal_->dead("s", 10);
  ASSERT_EQ(letters.size(), 2U);
  EXPECT_FALSE(letters[0].refused);
  EXPECT_TRUE(letters[1].refused);
  EXPECT_EQ(letters[1].reason, "refused: not allowed");
  EXPECT_EQ(journal_->dead_sinks(), (std::vector<std::string>{"(none)", "s"}));
  EXPECT_EQ(journal_->retry_dead("s", 0), 1);
  EXPECT_EQ(queued("s"), Seqs{failed});
  EXPECT_EQ(journal_->dead_length("s"), 1);
  EXPECT_EQ(journal_->retry_dead("s", refused), 1);
  EXPECT_EQ(queued("s"), (Seqs{failed, refused}));
  EXPECT_EQ(journal_->dead_length("s"), 0);
}

TEST_F(Journals, ReplayQueuesWhatTheFilterTakes) {
  int64_t a = add(event("a", 1, 1000));
  int64_t b = add(event("b", 2, 2000));
  int64_t c = add(event("c", 2, 3000));
  for (int64_t seq : {a, b}) journal_->settle("s", seq);
  journal_->bury("s", c, "no", 1);
  EventFilter job;
  job.job_id = 2;
  EXPECT_EQ(journal_->replay("s", job), 1);  // c lies dead there: not a second time
  EXPECT_EQ(queued("s"), Seqs{b});
  EXPECT_EQ(journal_->replay("s", job), 0);
  EventFilter since;
  since.since_us = 2500;
  EXPECT_EQ(journal_->replay("other", since), 1);
  EXPECT_EQ(queued("other"), Seqs{c});
}

TEST_F(Journals, FiltersOfEvents) {
  add(event("a", 1, 1000));
  NewEvent bobs = event("b", 2, 2000);
  bobs.type = "slurm.node.up";
  bobs.user = "bob";
  bobs.uid = 1001;
  add(bobs);
  auto count = [this](auto&& set) {
    EventFilter f;
    set(f);
    return journal_->events(f).size();
  };
  EXPECT_EQ(count([](EventFilter&) {}), 2U);
  EXPECT_EQ(count([](EventFilter& f) { f.type = "slurm.job."; }), 1U);
  EXPECT_EQ(count([](EventFilter& f) { f.user = "bob"; }), 1U);
  EXPECT_EQ(count([](EventFilter& f) { f.uid = 1000; }), 1U);
  EXPECT_EQ(count([](EventFilter& f) { f.job_id = 3; }), 0U);
  EXPECT_EQ(count([](EventFilter& f) { f.after_seq = 1; }), 1U);
  EXPECT_EQ(count([](EventFilter& f) { f.since_us = 1001; }), 1U);
  EXPECT_EQ(count([](EventFilter& f) { f.limit = 1; }), 1U);
}

TEST_F(Journals, PruneSparesWhatIsNotDelivered) {
  int64_t delivered = add(event("a", 1, 1000));
  add(event("b", 2, 1000));
  int64_t young = add(event("c", 3, 9000));
  for (int64_t seq : {delivered, young}) journal_->settle("s", seq);
  EXPECT_EQ(journal_->prune(5000, 100).rows, 1);
  EXPECT_FALSE(journal_->has_event("a"));
  EXPECT_TRUE(journal_->has_event("b"));
  EXPECT_TRUE(journal_->has_event("c"));
}

TEST_F(Journals, DeadLettersAgeFromWhenTheyDied) {
  for (const char* id : {"a", "b", "c"}) journal_->bury("s", add(event(id, 1, 1000)), "no", 1);
  int64_t now = clock::wall_us();
  EXPECT_EQ(journal_->prune(now - 3'600'000'000, 100).letters, 0);
  EXPECT_TRUE(journal_->has_event("a"));  // old, but somebody may retry it
  Forgotten got = journal_->prune(now + 3'600'000'000, 2);
  EXPECT_EQ(got.letters, 2);
  EXPECT_EQ(got.rows, 2);
  EXPECT_EQ(journal_->dead_length("s"), 1);
}

class Bound : public Journals {
 protected:
  // Of many pages, so that each one dropped is seen in bytes_used().
  int64_t add_big(const std::string& id, const std::vector<std::string>& sinks = {"s"},
                  int64_t time_us = 1000) {
    NewEvent e = event(id, 1, time_us);
    e.body = std::string(100'000, 'x');
    return add(e, sinks);
  }
  // Over the bound by a byte: one event has to go.
  Forgotten shrink_by_one(int64_t keep_us = INT64_MAX) {
    return journal_->shrink(journal_->bytes_used() - 1, keep_us, 100);
  }
};

TEST_F(Bound, DeliveredEventsGoFirstThenDeadLettersThenTheQueue) {
  int64_t waiting = add_big("waiting", {"s", "t"});
  int64_t dead = add_big("dead");
  int64_t delivered = add_big("delivered");
  journal_->settle("s", delivered);
  journal_->bury("s", dead, "no", 1);
  Forgotten got = shrink_by_one();
  EXPECT_EQ((std::array{got.rows, got.letters, got.undelivered}),
            (std::array<int64_t, 3>{1, 0, 0}));
  EXPECT_FALSE(journal_->has_event("delivered"));
  got = shrink_by_one();
  EXPECT_EQ((std::array{got.rows, got.letters, got.undelivered}),
            (std::array<int64_t, 3>{1, 1, 0}));
  EXPECT_FALSE(journal_->has_event("dead"));
  EXPECT_EQ(queued("s"), Seqs{waiting});
  got = shrink_by_one();
  EXPECT_EQ((std::array{got.rows, got.letters, got.undelivered}),
            (std::array<int64_t, 3>{1, 0, 2}));
  EXPECT_EQ(queued("s"), Seqs{});
  EXPECT_EQ(shrink_by_one().rows, 0);
}

TEST_F(Bound, NothingYoungerThanKeepIsTaken) {
  int64_t delivered = add_big("delivered", {"s"}, 9000);
  int64_t dead = add_big("dead", {"s"}, 9000);
  int64_t young = add_big("young", {"s"}, 9000);
  add_big("old", {"s"}, 1000);
  journal_->settle("s", delivered);
  journal_->bury("s", dead, "no", 1);
  Forgotten got = journal_->shrink(0, 5000, 100);
  EXPECT_EQ((std::array{got.rows, got.letters, got.undelivered}),
            (std::array<int64_t, 3>{1, 0, 1}));
  EXPECT_FALSE(journal_->has_event("old"));
  EXPECT_TRUE(journal_->has_event("delivered"));
  EXPECT_EQ(journal_->dead_length("s"), 1);
  EXPECT_EQ(queued("s"), Seqs{young});
}

TEST_F(Bound, NoMoreIsLostThanItAsksFor) {
  for (const char* id : {"a", "b", "c"}) add_big(id);
  EXPECT_EQ(shrink_by_one().undelivered, 1);
  EXPECT_EQ(journal_->queue_length("s"), 2);
}

// A few delivered ones a minute must not keep it from the rest.
TEST_F(Bound, GoesOnWhereDeliveredOnesAreTooFew) {
  int64_t delivered = add(event("small"));
  journal_->settle("s", delivered);
  add_big("a");
  Forgotten got = journal_->shrink(journal_->bytes_used() - 50'000, INT64_MAX, 100);
  EXPECT_EQ(got.rows, 2);
  EXPECT_EQ(got.undelivered, 1);
}

TEST_F(Journals, RunsSurviveAndKeepTheirState) {
  journal::Run run;
  run.job_id = 7;
  run.start = 100;
  run.restart = 2;
  run.user = "alice";
  run.selection = "s:end";
  run.job = "{}";
  journal_->add_run(&run);
  EXPECT_GT(run.row, 0);
  run.state = RunState::lost;
  journal_->save_run(run);
  auto found = journal_->run_at(7, 100, 2);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->state, RunState::lost);
  EXPECT_EQ(found->restart, 2);
  EXPECT_EQ(found->selection, "s:end");
  EXPECT_FALSE(journal_->run_at(7, 101, 2).has_value());
  EXPECT_TRUE(journal_->open_runs(0, 10).empty());
}

TEST_F(Journals, RunsNewestFirst) {
  for (int64_t start : {100, 300, 200}) {
    journal::Run run;
    run.job_id = 7;
    run.start = start;
    journal_->add_run(&run);
  }
  Seqs starts;
  for (const auto& r : journal_->runs_of(7)) starts.push_back(r.start);
  EXPECT_EQ(starts, (Seqs{300, 200, 100}));
}

TEST_F(Journals, WhatWasNotCommittedIsGone) {
  {
    Transaction t(journal_->db());
    add(event("a"));
  }
  EXPECT_FALSE(journal_->has_event("a"));
  {
    Transaction t(journal_->db());
    add(event("b"));
    t.commit();
  }
  auto other = Journal::open(journal_.path(), Durability::power_safe);
  ASSERT_TRUE(other.has_value());
  EXPECT_TRUE(other->has_event("b"));
}

TEST(JournalFile, WhatIsNoJournalIsRefusedByName) {
  sluice::testing::TempFolder dir;
  dir.put("j", std::string(8192, 'x'));
  auto j = Journal::open(dir / "j", Durability::power_safe);
  ASSERT_FALSE(j.has_value());
  EXPECT_NE(j.error().what.find(dir / "j"), std::string::npos) << j.error().what;
  EXPECT_FALSE(Journal::open(dir / "no/such/j", Durability::power_safe).has_value());
}

TEST(JournalFile, OneOfSchema1LearnsWhichLettersWereRefused) {
  sluice::testing::TempFolder dir;
  int64_t seq = 0;
  {
    auto j = Journal::open(dir / "j", Durability::power_safe);
    ASSERT_TRUE(j.has_value());
    j->add_event(event("a"), {}, &seq);
    j->db().exec(
        "DROP TABLE dead; CREATE TABLE dead(sink TEXT NOT NULL, seq INTEGER NOT NULL, "
        "reason TEXT NOT NULL, attempts INTEGER NOT NULL, time_us INTEGER NOT NULL, "
        "PRIMARY KEY(sink, seq)) WITHOUT ROWID; CREATE INDEX dead_seq ON dead(seq); "
        "INSERT INTO dead VALUES('given_up', 1, 'refused: by them', 3, 5), "
        "('refused', 1, 'refused: no sink is named refused', 0, 5); PRAGMA user_version = 1");
  }
  for (int i = 0; i < 2; ++i) {  // the step is made once
    auto j = Journal::open(dir / "j", Durability::power_safe);
    ASSERT_TRUE(j.has_value()) << j.error().what;
    auto letters = j->dead("", 10);
    ASSERT_EQ(letters.size(), 2U);
    EXPECT_FALSE(letters[0].refused);
    EXPECT_TRUE(letters[1].refused);
    EXPECT_EQ(letters[1].time_us, 5);
  }
}

TEST(JournalFile, OneOfANewerSluicedIsRefused) {
  sluice::testing::TempFolder dir;
  {
    auto j = Journal::open(dir / "j", Durability::power_safe);
    ASSERT_TRUE(j.has_value());
    j->db().exec("PRAGMA user_version = 99");
  }
  auto j = Journal::open(dir / "j", Durability::power_safe);
  ASSERT_FALSE(j.has_value());
  EXPECT_NE(j.error().what.find("newer"), std::string::npos) << j.error().what;
}

}  // namespace
}  // namespace sluice::journal
