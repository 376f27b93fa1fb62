// What becomes of an event for each verdict of its sink, with time moved by hand.
#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "ctld/sluiced/delivery.h"
#include "tests/unit/temp_journal.h"

namespace sluice::daemon {
namespace {

// Answers with whatever `judge` says of an event: at once, or, where `late`, by answer().
class Scripted : public Sink {
 public:
  SinkLimits limits() const override { return {1, 0, 1}; }
  void send(std::span<const StoredEvent> batch, Delivered done) override {
    if (late) {
      sent.push_back(batch.front().id);
      open.push_back(std::move(done));
      return;
    }
    std::vector<Outcome> out;
    for (const auto& e : batch) {
      sent.push_back(e.id);
      out.push_back(judge(e));
    }
    done(std::move(out));
  }
  void check(Checked done) override { done(check_says); }

  std::function<Outcome(const StoredEvent&)> judge = [](const StoredEvent&) { return Outcome{}; };
  void answer(size_t which, Outcome outcome) { std::exchange(open[which], {})({outcome}); }

  std::vector<std::string> sent;
  std::string check_says;
  bool late = false;
  std::vector<Delivered> open;
};

class Deliveries : public ::testing::Test {
 protected:
  void SetUp() override {
    auto sink = std::make_unique<Scripted>();
    sink_ = sink.get();
    config_.name = "s";
    config_.give_up_hours = 1;
    delivery_ = std::make_unique<Delivery>(config_, std::move(sink));
  }
  void add(const std::string& id, const std::string& job = "1", size_t bytes = 2) {
    journal::NewEvent e;
    e.id = id;
    e.type = "slurm.job.end";
    e.lane = job;
    e.time_us = clock::wall_us();
    e.body.assign(bytes, ' ');
    int64_t seq = 0;
    ASSERT_TRUE(journal_->add_event(e, {"s"}, &seq));
    delivery_->more_rows();
  }
  // Everything that can be done now is done and written.
  void turn() {
    for (int i = 0; i < 20; ++i) {
      delivery_->refill(*journal_);
      delivery_->pump();
    }
    journal::Transaction t(journal_->db());
    delivery_->write(*journal_);
    t.commit();
    delivery_->written();
  }
  void later(int64_t ms) {
    clock::advance_for_tests(ms);
    turn();
  }
  size_t count(const std::string& id) const {
    return static_cast<size_t>(std::ranges::count(sink_->sent, id));
  }
  void fail(const std::string& id, Verdict verdict, int64_t retry_after_ms = -1) {
    sink_->judge = [=](const StoredEvent& e) {
      return e.id == id || id == "*" ? Outcome{verdict, "scripted", retry_after_ms} : Outcome{};
    };
  }

  sluice::testing::TempJournal journal_;
  config::SinkConfig config_;
  std::unique_ptr<Delivery> delivery_;
  Scripted* sink_ = nullptr;
};

using Ids = std::vector<std::string>;

TEST_F(Deliveries, TakenLeavesTheQueueInOrder) {
  for (const char* id : {"a", "b", "c"}) add(id);
  turn();
  EXPECT_EQ(sink_->sent, (Ids{"a", "b", "c"}));
  EXPECT_EQ(journal_->queue_length("s"), 0);
  EXPECT_EQ(delivery_->stats().delivered, 3);
}

TEST_F(Deliveries, RefusedIsADeadLetterAndTheNextGoes) {
  fail("a", Verdict::refused);
  add("a");
  add("b");
  turn();
  EXPECT_EQ(sink_->sent, (Ids{"a", "b"}));
  auto letters = journal_->dead("s", 10);
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].id, "a");
  EXPECT_EQ(letters[0].reason, "scripted");
  EXPECT_EQ(letters[0].attempts, 1);
}

