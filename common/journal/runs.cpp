// Runs: which start of which job.
#include "common/base/clock.h"
#include "common/journal/journal.h"

namespace sluice::journal {
namespace {

#define RUN_COLUMNS                                                                      \
  "row, job_id, start, provisional, submit, restart, uid, state, nodes, user, account, " \
  "partition, name, selection, job, env, seen_us, het"

Run read(const Query& q) {
  Run r;
  r.row = q.integer(0);
  r.job_id = static_cast<uint32_t>(q.integer(1));
  r.start = q.integer(2);
  r.provisional = q.integer(3) != 0;
  r.submit = q.integer(4);
  r.restart = q.integer(5);
  r.uid = static_cast<uint32_t>(q.integer(6));
  r.state = static_cast<RunState>(q.integer(7));
  r.nodes = q.text(8);
  r.user = q.text(9);
  r.account = q.text(10);
  r.partition = q.text(11);
  r.name = q.text(12);
  r.selection = q.text(13);
  r.job = q.text(14);
  r.env = q.text(15);
  r.seen_us = q.integer(16);
  r.het = static_cast<uint32_t>(q.integer(17));
  return r;
}

void bind(Query& q, const Run& r) {
  q.bind(int64_t{r.job_id}).bind(r.start).bind(r.provisional ? 1 : 0).bind(r.submit);
  q.bind(r.restart).bind(int64_t{r.uid}).bind(static_cast<int64_t>(r.state)).bind(r.nodes);
  q.bind(r.user).bind(r.account).bind(r.partition).bind(r.name).bind(r.selection);
  q.bind(r.job).bind(r.env).bind(r.seen_us).bind(int64_t{r.het});
}

}  // namespace

std::optional<Run> Journal::run_at(uint32_t job_id, int64_t start, int64_t restart) {
  auto q =
      db_.query("SELECT " RUN_COLUMNS " FROM runs WHERE job_id = ? AND start = ? AND restart = ?");
  if (!q.bind(int64_t{job_id}).bind(start).bind(restart).row()) return std::nullopt;
  return read(q);
}

std::vector<Run> Journal::runs_of(uint32_t job_id) {
  auto q = db_.query("SELECT " RUN_COLUMNS
                     " FROM runs WHERE job_id = ? ORDER BY start DESC, row DESC LIMIT 64");
  q.bind(int64_t{job_id});
  std::vector<Run> out;
  while (q.row()) out.push_back(read(q));
  return out;
}

std::vector<Run> Journal::het_siblings(const Run& run) {
  std::vector<Run> out;
  if (run.het == 0) return out;
  // Components start within seconds; a requeue of the whole job starts much later. Those that were
  // cancelled while pending have no start, and one submit time.
  auto q = db_.query("SELECT " RUN_COLUMNS
                     " FROM runs WHERE het = ? AND het <> 0 AND job_id <> ? "
                     "AND restart = ? AND abs(start - ?) <= 60 "
                     "AND (start <> 0 OR abs(submit - ?) <= 60) LIMIT 256");
  q.bind(int64_t{run.het}).bind(int64_t{run.job_id}).bind(run.restart).bind(run.start);
  q.bind(run.submit);
  while (q.row()) out.push_back(read(q));
  return out;
}

std::vector<Run> Journal::open_runs(int64_t after_row, size_t limit) {
  auto q = db_.query("SELECT " RUN_COLUMNS
                     " FROM runs WHERE state = 0 AND row > ? ORDER BY row LIMIT ?");
  q.bind(after_row).bind(static_cast<int64_t>(limit));
  std::vector<Run> out;
  while (q.row()) out.push_back(read(q));
  return out;
}

std::vector<std::string> Journal::users_of_open_runs() {
  auto q = db_.query("SELECT DISTINCT user FROM runs WHERE state = 0");
  std::vector<std::string> out;
  while (q.row()) out.push_back(q.text(0));
  return out;
}

bool Journal::cancelled_known(uint32_t job_id, int64_t submit, int64_t cancelled) {
  auto q = db_.query(
      "SELECT 1 FROM runs WHERE job_id = ? AND start = 0 "
      "AND (submit = ? OR (provisional AND abs(submit - ?) <= 5))");
  return q.bind(int64_t{job_id}).bind(submit).bind(cancelled).row();
}

void Journal::add_run(Run* run) {
  if (run->seen_us == 0) run->seen_us = clock::wall_us();
  auto q = db_.query(
      "INSERT INTO runs(job_id, start, provisional, submit, restart, uid, state, nodes, user, "
      "account, partition, name, selection, job, env, seen_us, het) "
      "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  bind(q, *run);
  q.run();
  run->row = db_.last_insert();
}

void Journal::save_run(const Run& run) {
  auto q = db_.query(
      "UPDATE runs SET job_id=?, start=?, provisional=?, submit=?, restart=?, uid=?, state=?, "
      "nodes=?, user=?, account=?, partition=?, name=?, selection=?, job=?, env=?, seen_us=?, "
      "het=? "
      "WHERE row=?");
  bind(q, run);
  q.bind(run.row).run();
}

}  // namespace sluice::journal
