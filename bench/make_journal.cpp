// Fills a journal with undelivered events, as an outage of their sink leaves it.
//
//   make_journal PATH SINK COUNT TEMPLATE
//
// TEMPLATE is an event's JSON in which @ID@ and @JOB@ stand for the event's and the job's id. Each
// job has two events, one after the other in the journal.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/journal/journal.h"

namespace {

void replace(std::string* text, const std::string& what, const std::string& with) {
  for (size_t at = 0; (at = text->find(what, at)) != text->npos; at += with.size())
    text->replace(at, what.size(), with);
}

int fill(sluice::journal::Journal& journal, const std::string& sink, long count,
         const std::string& body) {
  constexpr long kAtOnce = 5'000;
  for (long i = 0; i < count;) {
    sluice::journal::Transaction t(journal.db());
    for (long end = i + kAtOnce; i < end && i < count; ++i) {
      auto job = static_cast<uint32_t>(100'000 + i / 2);
      char id[40];
      snprintf(id, sizeof id, "%032lx", 0x5deece66dL * (i + 1));
      sluice::journal::NewEvent e;
      e.id = id;
      e.type = i % 2 == 0 ? "slurm.job.start" : "slurm.job.end";
      e.subject = "job/" + std::to_string(job);
      e.lane = std::to_string(job);
      e.time_us = sluice::clock::wall_us();
      e.user = "alice";
      e.uid = 20001;
      e.job_id = job;
      e.body = body;
      replace(&e.body, "@ID@", e.id);
      replace(&e.body, "@JOB@", e.lane);
      int64_t seq = 0;
      if (!journal.add_event(e, {sink}, &seq)) return 1;
    }
    t.commit();
  }
  journal.db().exec("PRAGMA wal_checkpoint(TRUNCATE)");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "make_journal PATH SINK COUNT TEMPLATE\n");
    return 2;
  }
  auto body = sluice::file::read(argv[4], 1U << 20);
  auto journal = sluice::journal::Journal::open(argv[1], sluice::journal::Durability::crash_safe);
  if (!body || !journal) {
    fprintf(stderr, "make_journal: %s\n", (!body ? body.error() : journal.error()).what.c_str());
    return 1;
  }
  try {
    return fill(*journal, argv[2], strtol(argv[3], nullptr, 10), *body);
  } catch (const sluice::journal::DbError& e) {
    fprintf(stderr, "make_journal: %s\n", e.what.c_str());
    return 1;
  }
}
