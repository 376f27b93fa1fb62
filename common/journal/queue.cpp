// The queue and the dead letters: what still has to reach which sink.
#include "common/base/clock.h"
#include "common/journal/journal.h"

namespace sluice::journal {

std::vector<Queued> Journal::queued(const std::string& sink, int64_t after_seq, size_t limit,
                                    size_t max_bytes) {
  auto q = db_.query(
      "SELECT e.seq, e.id, e.type, e.subject, e.lane, e.time_us, e.body, q.attempts, q.next_us "
      "FROM queue q JOIN events e ON e.seq = q.seq WHERE q.sink = ? AND q.seq > ? "
      "ORDER BY q.seq LIMIT ?");
  q.bind(sink).bind(after_seq).bind(static_cast<int64_t>(limit));
  std::vector<Queued> out;
  size_t bytes = 0;
  while (q.row()) {
    bytes += q.bytes(6);
    if (!out.empty() && bytes > max_bytes) break;
    out.push_back({{q.integer(0), q.text(1), q.text(2), q.text(3), q.text(4), q.integer(5),
                    q.text(6)},
                   q.integer(7),
                   q.integer(8)});
  }
  return out;
}

void Journal::settle(const std::string& sink, int64_t seq) {
  db_.query("DELETE FROM queue WHERE sink = ? AND seq = ?").bind(sink).bind(seq).run();
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
  add_dead(sink, seq, reason, attempts);
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
      "SELECT d.seq, d.sink, e.id, e.type, e.subject, d.reason, d.attempts, d.time_us "
      "FROM dead d JOIN events e ON e.seq = d.seq WHERE (? = '' OR d.sink = ?) "
      "ORDER BY d.seq LIMIT ?");
  q.bind(sink).bind(sink).bind(static_cast<int64_t>(limit));
  std::vector<DeadLetter> out;
  while (q.row())
    out.push_back({q.integer(0), q.text(1), q.text(2), q.text(3), q.text(4), q.text(5),
                   q.integer(6), q.integer(7)});
  return out;
}

int64_t Journal::dead_length(const std::string& sink) {
  auto q = db_.query("SELECT count(*) FROM dead WHERE sink = ?");
  q.bind(sink).row();
  return q.integer(0);
}

int64_t Journal::retry_dead(const std::string& sink, int64_t seq) {
  db_.query(
         "INSERT OR IGNORE INTO queue(sink, seq) SELECT sink, seq FROM dead "
         "WHERE (? = '' OR sink = ?) AND (? = 0 OR seq = ?)")
      .bind(sink)
      .bind(sink)
      .bind(seq)
      .bind(seq)
      .run();
  return drop_dead(sink, seq);
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

int64_t Journal::prune(int64_t before_us, size_t limit) {
  db_.query("DELETE FROM runs WHERE row IN (SELECT row FROM runs WHERE state <> 0 "
            "AND seen_us < ? LIMIT ?)")
      .bind(before_us)
      .bind(static_cast<int64_t>(limit))
      .run();
  db_.query(
         "DELETE FROM events WHERE seq IN (SELECT seq FROM events e WHERE time_us < ? "
         "AND NOT EXISTS(SELECT 1 FROM queue q WHERE q.seq = e.seq) "
         "AND NOT EXISTS(SELECT 1 FROM dead d WHERE d.seq = e.seq) ORDER BY time_us LIMIT ?)")
      .bind(before_us)
      .bind(static_cast<int64_t>(limit))
      .run();
  return db_.changes();
}

int64_t Journal::shrink(size_t limit, int64_t* lost) {
  *lost = 0;
  if (int64_t gone = prune(INT64_MAX, limit); gone > 0) return gone;
  auto n = static_cast<int64_t>(limit);
  db_.query("DELETE FROM dead WHERE seq IN (SELECT seq FROM events ORDER BY seq LIMIT ?)")
      .bind(n)
      .run();
  db_.query("DELETE FROM queue WHERE seq IN (SELECT seq FROM events ORDER BY seq LIMIT ?)")
      .bind(n)
      .run();
  db_.query("DELETE FROM events WHERE seq IN (SELECT seq FROM events ORDER BY seq LIMIT ?)")
      .bind(n)
      .run();
  *lost = db_.changes();
  return *lost;
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
