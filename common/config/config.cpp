#include "common/config/config.h"

#include <sys/stat.h>

#include <algorithm>

#include "common/base/file.h"
#include "common/base/text.h"
#include "common/config/check.h"
#include "common/event/selection.h"
#include "common/http/url.h"
#include "common/json/duplicates.h"
#include "common/sinks/sink.h"

namespace sluice::config {
namespace {

std::string absolute_path(Fields& f, const std::string& key, const std::string& fallback) {
  std::string v = f.str(key, fallback);
  if (!v.starts_with('/')) f.problem(key, "must be an absolute path");
  return v;
}

void read_allow(Json object, const std::string& path, Allow* out, Problems* problems) {
  if (object.is_null()) return;
  Fields f(std::move(object), path, problems);
  auto names = [&](const char* key) {
    auto list = f.strings(key);
    // Whoever takes the last name out of a list does not mean everybody.
    if (f.has(key) && list.empty())
      f.problem(key, "must name somebody; left out, it allows everybody");
    return list;
  };
  out->users = names("users");
  out->groups = names("groups");
  out->accounts = names("accounts");
  out->partitions = names("partitions");
  f.finish();
}

void read_sinks(const Json& sinks, Config* out, Problems* problems) {
  http::Client http;  // sinks are made to be checked, nothing is sent
  for (const auto& [name, object] : sinks.members()) {
    std::string path = "sinks." + name;
    if (!text::is_name(name)) {
      problems->push_back(
          {path, shown(name), "a sink's name must match [A-Za-z0-9][A-Za-z0-9_.-]{0,63}", false});
      continue;
    }
    if (event_word(name) != 0)
      problems->push_back(
          {path, json_quote(name), "is an event of --event-sink: no job could name it", false});
    if (!object.is_object()) {
      problems->push_back({path, shown(object), "must be an object", false});
      continue;
    }
    SinkConfig sink;
    sink.name = name;
    Fields f(object, path, problems);
    sink.named_by_users = f.boolean("public", true);
    sink.give_up_hours = f.integer("give_up_hours", 72, 1, int64_t{24} * 365);
    read_allow(f.object("allow"), path + ".allow", &sink.allow, problems);
    // What is left is the sink type's own, which reports what it does not know.
    Json settings = Json::object();
    for (const auto& [key, value] : object.members())
      if (key != "public" && key != "give_up_hours" && key != "allow") settings.set(key, value);
    make_sink(settings, {name, out->cluster, &http}, problems);
    sink.type = settings.get("type").str();
    sink.settings = settings.dump();
    out->sinks.emplace(name, std::move(sink));
  }
}

void need_sink(const std::string& name, const std::string& path, const Config& config,
               Problems* problems) {
  if (config.sinks.contains(name)) return;
  std::string known;
  for (const auto& [k, v] : config.sinks) known += " " + k;
  problems->push_back({path, shown(name), "no such sink; configured:" + known, false});
}

void read_routes(const Json& routes, Config* out, Problems* problems) {
  for (size_t i = 0; i < routes.size(); ++i) {
    std::string path = "routes[" + std::to_string(i) + "]";
    Fields f(routes.at(i), path, problems);
    RouteConfig route;
    route.name = f.str("name", path);
    route.sinks = f.strings("sinks");
    if (route.sinks.empty()) f.problem("sinks", "must name at least one sink");
    for (const auto& s : route.sinks) need_sink(s, path + ".sinks", *out, problems);
    route.pattern = pattern::Pattern::compile(f.any("pattern"), path + ".pattern", problems);
    f.finish();
    out->routes.push_back(std::move(route));
  }
}

void read_partitions(const Json& partitions, Config* out, Problems* problems) {
  for (const auto& [name, object] : partitions.members()) {
    std::string path = "partitions." + name;
    Fields f(object, path, problems);
    std::string selection;
    for (const auto& s : f.strings("sinks")) selection += (selection.empty() ? "" : ",") + s;
    Selection parsed{};
    char why[256] = {};
    if (selection.find("://") != selection.npos)
      f.problem("sinks", "must be names of sinks, not URLs");
    else if (!parse_selection(selection.c_str(), &parsed, why, sizeof why))
      f.problem("sinks", why);
    for (size_t i = 0; i < parsed.count; ++i)
      need_sink(parsed.sinks[i].name, path + ".sinks", *out, problems);
    f.finish();
    out->partitions[name] = selection;
  }
}

// Its settings are a secret even if none is called one: static headers are where tokens go, and the
// URL of a chat room's webhook is its password.
bool holds_secret(const SinkConfig& sink) {
  auto settings = Json::parse(sink.settings);
  if (!settings) return false;
  if (settings->get("headers").size() > 0) return true;
  auto url = http::parse_url(settings->get("url").str());
  if (!url) return false;
  return url->has_user || (sink.type == "webhook" && (url->path != "/" || !url->query.empty()));
}

}  // namespace

Config parse(std::string_view text, const std::string& path, Role role, Problems* problems) {
  Config out;
  out.path = path;
  auto json = Json::parse(text, true);
  if (!json) {
    problems->push_back({"(file)", "", json.error().what, false});
    return out;
  }
  for (const auto& key : duplicate_keys(text))
    problems->push_back({text::printable(key), "", "is given twice; keep one of them", false});
  Fields f(*json, "", problems);
  if (!json->is_object()) return out;
  out.cluster = f.str("cluster");
  out.slurm_conf = f.str("slurm_conf");
  out.inbox = absolute_path(f, "inbox", out.inbox);
  out.socket = absolute_path(f, "socket", out.socket);
  out.public_sinks = absolute_path(f, "public_sinks", out.public_sinks);
  out.metrics = f.str("metrics");
  if (!out.metrics.empty() && !is_metrics_address(out.metrics))
    f.problem("metrics", "must be 127.0.0.1:PORT, [::1]:PORT or unix:/path");
  out.listen = f.str("listen");
  if (!out.listen.empty() && !is_host_port(out.listen)) f.problem("listen", "must be ADDRESS:PORT");
  out.controllers = f.strings("controllers");
  for (const auto& c : out.controllers)
    if (!is_host_port(c))
      problems->push_back({"controllers", shown(c), "each must be HOST:PORT", false});
  if (role == Role::node && out.controllers.empty())
    f.problem("controllers", "is missing; the node role needs HOST:PORT of each controller");
  out.munge_socket = f.str("munge_socket");
  out.node_name = f.str("node_name");
  out.admin_group = f.str("admin_group", out.admin_group);
  out.log_level = f.one_of("log_level", {"debug", "info", "warning", "error"}, out.log_level);
  out.slurm_wait_s = f.integer("slurm_wait_s", out.slurm_wait_s, 1, 10);
  f.any("power");  // power save's, which has readers of its own
  out.sweep_s = f.integer("sweep_s", out.sweep_s, 0, 86400);
  if (Json j = f.object("journal"); !j.is_null()) {
    Fields g(j, "journal", problems);
    out.journal = absolute_path(g, "path", out.journal);
    out.retain_hours = g.integer("retain_hours", out.retain_hours, 1, int64_t{24} * 3650);
    out.max_journal_mib = g.integer("max_mib", out.max_journal_mib, 8, 1 << 20);
    g.finish();
  }
  if (Json j = f.object("emit"); !j.is_null()) {
    Fields g(j, "emit", problems);
    out.emit_max_bytes = g.integer("max_bytes", out.emit_max_bytes, 256, 200 << 10);
    out.emit_burst = g.integer("burst", out.emit_burst, 1, 1'000'000);
    out.emit_per_minute = g.integer("per_minute", out.emit_per_minute, 1, 60'000'000);
    g.finish();
  }
  read_sinks(f.object("sinks"), &out, problems);
  read_routes(f.array("routes"), &out, problems);
  read_partitions(f.object("partitions"), &out, problems);
  f.finish();
  return out;
}

Config load(const std::string& path, Role role, Problems* problems) {
  auto bytes = file::read(path, 4U << 20);
  if (!bytes) {
    problems->push_back({"(file)", "", bytes.error().what, false});
    Config none;
    none.path = path;
    return none;
  }
  Config out = parse(*bytes, path, role, problems);
  bool secrets = has_secret(*bytes) || std::ranges::any_of(out.sinks, [](const auto& s) {
                   return holds_secret(s.second);
                 });
  struct stat st{};
  if (secrets && ::stat(path.c_str(), &st) == 0 && (st.st_mode & S_IROTH) != 0)
    problems->push_back({"(file)", "",
                         path + " holds secrets (a webhook's secret, headers or URL with a path) "
                                "and every user can read it; chmod o-r",
                         false});
  return out;
}

}  // namespace sluice::config
