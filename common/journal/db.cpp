#include "common/journal/db.h"

#include <sqlite3.h>

namespace sluice::journal {
namespace {

std::mutex writers;

[[noreturn]] void raise(sqlite3* db, const char* doing) {
  std::string what = std::string("journal: ") + doing + ": " + sqlite3_errmsg(db);
  // "disk I/O error" alone tells nobody what to do; the system's error does.
  if (int err = sqlite3_system_errno(db); err != 0) what += std::string(" (") + strerror(err) + ")";
  throw DbError{std::move(what)};
}

}  // namespace

Query::~Query() {
  sqlite3_reset(stmt_);
  sqlite3_clear_bindings(stmt_);
}

Query& Query::bind(int64_t v) {
  sqlite3_bind_int64(stmt_, next_++, v);
  return *this;
}

Query& Query::bind(std::string_view text) {
  const char* at = text.data() != nullptr ? text.data() : "";  // a null pointer would bind NULL
  sqlite3_bind_text(stmt_, next_++, at, static_cast<int>(text.size()), SQLITE_STATIC);
  return *this;
}

bool Query::row() {
  int rc = sqlite3_step(stmt_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  raise(sqlite3_db_handle(stmt_), sqlite3_sql(stmt_));
}

int64_t Query::integer(int c) const {
  return sqlite3_column_int64(stmt_, c);
}
std::string_view Query::view(int c) const {
  auto* p = reinterpret_cast<const char*>(sqlite3_column_text(stmt_, c));
  return p == nullptr ? std::string_view() : std::string_view(p, bytes(c));
}
std::string Query::text(int c) const {
  return std::string(view(c));
}
size_t Query::bytes(int c) const {
  return static_cast<size_t>(sqlite3_column_bytes(stmt_, c));
}

Result<Db> Db::open(const std::string& path, Durability durability) {
  sqlite3* raw = nullptr;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  int rc = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Db db(raw);
  if (rc != SQLITE_OK)
    return fail("journal: cannot open " + path + ": " +
                (raw == nullptr ? "out of memory" : sqlite3_errmsg(raw)));
  sqlite3_busy_timeout(raw, 10'000);  // another process: sqlite3's shell, a second daemon
  try {
    db.exec("PRAGMA journal_mode = WAL");
    db.exec(durability == Durability::power_safe ? "PRAGMA synchronous = FULL"
                                                 : "PRAGMA synchronous = NORMAL");
    db.exec("PRAGMA cache_size = -4096");  // KiB a connection
    db.exec("PRAGMA journal_size_limit = 67108864");
  } catch (const DbError& e) {
    return fail(path + ": " + e.what);
  }
  return db;
}

Db::Db(Db&& o) noexcept
    : db_(std::exchange(o.db_, nullptr)), statements_(std::move(o.statements_)) {}

Db::~Db() {
  for (auto& [sql, stmt] : statements_) sqlite3_finalize(stmt);
  sqlite3_close(db_);
}

Query Db::query(const char* sql) {
  sqlite3_stmt*& stmt = statements_[sql];
  if (stmt == nullptr &&
      sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, nullptr) != SQLITE_OK)
    raise(db_, sql);
  return Query(stmt);
}

void Db::exec(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) raise(db_, sql);
}

int64_t Db::last_insert() const {
  return sqlite3_last_insert_rowid(db_);
}
int Db::changes() const {
  return sqlite3_changes(db_);
}

Transaction::Transaction(Db& db) : turn_(writers), db_(db) {
  db_.exec("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    db_.exec("ROLLBACK");
  } catch (const DbError&) {  // NOLINT(bugprone-empty-catch)
    // SQLite rolls back by itself after most I/O errors; there is nothing left to undo then.
  }
}

void Transaction::commit() {
  db_.exec("COMMIT");
  open_ = false;
}

}  // namespace sluice::journal
