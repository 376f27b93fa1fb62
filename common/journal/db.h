// SQLite with owners: a connection, its prepared statements, a transaction. One connection belongs
// to one thread. Writers of this process take turns on a mutex of their own instead of SQLite's
// polling, so that nobody sleeps while the lock is free.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "common/base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice::journal {

// Thrown inside common/journal and by its callers' transactions only; caught at the thread's loop,
// which rolls back and tries again later. A disk that is full or gone is no bug, but it can strike
// at any statement.
struct DbError {
  std::string what;
};

enum class Durability {
  power_safe,  // a commit survives a power failure: imports
  crash_safe,  // survives kill -9, may be undone by a power failure: acknowledgements (a repeat)
};

// A prepared statement being used: bind in order, then step through the rows.
class Query {
 public:
  explicit Query(sqlite3_stmt* stmt) : stmt_(stmt) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  Query& bind(int64_t v);
  Query& bind(int v) { return bind(int64_t{v}); }
  Query& bind(std::string_view text);  // must outlive the query
  bool row();                          // true while there is a row
  void run() {
    while (row()) {
    }
  }

  int64_t integer(int column) const;
  std::string text(int column) const;
  std::string_view view(int column) const;  // until the next row()
  size_t bytes(int column) const;

 private:
  sqlite3_stmt* stmt_;
  int next_ = 1;
};

class Db {
 public:
  static Result<Db> open(const std::string& path, Durability durability);
  Db(Db&& o) noexcept;
  Db& operator=(Db&&) = delete;
  ~Db();

  // `sql` must be a literal: its address names the cached statement.
  Query query(const char* sql);
  void exec(const char* sql);
  int64_t last_insert() const;
  int changes() const;

 private:
  explicit Db(sqlite3* db) : db_(db) {}
  sqlite3* db_ = nullptr;
  std::map<const char*, sqlite3_stmt*> statements_;
};

// BEGIN IMMEDIATE … COMMIT; rolls back unless commit() was reached.
class Transaction {
 public:
  explicit Transaction(Db& db);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  std::unique_lock<std::mutex> turn_;
  Db& db_;
  bool open_ = true;
};

}  // namespace sluice::journal
