#include "common/journal/journal.h"

#include <algorithm>

#include "common/base/clock.h"
#include "common/journal/schema.h"

namespace sluice::journal {
namespace {

// Macros, because a statement's text is a literal. bind_filter() binds what PASSES_FILTER needs.
#define PASSES_FILTER                                                        \
  "seq > ? AND time_us >= ? AND (? = 0 OR time_us < ?) "                     \
  "AND (? = 0 OR job_id = ?) "                                               \
  "AND (? = '' OR substr(type, 1, length(?)) = ?) AND (? = '' OR user = ?) " \
  "AND (? < 0 OR uid = ?) "
// One for each index: SQLite cannot choose one by the values bound. bind_index() comes first.
#define BY_INDEX(f, columns, tail)                                                             \
  ((f).job_id != 0 ? "SELECT " columns " FROM events WHERE job_id = ? AND " PASSES_FILTER tail \
   : (f).uid >= 0  ? "SELECT " columns " FROM events WHERE uid = ? AND " PASSES_FILTER tail    \
                   : "SELECT " columns " FROM events WHERE ? = 0 AND " PASSES_FILTER tail)

void bind_index(Query& q, const EventFilter& f) {
  q.bind(f.job_id != 0 ? int64_t{f.job_id} : std::max<int64_t>(f.uid, 0));
}

void bind_filter(Query& q, const EventFilter& f) {
  q.bind(f.after_seq).bind(f.since_us).bind(f.before_us).bind(f.before_us);
  q.bind(int64_t{f.job_id}).bind(int64_t{f.job_id});
  q.bind(f.type).bind(f.type).bind(f.type);
  q.bind(f.user).bind(f.user);
  q.bind(f.uid).bind(f.uid);
}

}  // namespace

Result<Journal> Journal::open(const std::string& path, Durability durability) {
  auto db = Db::open(path, durability);
  if (!db) return std::unexpected(db.error());
  Journal journal(std::move(*db));
  int64_t found = 0;
  try {
    auto version = journal.db_.query("PRAGMA user_version");
    version.row();
    found = version.integer(0);
    if (found > kSchemaVersion)
      return fail("journal: " + path + " has schema " + std::to_string(found) +
                  ", written by a newer sluiced; this one knows " + std::to_string(kSchemaVersion));
    if (found == kSchemaVersion) return journal;
  } catch (const DbError& e) {
    return fail(path + ": " + e.what);
  }
  try {
    Transaction t(journal.db_);
    journal.db_.exec(kSchema);
    if (found == 1) journal.db_.exec(kToSchema2);
    journal.db_.exec(("PRAGMA user_version = " + std::to_string(kSchemaVersion)).c_str());
    t.commit();
  } catch (const DbError& e) {
    return fail(path + ": " + e.what);
  }
  return journal;
}

bool Journal::add_event(const NewEvent& e, const std::vector<std::string>& sinks, int64_t* seq) {
  db_.query(
         "INSERT OR IGNORE INTO events(id, type, subject, lane, time_us, user, uid, job_id, body) "
         "VALUES(?,?,?,?,?,?,?,?,?)")
      .bind(e.id)
      .bind(e.type)
      .bind(e.subject)
      .bind(e.lane)
      .bind(e.time_us)
      .bind(e.user)
      .bind(int64_t{e.uid})
      .bind(int64_t{e.job_id})
      .bind(e.body)
      .run();
  if (db_.changes() == 0) return false;
  *seq = db_.last_insert();
  for (const auto& sink : sinks) queue_event(sink, *seq);
  return true;
}

void Journal::queue_event(const std::string& sink, int64_t seq) {
  db_.query("INSERT OR IGNORE INTO queue(sink, seq, since_us) VALUES(?,?,?)")
      .bind(sink)
      .bind(seq)
      .bind(clock::wall_us())
      .run();
}

bool Journal::has_event(const std::string& id) {
  auto q = db_.query("SELECT 1 FROM events WHERE id = ?");
  return q.bind(id).row();
}

std::vector<TailEvent> Journal::events(const EventFilter& f) {
  auto q = db_.query(
      BY_INDEX(f, "seq, id, type, subject, lane, time_us, body, user", "ORDER BY seq LIMIT ?"));
  bind_index(q, f);
  bind_filter(q, f);
  q.bind(static_cast<int64_t>(f.limit));
  std::vector<TailEvent> out;
  while (q.row())
    out.push_back(
        {{q.integer(0), q.text(1), q.text(2), q.text(3), q.text(4), q.integer(5), q.text(6)},
         q.text(7)});
  return out;
}

int64_t Journal::before_last(const EventFilter& f, int64_t n) {
  auto q = db_.query(BY_INDEX(f, "seq", "ORDER BY seq DESC LIMIT 1 OFFSET ?"));
  bind_index(q, f);
  bind_filter(q, f);
  q.bind(n);
  return q.row() ? q.integer(0) : f.after_seq;
}

int64_t Journal::last_seq() {
  auto q = db_.query("SELECT coalesce(max(seq), 0) FROM events");
  q.row();
  return q.integer(0);
}

int64_t Journal::replay(const std::string& sink, const EventFilter& f) {
  // What waits for the sink already, or lies dead there, is not queued a second time.
  auto q = db_.query(
      "INSERT OR IGNORE INTO queue(sink, seq, since_us) SELECT ?, seq, ? FROM events "
      "WHERE " PASSES_FILTER
      "AND NOT EXISTS(SELECT 1 FROM dead WHERE dead.sink = ? AND dead.seq = events.seq)");
  q.bind(sink).bind(clock::wall_us());
  bind_filter(q, f);
  q.bind(sink).run();
  return db_.changes();
}

void Journal::note_imported(const std::string& file) {
  db_.query("INSERT OR IGNORE INTO imported(id) VALUES(?)").bind(file).run();
}

void Journal::forget_imported(const std::string& file) {
  db_.query("DELETE FROM imported WHERE id = ?").bind(file).run();
}

std::vector<std::string> Journal::imported() {
  auto q = db_.query("SELECT id FROM imported");
  std::vector<std::string> out;
  while (q.row()) out.push_back(q.text(0));
  return out;
}

std::string Journal::meta(const std::string& key) {
  auto q = db_.query("SELECT value FROM meta WHERE key = ?");
  return q.bind(key).row() ? q.text(0) : std::string();
}

void Journal::set_meta(const std::string& key, const std::string& value) {
  db_.query("INSERT OR REPLACE INTO meta(key, value) VALUES(?,?)").bind(key).bind(value).run();
}

}  // namespace sluice::journal
