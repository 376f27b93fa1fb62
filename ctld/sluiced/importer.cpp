#include "ctld/sluiced/importer.h"

#include <poll.h>
#include <unistd.h>

#include <ctime>

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"

namespace sluice::daemon {
namespace {

constexpr size_t kBatch = 512;             // records in one transaction
constexpr int64_t kTickMs = 500;           // the longest sleep
constexpr int64_t kRescanMs = 5'000;       // should the watch have missed something
constexpr int64_t kCommitAgainMs = 1'000;  // after the journal could not be written
constexpr size_t kMostHeld = 20'000;       // records in memory; the rest stays in the inbox

}  // namespace

Importer::Importer(std::shared_ptr<const config::Config> config, journal::Journal journal,
                   std::string cluster, Hooks hooks, Stats& stats)
    : config_(std::move(config)),
      journal_(std::move(journal)),
      hooks_(std::move(hooks)),
      stats_(stats),
      events_(journal_, std::move(cluster), stats),
      import_(journal_, events_, stats),
      reader_(config_->inbox),
      waiting_([this](uint32_t job_id, uint64_t number) { asker_->ask(job_id, number); }) {
  events_.set_config(config_);
  asker_ = std::make_unique<Asker>(
      [this](Answers answers) {
        {
          std::lock_guard lock(mutex_);
          mail_answers_.push_back(std::move(answers));
        }
        event_.wake();
      },
      stats_);
}

Importer::~Importer() {
  stop();
}

void Importer::start() {
  thread_ = std::thread([this] { loop(); });
}

void Importer::stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  event_.wake();
  if (thread_.joinable()) thread_.join();
  asker_.reset();
}

void Importer::submit(std::vector<inbox::RawRecord> records, Committed committed) {
  // Senders keep what they have, so they are sent away rather than heaped up here.
  if (!stats_.journal_up || stats_.waiting > static_cast<int64_t>(kMostHeld)) {
    committed({"the controller's journal cannot be written now", {}});
    return;
  }
  {
    std::lock_guard lock(mutex_);
    mail_.emplace_back(std::move(records), std::move(committed));
  }
  event_.wake();
}

void Importer::swept(Sweep sweep) {
  if (sweep.changed) asker_->set_known_jobs(sweep.known_jobs);
  {
    std::lock_guard lock(mutex_);
    mail_sweep_ = std::make_unique<Sweep>(std::move(sweep));
  }
  event_.wake();
}

void Importer::reload(std::shared_ptr<const config::Config> config) {
  {
    std::lock_guard lock(mutex_);
    mail_config_ = std::move(config);
  }
  event_.wake();
}

void Importer::loop() {
  for (;;) {
    wait();
    {
      std::lock_guard lock(mutex_);
      if (stop_) return;
    }
    try {
      take_mail();
      take_inbox();
      waiting_.give_up(config_->slurm_wait_s * 1000, &ready_);
      while (!ready_.empty() && commit()) {
      }
      if (sweep_ && ready_.empty()) reconcile();
    } catch (const journal::DbError& e) {
      // Outside a transaction only reads happen: the same journal, the same remedy.
      commit_retry_ms_ = clock::mono_ms() + kCommitAgainMs;
      stats_.journal_up = false;
      log::once(log::Level::error, "journal", e.what + "; events wait in the inbox");
    }
    stats_.import_cpu_us = clock::thread_cpu_us(pthread_self());
    stats_.waiting = static_cast<int64_t>(ready_.size()) + waiting_.size();
    stats_.set_aside = static_cast<int64_t>(reader_.set_aside());
  }
}

void Importer::wait() {
  bool busy = (more_files_ && reader_.outstanding() < kMostHeld) ||
              (!ready_.empty() && clock::mono_ms() >= commit_retry_ms_);
  pollfd fds[2] = {{event_.get(), POLLIN, 0}, {reader_open_ ? reader_.fd() : -1, POLLIN, 0}};
  ::poll(fds, 2, busy ? 0 : static_cast<int>(kTickMs));
  event_.take();
}

void Importer::take_mail() {
  std::vector<std::pair<std::vector<inbox::RawRecord>, Committed>> mail;
  std::vector<Answers> answers;
  {
    std::lock_guard lock(mutex_);
    mail.swap(mail_);
    answers.swap(mail_answers_);
    // "Nothing changed" must not take the place of a change that is still to be compared.
    if (mail_sweep_ && (!sweep_ || mail_sweep_->changed)) sweep_ = std::move(mail_sweep_);
    mail_sweep_.reset();
    if (mail_config_) {
      config_ = std::move(mail_config_);
      events_.set_config(config_);
    }
  }
  for (const auto& a : answers) waiting_.answered(a, &ready_);
  for (auto& [records, committed] : mail) {
    auto batch = std::make_shared<Batch>(Batch{records.size(), std::move(committed), {}});
    if (records.empty()) batch->committed({});
    for (auto& r : records) arrived({std::move(r), batch, clock::mono_ms(), 0, {}, {}});
  }
  bool up = stats_.slurm_up;
  if (up && !was_up_) hooks_.sweep_wanted();
  was_up_ = up;
}

