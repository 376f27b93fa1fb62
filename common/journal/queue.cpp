// The queue and the dead letters: what still has to reach which sink.
#include "common/base/clock.h"
#include "common/journal/journal.h"

namespace sluice::journal {

std::vector<Queued> Journal::queued(const std::string& sink, int64_t after_seq, size_t limit,
                                    size_t max_bytes) {
  auto q = db_.query(
      "SELECT e.seq, e.id, e.type, e.subject, e.lane, e.time_us, e.body, q.attempts, q.next_us, "
      "q.since_us "
      "FROM queue q JOIN events e ON e.seq = q.seq WHERE q.sink = ? AND q.seq > ? "
      "ORDER BY q.seq LIMIT ?");
  q.bind(sink).bind(after_seq).bind(static_cast<int64_t>(limit));
  std::vector<Queued> out;
  size_t bytes = 0;
  while (q.row()) {
    bytes += q.bytes(6);
    if (!out.empty() && bytes > max_bytes) break;
    out.push_back(
        {{q.integer(0), q.text(1), q.text(2), q.text(3), q.text(4), q.integer(5), q.text(6)},
         q.integer(7),
         q.integer(8),
         q.integer(9)});
  }
  return out;
}

void Journal::settle(const std::string& sink, int64_t seq) {
  db_.query("DELETE FROM queue WHERE sink = ? AND seq = ?").bind(sink).bind(seq).run();
}

void Journal::settle(const std::string& sink, int64_t first, int64_t last) {
  db_.query("DELETE FROM queue WHERE sink = ? AND seq BETWEEN ? AND ?")
      .bind(sink)
      .bind(first)
      .bind(last)
      .run();
}

void Journal::postpone(const std::string& sink, int64_t seq, int64_t attempts, int64_t next_us,
                       const std::string& reason) {
  db_.query("UPDATE queue SET attempts = ?, next_us = ?, reason = ? WHERE sink = ? AND seq = ?")
      .bind(attempts)
      .bind(next_us)
      .bind(reason)
      .bind(sink)
      .bind(seq)
      .run();
}

void Journal::bury(const std::string& sink, int64_t seq, const std::string& reason,
                   int64_t attempts) {
  settle(sink, seq);
  // Not one whose event the journal's bound has taken meanwhile: nobody could retry it.
  if (!has_seq(seq)) return;
  add_dead(sink, seq, reason, attempts, false);
}

void Journal::refuse(const std::string& sink, int64_t seq, const std::string& reason) {
  add_dead(sink, seq, "refused: " + reason, 0, true);
}

void Journal::add_dead(const std::string& sink, int64_t seq, const std::string& reason,
                       int64_t attempts, bool refused) {
  db_.query(
         "INSERT OR REPLACE INTO dead(sink, seq, reason, attempts, time_us, refused) "
         "VALUES(?,?,?,?,?,?)")
      .bind(sink)
      .bind(seq)
      .bind(reason)
      .bind(attempts)
      .bind(clock::wall_us())
      .bind(refused ? 1 : 0)
      .run();
}

int64_t Journal::queue_length(const std::string& sink) {
  auto q = db_.query("SELECT count(*) FROM queue WHERE sink = ?");
  q.bind(sink).row();
  return q.integer(0);
}

int64_t Journal::oldest_queued_us(const std::string& sink) {
  auto q = db_.query(
      "SELECT e.time_us FROM queue q JOIN events e ON e.seq = q.seq WHERE q.sink = ? "
      "ORDER BY q.seq LIMIT 1");
  return q.bind(sink).row() ? q.integer(0) : 0;
}

std::vector<std::string> Journal::queue_sinks() {
  std::vector<std::string> out;
  auto q = db_.query("SELECT DISTINCT sink FROM queue");
  while (q.row()) out.push_back(q.text(0));
  return out;
}

std::vector<DeadLetter> Journal::dead(const std::string& sink, size_t limit) {
  auto q = db_.query(
      "SELECT d.seq, d.sink, e.id, e.type, e.subject, d.reason, d.attempts, d.time_us, "
      "d.refused "
      "FROM dead d JOIN events e ON e.seq = d.seq WHERE (? = '' OR d.sink = ?) "
      "ORDER BY d.seq LIMIT ?");
  q.bind(sink).bind(sink).bind(static_cast<int64_t>(limit));
  std::vector<DeadLetter> out;
  while (q.row())
    out.push_back({q.integer(0), q.text(1), q.text(2), q.text(3), q.text(4), q.text(5),
                   q.integer(6), q.integer(7), q.integer(8) != 0});
  return out;
}

int64_t Journal::dead_length(const std::string& sink, int64_t seq) {
  auto q = db_.query("SELECT count(*) FROM dead WHERE sink = ? AND (? = 0 OR seq = ?)");
  q.bind(sink).bind(seq).bind(seq).row();
  return q.integer(0);
}

std::vector<std::string> Journal::dead_sinks() {
  std::vector<std::string> out;
  auto q = db_.query("SELECT DISTINCT sink FROM dead");
  while (q.row()) out.push_back(q.text(0));
  return out;
}

// No event has the number 0: with that, refused letters match neither statement.
int64_t Journal::retry_dead(const std::string& sink, int64_t seq) {
  db_.query(
         "INSERT OR IGNORE INTO queue(sink, seq, since_us) SELECT sink, seq, ? FROM dead "
         "WHERE sink = ? AND (? = 0 OR seq = ?) AND (refused = 0 OR seq = ?)")
      .bind(clock::wall_us())
      .bind(sink)
      .bind(seq)
      .bind(seq)
      .bind(seq)
      .run();
  db_.query("DELETE FROM dead WHERE sink = ? AND (? = 0 OR seq = ?) AND (refused = 0 OR seq = ?)")
      .bind(sink)
      .bind(seq)
      .bind(seq)
      .bind(seq)
      .run();
  return db_.changes();
}

int64_t Journal::drop_dead(const std::string& sink, int64_t seq) {
  db_.query("DELETE FROM dead WHERE (? = '' OR sink = ?) AND (? = 0 OR seq = ?)")
      .bind(sink)
      .bind(sink)
      .bind(seq)
      .bind(seq)
      .run();
  return db_.changes();
}

bool Journal::has_seq(int64_t seq) {
  auto q = db_.query("SELECT 1 FROM events WHERE seq = ?");
  return q.bind(seq).row();
}

Forgotten Journal::prune(int64_t before_us, size_t limit) {
  Forgotten out;
  auto n = static_cast<int64_t>(limit);
  db_.query(
         "DELETE FROM dead WHERE (sink, seq) IN (SELECT sink, seq FROM dead WHERE time_us < ? "
         "LIMIT ?)")
      .bind(before_us)
      .bind(n)
      .run();
  out.letters = db_.changes();
  db_.query(
         "DELETE FROM runs WHERE row IN (SELECT row FROM runs WHERE state <> 0 "
         "AND seen_us < ? LIMIT ?)")
      .bind(before_us)
      .bind(n)
      .run();
  out.rows = db_.changes();
  out.rows += drop_delivered(before_us, n);
  return out;
}

int64_t Journal::drop_delivered(int64_t before_us, int64_t limit) {
  db_.query(
         "DELETE FROM events WHERE seq IN (SELECT seq FROM events e WHERE time_us < ? "
         "AND NOT EXISTS(SELECT 1 FROM queue q WHERE q.seq = e.seq) "
         "AND NOT EXISTS(SELECT 1 FROM dead d WHERE d.seq = e.seq) ORDER BY time_us LIMIT ?)")
      .bind(before_us)
      .bind(limit)
      .run();
  return db_.changes();
}

Forgotten Journal::shrink(int64_t max_bytes, int64_t keep_us, size_t limit) {
  Forgotten out;
  auto n = static_cast<int64_t>(limit);
  out.rows = drop_delivered(keep_us, n);
  // No delivered event is left before keep_us now, or the limit is reached.
  drop_oldest(
      "SELECT seq FROM events e WHERE time_us < ? "
      "AND NOT EXISTS(SELECT 1 FROM queue q WHERE q.seq = e.seq) ORDER BY time_us LIMIT ?",
      max_bytes, keep_us, n - out.rows, &out);
  drop_oldest("SELECT seq FROM events WHERE time_us < ? ORDER BY time_us LIMIT ?", max_bytes,
              keep_us, n - out.rows, &out);
  return out;
}

// One by one, so that nothing more is lost than the bound asks for.
void Journal::drop_oldest(const char* which, int64_t max_bytes, int64_t before_us, int64_t limit,
                          Forgotten* out) {
  std::vector<int64_t> seqs;
  {
    auto q = db_.query(which);
    q.bind(before_us).bind(limit);
    while (q.row()) seqs.push_back(q.integer(0));
  }
  for (int64_t seq : seqs) {
    if (bytes_used() <= max_bytes) return;
    db_.query("DELETE FROM queue WHERE seq = ?").bind(seq).run();
    out->undelivered += db_.changes();
    db_.query("DELETE FROM dead WHERE seq = ?").bind(seq).run();
    out->letters += db_.changes();
    db_.query("DELETE FROM events WHERE seq = ?").bind(seq).run();
    ++out->rows;
  }
}

int64_t Journal::bury_orphans(const std::string& sink, int64_t before_us) {
  db_.query(
         "INSERT OR REPLACE INTO dead(sink, seq, reason, attempts, time_us) "
         "SELECT sink, seq, 'the sink is no longer configured', attempts, ? FROM queue "
         "WHERE sink = ? AND since_us < ?")
      .bind(clock::wall_us())
      .bind(sink)
      .bind(before_us)
      .run();
  db_.query("DELETE FROM queue WHERE sink = ? AND since_us < ?").bind(sink).bind(before_us).run();
  return db_.changes();
}

int64_t Journal::bytes_used() {
  auto pages = db_.query("PRAGMA page_count");
  pages.row();
  auto free = db_.query("PRAGMA freelist_count");
  free.row();
  auto size = db_.query("PRAGMA page_size");
  size.row();
  return (pages.integer(0) - free.integer(0)) * size.integer(0);
}

}  // namespace sluice::journal
