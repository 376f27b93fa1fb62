// libsluice_power.so: include/sluice/power.h on common/power. No exception passes an entry point.
#include "sluice/power.h"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/power/generate.h"
#include "common/power/operations.h"
#include "common/power/places.h"
#include "common/power/resume_file.h"
#include "common/slurm/jobs.h"
#include "common/slurm/nodes.h"

namespace power = sluice::power;

struct sluice_power {
  std::string path;
  power::Config config;
  std::optional<power::Record> record;
  std::optional<power::Owner> owner;
  std::unique_ptr<power::RealPlaces> places;
};

namespace {

// What an entry point hands back: a code and why.
struct Failed {
  int code = SLUICE_POWER_OK;
  std::string why;
};

int say(sluice_power_error* err, int code, std::string_view why) {
  if (err == nullptr) return code;
  err->code = code;
  std::string text = sluice::text::printable(why, sizeof err->message - 8);
  memcpy(err->message, text.c_str(), text.size() + 1);
  return code;
}

template <class Body>
int guarded(sluice_power_error* err, Body body) {
  try {
    Failed failed = body();
    return say(err, failed.code, failed.why);
  } catch (const std::bad_alloc&) {
    return say(err, SLUICE_POWER_E_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return say(err, SLUICE_POWER_E_INTERNAL, e.what());
  } catch (...) {
    return say(err, SLUICE_POWER_E_INTERNAL, "an unknown exception");
  }
}

// The old plugin's words for it.
void set_level(const std::string& level) {
  sluice::log::set_level(level == "DEBUG"     ? sluice::log::Level::debug
                         : level == "INFO"    ? sluice::log::Level::info
                         : level == "WARNING" ? sluice::log::Level::warning
                                              : sluice::log::Level::error);
}

// libslurm reads slurm.conf once for the process.
void init_slurm() {
  static std::once_flag once;
  std::call_once(once, [] { sluice::slurm::init(""); });
}

Failed open_record(struct sluice_power* p) {
  if (p->record) return {};
  init_slurm();
  auto record = power::Record::open(p->config.state);
  if (!record) return {SLUICE_POWER_E_RECORD, record.error().what};
  auto owner = power::Owner::make(p->config.state);
  if (!owner) return {SLUICE_POWER_E_RECORD, owner.error().what};
  p->record.emplace(std::move(*record));
  p->owner.emplace(std::move(*owner));
  p->places = std::make_unique<power::RealPlaces>(p->config.state);
  return {};
}

void report_all(const std::vector<power::Outcome>& outcomes, sluice_power_report report,
                void* context) {
  if (report == nullptr) return;
  for (const power::Outcome& o : outcomes) {
    sluice_power_node node{o.node.c_str(), static_cast<int>(o.fate), o.machine.c_str(),
                           o.address.c_str(), o.why.c_str()};
    report(context, &node);
  }
}

Failed judge(const std::vector<power::Outcome>& outcomes) {
  size_t bad = 0;
  std::string first;
  for (const power::Outcome& o : outcomes) {
    if (o.fate != power::Fate::failed && o.fate != power::Fate::left &&
        o.fate != power::Fate::foreign)
      continue;
    if (bad++ == 0) first = o.node + ": " + o.why;
  }
  if (bad == 0) return {};
  return {SLUICE_POWER_E_NODES,
          std::to_string(bad) + " of " + std::to_string(outcomes.size()) + " nodes: " + first};
}

using Operation = std::function<sluice::Result<std::vector<power::Outcome>>(
    power::Session&, const std::vector<std::string>&)>;

Failed operate(struct sluice_power* p, const std::vector<std::string>& names,
               const Operation& operation, sluice_power_report report, void* context,
               bool dry = false) {
  if (Failed failed = open_record(p); failed.code != SLUICE_POWER_OK) return failed;
  if (!p->record || !p->owner || !p->places) return {SLUICE_POWER_E_INTERNAL, "no record"};
  power::Session session{p->config,          sluice::slurm::facts().cluster,
                         p->config.state,    *p->record,
                         *p->owner,          p->places->places,
                         power::real_slurm()};
  auto outcomes = operation(session, names);
  try {
    if (!dry) power::finish(session);
  } catch (const sluice::journal::DbError& e) {
    sluice::log::warning(e.what);
  }
  if (!outcomes) return {SLUICE_POWER_E_SLURM, outcomes.error().what};
  report_all(*outcomes, report, context);
  return judge(*outcomes);
}

Failed operate_on(struct sluice_power* p, const char* nodes, const Operation& operation,
                  sluice_power_report report, void* context, bool dry = false) {
  if (p == nullptr) return {SLUICE_POWER_E_INVALID, "the handle is NULL"};
  if (nodes == nullptr || *nodes == '\0')
    return {SLUICE_POWER_E_INVALID, "no nodes are named; give a list such as cloud-node-[0-3]"};
  auto names = sluice::slurm::expand_hostlist(nodes);
  if (!names) return {SLUICE_POWER_E_INVALID, names.error().what};
  return operate(p, *names, operation, report, context, dry);
}

char* copy(const std::string& text) {
  char* out = static_cast<char*>(malloc(text.size() + 1));
  if (out == nullptr) throw std::bad_alloc();
  memcpy(out, text.c_str(), text.size() + 1);
  return out;
}

}  // namespace

int sluice_power_open(const char* path, struct sluice_power** out, struct sluice_power_error* err) {
  if (out == nullptr) return say(err, SLUICE_POWER_E_INVALID, "out is NULL");
  *out = nullptr;
  return guarded(err, [&]() -> Failed {
    if (path == nullptr) return {SLUICE_POWER_E_INVALID, "path is NULL"};
    sluice::config::Problems problems;
    power::Config config = power::load(path, &problems);
    for (const auto& problem : problems)
      if (!problem.warning) return {SLUICE_POWER_E_CONFIG, problem.text()};
    set_level(config.log_level);
    *out = new sluice_power{path, std::move(config), {}, {}, {}};
    return {};
  });
}

void sluice_power_close(struct sluice_power* power) {
  delete power;
}

const char* sluice_power_log_file(const struct sluice_power* power) {
  return power == nullptr ? "" : power->config.log_file.c_str();
}

const char* sluice_power_state(const struct sluice_power* power) {
  return power == nullptr ? "" : power->config.state.c_str();
}

int sluice_power_resume(struct sluice_power* power, const char* nodes, const char* resume_file,
                        sluice_power_report report, void* context, struct sluice_power_error* err) {
  return guarded(err, [&]() -> Failed {
    std::vector<power::Job> jobs;
    if (resume_file != nullptr) {
      auto parsed = power::parse_resume_file(resume_file);
      if (parsed)
        jobs = std::move(*parsed);
      else  // without it, jobs are not known; nodes are
        sluice::log::warning(parsed.error().what);
    }
    return operate_on(
        power, nodes,
        [&](power::Session& s, const std::vector<std::string>& names) {
          return power::resume(s, names, jobs);
        },
        report, context);
  });
}

int sluice_power_suspend(struct sluice_power* power, const char* nodes, sluice_power_report report,
                         void* context, struct sluice_power_error* err) {
  return guarded(err, [&] { return operate_on(power, nodes, power::suspend, report, context); });
}

int sluice_power_plan_resume(struct sluice_power* power, const char* nodes,
                             sluice_power_report report, void* context,
                             struct sluice_power_error* err) {
  return guarded(
      err, [&] { return operate_on(power, nodes, power::plan_resume, report, context, true); });
}

int sluice_power_plan_suspend(struct sluice_power* power, const char* nodes,
                              sluice_power_report report, void* context,
                              struct sluice_power_error* err) {
  return guarded(
      err, [&] { return operate_on(power, nodes, power::plan_suspend, report, context, true); });
}

int sluice_power_reconcile(struct sluice_power* power, sluice_power_report report, void* context,
                           struct sluice_power_error* err) {
  return guarded(err, [&]() -> Failed {
    if (power == nullptr) return {SLUICE_POWER_E_INVALID, "the handle is NULL"};
    return operate(
        power, {},
        [](power::Session& s, const std::vector<std::string>&) { return power::reconcile(s); },
        report, context);
  });
}

int sluice_power_generate_conf(struct sluice_power* power, char** slurm_conf, char** gres_conf,
                               struct sluice_power_error* err) {
  return guarded(err, [&]() -> Failed {
    if (power == nullptr || slurm_conf == nullptr || gres_conf == nullptr)
      return {SLUICE_POWER_E_INVALID, "an argument is NULL"};
    *slurm_conf = copy(power::slurm_conf_text(power->config));
    *gres_conf = copy(power::gres_conf_text(power->config));
    return {};
  });
}

void sluice_power_free(char* text) {
  free(text);
}

int sluice_power_check(const char* path, sluice_power_finding finding, void* context,
                       struct sluice_power_error* err) {
  return guarded(err, [&]() -> Failed {
    if (path == nullptr) return {SLUICE_POWER_E_INVALID, "path is NULL"};
    sluice::config::Problems problems;
    power::load(path, &problems);
    size_t errors = 0;
    for (const auto& problem : problems) {
      if (finding != nullptr) finding(context, problem.warning ? 1 : 0, problem.text().c_str());
      if (!problem.warning) ++errors;
    }
    if (errors == 0) return {};
    return {SLUICE_POWER_E_CONFIG, std::to_string(errors) + " errors in " + path};
  });
}

const char* sluice_power_version() {
  return SLUICE_VERSION;
}