TEST_F(Deliveries, RetriedWaitsAndItsJobWithIt) {
  fail("a", Verdict::retry);
  add("a", "1");
  add("b", "1");
  add("c", "2");
  turn();
  EXPECT_EQ(sink_->sent, (Ids{"a", "c"}));
  fail("none", Verdict::taken);
  later(1000);
  EXPECT_EQ(sink_->sent, (Ids{"a", "c", "a", "b"}));
}

TEST_F(Deliveries, ThrottledCountsAgainstNobody) {
  fail("slow", Verdict::retry);
  add("slow", "1");
  for (int i = 0; i < 20; ++i) {
    later(61'000);
    add("good" + std::to_string(i), "2");
    later(1);
  }
  EXPECT_EQ(journal_->dead_length("s"), 0);
  EXPECT_EQ(journal_->queue_length("s"), 1);
}

TEST_F(Deliveries, OutageBacksOffAndLosesNothing) {
  fail("*", Verdict::sink_down);
  for (const char* job : {"1", "2", "3", "4"}) add(std::string("j") + job, job);
  turn();
  EXPECT_LE(sink_->sent.size(), 2U);  // the first, and one more to see whether it was that event
  EXPECT_FALSE(delivery_->stats().up);
  size_t before = sink_->sent.size();
  turn();
  EXPECT_EQ(sink_->sent.size(), before);
  for (int i = 0; i < 6; ++i) later(120'000);
  EXPECT_EQ(journal_->queue_length("s"), 4);
  fail("none", Verdict::taken);
  for (int i = 0; i < 3; ++i) later(120'000);
  EXPECT_EQ(journal_->queue_length("s"), 0);
  EXPECT_TRUE(delivery_->stats().up);
}

TEST_F(Deliveries, OneEventThatAlwaysFailsIsNoOutage) {
  fail("bad", Verdict::sink_down);
  add("bad", "1");
  turn();
  EXPECT_EQ(count("bad"), 1U);
  for (int i = 0; i < 30 && journal_->dead_length("s") == 0; ++i) {
    std::string id = "good" + std::to_string(i);
    add(id, id);
    later(1);  // at once, whatever the bad one's backoff is
    EXPECT_EQ(count(id), 1U) << id;
    later(61'000);
  }
  EXPECT_EQ(journal_->dead_length("s"), 1);
  EXPECT_EQ(journal_->queue_length("s"), 0);
}

// What the receiver cannot digest fills no window: not few large ones, not many small ones.
TEST_F(Deliveries, ManyEventsThatAlwaysFailHoldUpNobody) {
  auto is_bad = [](const StoredEvent& e) { return e.id.starts_with("bad"); };
  sink_->judge = [&](const StoredEvent& e) {
    return is_bad(e) ? Outcome{Verdict::sink_down, "scripted", -1} : Outcome{};
  };
  {
    journal::Transaction t(journal_->db());
    for (int i = 0; i < 40; ++i)
      add("bad-large" + std::to_string(i), std::to_string(i % 2), 200'000);
    for (int i = 0; i < 1500; ++i) add("bad" + std::to_string(i), "b" + std::to_string(i));
    for (int i = 0; i < 50; ++i) add("good" + std::to_string(i), "g" + std::to_string(i));
    t.commit();
  }
  size_t good = 0;
  for (int minute = 0; minute < 20 && good < 50; ++minute) {
    for (int i = 0; i < 60; ++i) later(1000);
    good = static_cast<size_t>(std::ranges::count_if(
        sink_->sent, [](const std::string& id) { return id.starts_with("good"); }));
  }
  EXPECT_EQ(good, 50U);
}

TEST_F(Deliveries, RetryAfterOutlastsTheSuccessOfAnEarlierCall) {
  sink_->late = true;
  for (const char* job : {"1", "2", "3", "4"}) add(job, job);
  turn();
  ASSERT_EQ(sink_->open.size(), 2U);
  later(10);
  sink_->answer(1, {Verdict::sink_down, "429", 60'000});
  later(10);
  sink_->answer(0, {});
  later(59'000);
  EXPECT_EQ(sink_->open.size(), 2U);
  EXPECT_FALSE(delivery_->stats().up);
  later(1'000);
  ASSERT_EQ(sink_->open.size(), 3U);
  sink_->answer(2, {});
  turn();
  EXPECT_TRUE(delivery_->stats().up);
  EXPECT_GT(sink_->open.size(), 3U);
}

TEST_F(Deliveries, ACheckThatFailsLateSaysNothingOfASinkThatTakes) {
  sink_->check_says = "no OPTIONS here";
  delivery_->check();
  EXPECT_FALSE(delivery_->stats().up);
  add("a");
  turn();
  EXPECT_TRUE(delivery_->stats().up);
  delivery_->check();
  EXPECT_TRUE(delivery_->stats().up);
}

TEST_F(Deliveries, RetryAfterIsNeverCutShortByRounding) {
  fail("*", Verdict::sink_down, 1000);
  add("a");
  for (int i = 0; i < 5; ++i) {  // whatever part of a millisecond it is now
    int64_t asked_us = clock::mono_us();
    turn();
    ASSERT_EQ(sink_->sent.size(), size_t(i + 1));
    EXPECT_GE(delivery_->next_try_ms() * 1000, asked_us + 1'000'000);
    clock::advance_for_tests(3000);
  }
}

TEST_F(Deliveries, RetryAfterIsHonouredForTheWholeSink) {
  fail("*", Verdict::sink_down, 30'000);
  add("a", "1");
  turn();
  add("b", "2");
  later(29'000);
  EXPECT_EQ(sink_->sent, Ids{"a"});
  fail("none", Verdict::taken);
  later(2'000);
  EXPECT_EQ(count("b"), 1U);
  later(60'000);
  EXPECT_EQ(count("a"), 2U);
}

TEST_F(Deliveries, GoneTakesNothingMore) {
  fail("*", Verdict::sink_gone);
  add("a", "1");
  add("b", "2");
  turn();
  for (int i = 0; i < 3; ++i) later(3'600'000);
  EXPECT_EQ(sink_->sent, Ids{"a"});
  EXPECT_EQ(journal_->queue_length("s"), 2);
  EXPECT_TRUE(delivery_->stats().disabled);
  EXPECT_EQ(delivery_->next_try_ms(), INT64_MAX);
}

TEST_F(Deliveries, GivenUpAfterGiveUpHours) {
  fail("*", Verdict::sink_down);
  add("a");
  turn();
  later(3'500'000);
  EXPECT_EQ(journal_->dead_length("s"), 0);
  later(200'000);
  auto letters = journal_->dead("s", 10);
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].reason, "gave up after 1 h: scripted");
}

TEST_F(Deliveries, DeadOnesComeBackByRescan) {
  fail("a", Verdict::refused);
  add("a", "1");
  add("b", "2");
  turn();
  fail("none", Verdict::taken);
  journal_->retry_dead("s", 0);
  delivery_->rescan();
  turn();
  EXPECT_EQ(count("a"), 2U);
  EXPECT_EQ(count("b"), 1U);
}

TEST_F(Deliveries, SinkThatSaysNothingOfAnEventIsAskedAgain) {
  class Mute : public Scripted {
    void send(std::span<const StoredEvent>, Delivered done) override {
      ++calls;
      done({});
    }

   public:
    int calls = 0;
  };
  auto mute = std::make_unique<Mute>();
  Mute* raw = mute.get();
  delivery_ = std::make_unique<Delivery>(config_, std::move(mute));
  add("a");
  turn();
  EXPECT_EQ(raw->calls, 1);
  EXPECT_EQ(journal_->queue_length("s"), 1);
  later(60'000);
  EXPECT_EQ(raw->calls, 2);
}

}  // namespace
}  // namespace sluice::daemon
