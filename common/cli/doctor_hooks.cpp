// Are the plugins in Slurm's configuration, on disk, and in the slurmctld that runs?
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/file.h"
#include "common/base/text.h"
#include "common/cli/finding.h"
#include "common/cli/plugstack.h"

namespace sluice::cli {
namespace {

constexpr const char* kInboxParameter = "sluice_inbox=";
constexpr const char* kDefaultInbox = "/run/sluice/inbox";

bool lists(const std::string& comma_separated, const std::string& word) {
  auto words = text::split(comma_separated, ',');
  return std::ranges::any_of(
      words, [&](const std::string& w) { return w == word || w == "prep/" + word; });
}

// The plugin's file in one of PluginDir's folders; "" if there is none.
std::string file_of(const std::string& name, const std::string& plugin_dirs) {
  if (name.starts_with('/')) return ::access(name.c_str(), R_OK) == 0 ? name : std::string();
  for (const auto& dir : text::split(plugin_dirs, ':'))
    if (std::string path = dir + "/" + name; ::access(path.c_str(), R_OK) == 0) return path;
  return {};
}

// slurmctld's memory map; an error if it does not run here or this user may not look.
Result<std::string> maps_of_slurmctld(const std::string& pidfile) {
  auto pid = file::read(pidfile, 64);
  if (!pid) return std::unexpected(pid.error());
  return file::read("/proc/" + std::string(text::trim(*pid)) + "/maps");
}

void check_plugin(const std::string& check, const std::string& name, const Patient& p,
                  Findings* findings) {
  std::string file = file_of(name, p.facts.plugin_dir);
  if (file.empty())
    return findings->error(check,
                           name + " is in none of PluginDir's folders (" + p.facts.plugin_dir + ")",
                           "install it there, or add its folder to PluginDir in slurm.conf");
  auto maps = maps_of_slurmctld(p.facts.slurmctld_pidfile);
  if (!maps)
    return findings->skipped(
        check, file + " is configured; slurmctld itself cannot be looked at: " + maps.error().what,
        "run sluice doctor as root on the host of slurmctld");
  if (maps->find("/" + name) == maps->npos)
    return findings->error(check,
                           file + " is configured and there, but slurmctld has not loaded it",
                           "restart slurmctld: plugins are loaded at its start only");
  if (maps->find("/" + name + " (deleted)") != maps->npos)
    return findings->warning(check, "slurmctld has loaded a " + name + " that was replaced since",
                             "restart slurmctld to load the new one");
  findings->ok(check, file + " is loaded");
}

void check_prep(const Patient& p, Findings* findings) {
  if (!lists(p.facts.prep_plugins, "sluice"))
    return findings->error(
        "hook.prep", "PrEpPlugins=" + p.facts.prep_plugins + " lacks sluice",
        "set PrEpPlugins=prep/script,prep/sluice in slurm.conf and restart slurmctld");
  if (!lists(p.facts.prep_plugins, "script"))
    findings->warning("hook.prep", "PrEpPlugins=" + p.facts.prep_plugins + " lacks script",
                      "without it Prolog and Epilog of slurm.conf do not run: "
                      "PrEpPlugins=prep/script,prep/sluice");
  check_plugin("hook.prep", "prep_sluice.so", p, findings);
  if (!p.configured) return;
  std::string inbox = kDefaultInbox;
  for (const auto& word : text::split(p.facts.prep_params, ','))
    if (word.starts_with(kInboxParameter)) inbox = word.substr(std::string(kInboxParameter).size());
  if (inbox == p.config.inbox)
    findings->ok("hook.inbox", "hooks and sluiced share " + inbox);
  else
    findings->error("hook.inbox",
                    "hooks write to " + inbox + " and sluiced reads " + p.config.inbox,
                    "set PrEpParameters=sluice_inbox=" + p.config.inbox +
                        " in slurm.conf, or inbox in sluice.json");
}

void check_jobcomp(const Patient& p, Findings* findings) {
  if (p.facts.jobcomp_type != "jobcomp/sluice")
    return findings->ok("hook.jobcomp", "JobCompType=" + p.facts.jobcomp_type +
                                            ": cancels of pending jobs are seen by sweeps only "
                                            "(jobcomp/sluice sees them at once)");
  check_plugin("hook.jobcomp", "jobcomp_sluice.so", p, findings);
}

void check_spank(const Patient& p, Findings* findings) {
  auto line = find_in_plugstack(p.facts.plugstack);
  if (!line) {
    if (::access(p.facts.plugstack.c_str(), R_OK) != 0 && errno == EACCES)
      return findings->skipped("hook.spank", p.facts.plugstack + " may not be read by this user",
                               "run sluice doctor as root");
    return findings->error("hook.spank", p.facts.plugstack + " does not load spank_sluice.so",
                           "add the line: optional spank_sluice.so");
  }
  std::string file = file_of(line->plugin, p.facts.plugin_dir);
  if (file.empty())
    return findings->error(
        "hook.spank", line->file + ": " + line->plugin + " is not there",
        "install it in PluginDir (" + p.facts.plugin_dir + "), or give its whole path");
  if (line->required)
    findings->warning("hook.spank", line->file + ": spank_sluice.so is required",
                      "make it optional: a node where it is missing would fail every job");
  else
    findings->ok("hook.spank", file + ", by " + line->file);
  auto sinks = line->arguments.find("sinks");
  std::string list = sinks == line->arguments.end() ? "/run/sluice/sinks" : sinks->second;
  if (p.configured && p.role == config::Role::controller && list != p.config.public_sinks)
    findings->warning(
        "hook.sinks",
        "sbatch checks --event-sink by " + list + ", sluiced writes " + p.config.public_sinks,
        "make sinks= in plugstack.conf and public_sinks in sluice.json the same file");
  else if (::access(list.c_str(), R_OK) != 0)
    findings->warning("hook.sinks", list + " cannot be read: --event-sink is not checked by sbatch",
                      "sluiced writes it; share or copy it where jobs are submitted");
  else
    findings->ok("hook.sinks", "sbatch checks --event-sink by " + list);
}

}  // namespace

void check_hooks(const Patient& p, Findings* findings) {
  if (!p.slurm) return findings->skipped("hooks", "slurm.conf is not known", "mend that first");
  if (p.role == config::Role::controller) {
    check_prep(p, findings);
    check_jobcomp(p, findings);
  }
  check_spank(p, findings);
}

}  // namespace sluice::cli
