// The journal's tables. A change here raises kSchemaVersion and comes with a step in journal.cpp.
#pragma once

namespace sluice::journal {

constexpr int kSchemaVersion = 3;  // 3: imported

constexpr const char* kSchema = R"sql(
CREATE TABLE IF NOT EXISTS runs(
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id INTEGER NOT NULL, start INTEGER NOT NULL, provisional INTEGER NOT NULL,
  submit INTEGER NOT NULL, restart INTEGER NOT NULL, uid INTEGER NOT NULL, het INTEGER NOT NULL,
  state INTEGER NOT NULL, nodes TEXT NOT NULL, user TEXT NOT NULL, account TEXT NOT NULL,
  partition TEXT NOT NULL, name TEXT NOT NULL, selection TEXT NOT NULL,
  job TEXT NOT NULL, env TEXT NOT NULL, seen_us INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS runs_job ON runs(job_id, start);
CREATE INDEX IF NOT EXISTS runs_het ON runs(het) WHERE het <> 0;
CREATE INDEX IF NOT EXISTS runs_open ON runs(row) WHERE state = 0;
CREATE INDEX IF NOT EXISTS runs_closed ON runs(seen_us) WHERE state <> 0;
CREATE TABLE IF NOT EXISTS events(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, subject TEXT NOT NULL, lane TEXT NOT NULL,
  time_us INTEGER NOT NULL, user TEXT NOT NULL, uid INTEGER NOT NULL, job_id INTEGER NOT NULL,
  body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_time ON events(time_us);
CREATE INDEX IF NOT EXISTS events_job ON events(job_id, seq);
CREATE INDEX IF NOT EXISTS events_uid ON events(uid, seq);
CREATE TABLE IF NOT EXISTS queue(
  sink TEXT NOT NULL, seq INTEGER NOT NULL,
  since_us INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_us INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '', PRIMARY KEY(sink, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS queue_seq ON queue(seq);
CREATE TABLE IF NOT EXISTS dead(
  sink TEXT NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL,
  time_us INTEGER NOT NULL, refused INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(sink, seq))
  WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dead_seq ON dead(seq);
CREATE TABLE IF NOT EXISTS imported(id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
)sql";

// From schema 1, where a refusal was known by its words alone. Receivers' refusals look like it at
// most after an attempt.
constexpr const char* kToSchema2 = R"sql(
ALTER TABLE dead ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
UPDATE dead SET refused = 1 WHERE attempts = 0 AND substr(reason, 1, 9) = 'refused: ';
)sql";

}  // namespace sluice::journal