void Importer::take_inbox() {
  int64_t now = clock::mono_ms();
  if (!reader_open_) {
    if (now < reader_retry_ms_) return;
    auto opened = reader_.open();
    reader_retry_ms_ = now + kCommitAgainMs;
    if (!opened) {
      log::once(log::Level::error, "inbox-open",
                opened.error().what + "; tried again every second");
      return;
    }
    log::clear("inbox-open", "inbox " + config_->inbox + " is open again");
    reader_open_ = true;
  }
  pollfd p{reader_.fd(), POLLIN, 0};
  bool news = ::poll(&p, 1, 0) > 0;
  if (!news && !more_files_ && !sweep_ && now - scanned_ms_ < kRescanMs) return;
  if (news && !reader_.drain()) {
    log::warning("inbox " + config_->inbox + " was removed or unmounted; waiting for it");
    reader_open_ = false;
    return;
  }
  scanned_ms_ = now;
  more_files_ = false;
  if (reader_.outstanding() >= kMostHeld) {
    more_files_ = true;  // nothing may be concluded from what was not read
    return;
  }
  auto records = reader_.scan(kBatch);
  more_files_ = records.size() == kBatch;
  for (auto& r : records) arrived({std::move(r), nullptr, now, 0, {}, {}});
  inbox::GapMark gap;
  if (reader_.gap(&gap)) {
    log::error("hooks dropped records: the inbox " + config_->inbox +
               " was full or not writable; reconciling with slurmctld");
    hooks_.sweep_wanted();
  }
}

void Importer::arrived(Item item) {
  uint32_t job = item.record.job_id();
  bool held = job != 0 && waiting_.holds(job);
  if (held || import_.needs_answer(item.record))
    waiting_.add(std::move(item));
  else
    ready_.push_back(std::move(item));
}

bool Importer::commit() {
  if (clock::mono_ms() < commit_retry_ms_) return false;
  size_t n = std::min(ready_.size(), kBatch);
  for (size_t i = 0; i < n; ++i) {
    const auto& info = ready_[i].answer.info;
    events_.look_up(info ? info->user : ready_[i].record.get("SLURM_JOB_USER"));
  }
  try {
    journal::Transaction t(journal_.db());
    for (size_t i = 0; i < n; ++i) {
      import_.record(ready_[i].record, ready_[i].answer);
      ready_[i].refused = import_.refused();
    }
    fault::point("import.uncommitted");
    t.commit();
  } catch (const journal::DbError& e) {
    commit_retry_ms_ = clock::mono_ms() + kCommitAgainMs;
    stats_.journal_up = false;
    log::once(log::Level::error, "journal",
              e.what + "; events wait in the inbox, tried again every second");
    return false;
  }
  stats_.journal_up = true;
  log::clear("journal", "the journal can be written again");
  fault::point("import.committed");
  if (events_.took_back()) hooks_.requeued();  // first, so that they go in order
  hooks_.journaled();
  for (size_t i = 0; i < n; ++i) {
    Item item = std::move(ready_.front());
    ready_.pop_front();
    if (!item.batch) {
      reader_.remove(item.record.id);
      fault::point("import.unlinked");
      if (item.record.kind == "gap") hooks_.sweep_wanted();
      continue;
    }
    Batch& batch = *item.batch;
    if (!item.refused.empty()) batch.refused[item.record.id] = item.refused;
    if (--batch.left == 0) batch.committed({"", std::move(batch.refused)});
  }
  return true;
}

void Importer::reconcile() {
  if (more_files_) return;  // hooks come first: they know more
  if (clock::mono_ms() < commit_retry_ms_) return;
  int64_t before = stats_.reconciled;
  if (sweep_->changed) {
    sweep_->forgotten_before = clock::wall_us() / 1'000'000 - config_->retain_hours * 3600;
    auto t = std::make_unique<journal::Transaction>(journal_.db());
    auto commit = [&t] {
      t->commit();
      t.reset();  // gives the others their turn
    };
    bool whole = daemon::reconcile(
        *sweep_, journal_, import_, [this](uint32_t job_id) { return waiting_.holds(job_id); },
        [&] {
          commit();
          t = std::make_unique<journal::Transaction>(journal_.db());
        });
    commit();
    fault::point("reconcile.committed");
    // Else an unchanged answer would leave what was passed over as it is.
    if (!whole) hooks_.sweep_incomplete();
  }
  // Only now: had the journal failed, this sweep would be compared again.
  auto sweep = std::move(sweep_);
  if (stats_.reconciled > before) hooks_.journaled();
  stats_.last_sweep_us = sweep->asked_us;
}

}  // namespace sluice::daemon
