#include "ctld/sluiced/importer.h"

#include <poll.h>
#include <unistd.h>

#include <ctime>

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/text.h"

namespace sluice::daemon {
namespace {

constexpr size_t kBatch = 512;                // records in one transaction
constexpr int kRestMs = 2;                    // after each look at the inbox
constexpr int64_t kTickMs = 500;              // the longest sleep
constexpr int64_t kRescanMs = 5'000;          // should the watch have missed something
constexpr int64_t kGapMs = 1'000;             // between two looks at the mark of dropped records
constexpr int64_t kGapOverMs = 60'000;        // with no new mark
constexpr int64_t kCommitAgainMs = 1'000;     // after the journal could not be written
constexpr int64_t kUsersAgainMs = 200;        // after the name service did not say all
constexpr size_t kMostHeld = 20'000;          // records in memory; the rest stays in the inbox
constexpr size_t kMostHeldBytes = 64U << 20;  // of records from sockets

size_t bytes_of(const std::vector<inbox::RawRecord>& records) {
  size_t n = 0;
  for (const auto& r : records)
    for (const auto& [key, value] : r.fields) n += key.size() + value.size() + 64;
  return n;
}

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
  bool full = stats_.waiting > static_cast<int64_t>(kMostHeld) || held_bytes_ > kMostHeldBytes;
  if (!stats_.journal_up || full) {
    committed({full ? "too much is waiting at the controller"
                    : "the controller's journal cannot be written now",
               {}});
    return;
  }
  held_bytes_ += bytes_of(records);
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
    // "Nothing changed" must not take the place of a change that is still to be compared.
    if (!mail_sweep_ || sweep.changed) mail_sweep_ = std::make_unique<Sweep>(std::move(sweep));
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
      take_inbox();  // the start of a job before what its node has to say, and all before a sweep
      // Not before all starts are read: a node's word would make runs of its own.
      if (!more_files_) take_arrivals();
      waiting_.give_up(config_->slurm_wait_s * 1000, &ready_);
      while (!ready_.empty() && commit()) {
      }
      if (sweep_ && ready_.empty()) reconcile();
      if (!stats_.journal_up && ready_.empty()) try_journal();
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
  // While this thread rests, hooks wake nobody who would take slurmctld's processor or the folder's
  // lock, and what they leave shares a transaction.
  if (!busy) ::poll(nullptr, 0, kRestMs);
  pollfd fds[2] = {{event_.get(), POLLIN, 0}, {reader_open_ ? reader_.fd() : -1, POLLIN, 0}};
  ::poll(fds, 2, busy ? 0 : static_cast<int>(kTickMs));
  event_.take();
}

void Importer::take_mail() {
  std::vector<Answers> answers;
  {
    std::lock_guard lock(mutex_);
    for (auto& m : mail_) arrivals_.push_back(std::move(m));
    mail_.clear();
    answers.swap(mail_answers_);
    if (mail_sweep_ && (!sweep_ || mail_sweep_->changed)) sweep_ = std::move(mail_sweep_);
    mail_sweep_.reset();
    if (mail_config_) {
      config_ = std::move(mail_config_);
      events_.set_config(config_);
    }
  }
  for (const auto& a : answers) waiting_.answered(a, &ready_);
  bool up = stats_.slurm_up;
  if (up && !was_up_) hooks_.sweep_wanted();
  was_up_ = up;
}

void Importer::take_arrivals() {
  for (; !arrivals_.empty(); arrivals_.pop_front()) {
    auto& [records, committed] = arrivals_.front();
    auto batch = std::make_shared<Batch>(
        Batch{records.size(), bytes_of(records), std::move(committed), {}, {}});
    if (records.empty()) batch->committed({});
    for (auto& r : records) arrived({std::move(r), batch, clock::mono_ms(), 0, {}, {}, {}});
  }
}

bool Importer::open_inbox() {
  if (reader_open_) return true;
  more_files_ = false;  // there are none without the folder, and nodes must not wait for them
  int64_t now = clock::mono_ms();
  if (now < reader_retry_ms_) return false;
  reader_retry_ms_ = now + kCommitAgainMs;
  auto opened = reader_.open();
  if (!opened) {
    log::once(log::Level::error, "inbox-open", opened.error().what + "; tried again every second");
    return false;
  }
  log::clear("inbox-open", "inbox " + config_->inbox + " is open again");
  return reader_open_ = true;
}

void Importer::take_inbox() {
  int64_t now = clock::mono_ms();
  if (!open_inbox()) return;
  if (!caught_up_) {
    for (const auto& file : journal_.imported()) remove(file);
    reader_.set_last_gap(journal_.meta("gap"));
    caught_up_ = true;
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
  for (auto& file : reader_.take_removed()) gone_.push_back(std::move(file));
  more_files_ = reader_.more();
  for (auto& r : records) arrived({std::move(r), nullptr, now, 0, {}, {}, {}});
  look_at_gap();
}

void Importer::look_at_gap() {
  // Each record dropped changes the mark.
  int64_t now = clock::mono_ms();
  if (now - gap_looked_ms_ < kGapMs) return;
  gap_looked_ms_ = now;
  inbox::GapMark gap;
  if (!reader_.gap(&gap)) {
    if (now - gap_seen_ms_ > kGapOverMs) log::clear("gap", "hooks drop no records any more");
    return;
  }
  gap_seen_ms_ = now;
  log::once(log::Level::error, "gap",
            "hooks dropped records: the inbox " + config_->inbox +
                " was full or not writable; reconciling with slurmctld");
  hooks_.sweep_wanted();
  journal::Transaction t(journal_.db());
  journal_.set_meta("gap", reader_.last_gap());
  t.commit();
}

void Importer::remove(const std::string& file) {
  if (reader_.remove(file)) gone_.push_back(file);
}

void Importer::arrived(Item item) {
  uint32_t job = item.record.job_id();
  bool waits = job != 0 && waiting_.holds(job);
  try {
    waits = waits || import_.needs_answer(item.record);
  } catch (const journal::DbError& e) {
    // The journal cannot be read now: asking is never wrong, and nothing is lost meanwhile.
    log::once(log::Level::error, "journal", e.what + "; events wait");
    waits = true;
  }
  if (waits)
    waiting_.add(std::move(item));
  else
    ready_.push_back(std::move(item));
}

bool Importer::commit() {
  if (clock::mono_ms() < commit_retry_ms_) return false;
  size_t n = std::min(ready_.size(), kBatch);
  try {
    if (!look_up_users(n)) {
      commit_retry_ms_ = clock::mono_ms() + kUsersAgainMs;
      return false;
    }
    journal::Transaction t(journal_.db());
    for (const auto& file : gone_) journal_.forget_imported(file);
    for (size_t i = 0; i < n; ++i) {
      import_.record(ready_[i].record, ready_[i].answer);
      ready_[i].refused = import_.refused();
      ready_[i].undecided = import_.undecided();
      if (!ready_[i].batch) journal_.note_imported(ready_[i].record.id);
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
  gone_.clear();
  journal_works();
  fault::point("import.committed");
  if (events_.took_back()) hooks_.requeued();  // first, so that they go in order
  hooks_.journaled();
  for (size_t i = 0; i < n; ++i) {
    Item item = std::move(ready_.front());
    ready_.pop_front();
    if (!item.batch) {
      remove(item.record.id);
      fault::point("import.unlinked");
      if (item.record.kind == "gap") hooks_.sweep_wanted();
      continue;
    }
    Batch& batch = *item.batch;
    if (!item.refused.empty()) batch.refused[item.record.id] = item.refused;
    if (!item.undecided.empty()) batch.undecided = item.undecided;
    if (--batch.left > 0) continue;
    held_bytes_ -= batch.bytes;
    batch.committed({std::move(batch.undecided), std::move(batch.refused)});
  }
  return true;
}

void Importer::journal_works() {
  stats_.journal_up = true;
  log::clear("journal", "the journal can be written again");
}

// With nothing to import nobody else would find out, and senders would be sent away for ever.
void Importer::try_journal() {
  if (clock::mono_ms() < commit_retry_ms_) return;
  journal::Transaction t(journal_.db());
  journal_.set_meta("tried_us", std::to_string(clock::wall_us()));
  t.commit();
  journal_works();
}

}  // namespace sluice::daemon
