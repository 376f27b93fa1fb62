#include "common/power/process_provider.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <memory>

#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/base/text.h"

namespace sluice::power {
namespace {

constexpr const char* kToken = "SLUICE_LAUNCH=";
constexpr const char* kNode = "SLUICE_NODE=";
constexpr const char* kCluster = "SLUICE_CLUSTER=";

// Files of /proc have no size: read until they end.
std::string read_proc(int64_t pid, const char* name) {
  std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  char buffer[4096];
  for (ssize_t n; fd && (n = ::read(fd.get(), buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<size_t>(n));
  return out;
}

// Field 22 of stat, counted from behind the command's name, which may hold anything.
std::string start_of(int64_t pid) {
  std::string stat = read_proc(pid, "stat");
  size_t end = stat.rfind(") ");
  if (end == stat.npos) return {};
  auto fields = text::split(std::string_view(stat).substr(end + 2), ' ');
  return fields.size() > 19 && fields[0] != "Z" ? fields[19] : std::string();
}

bool read_process(int64_t pid, NodeProcess* out) {
  std::string environment = read_proc(pid, "environ");
  if (environment.find(kToken) == environment.npos) return false;
  for (const auto& variable : text::split(environment, '\0')) {
    if (variable.starts_with(kToken)) out->token = variable.substr(strlen(kToken));
    if (variable.starts_with(kNode)) out->node = variable.substr(strlen(kNode));
    if (variable.starts_with(kCluster)) out->cluster = variable.substr(strlen(kCluster));
  }
  // slurmstepd and what it runs inherit slurmd's environment.
  std::string name = read_proc(pid, "comm");
  if (std::string(text::trim(name)) != "slurmd") return false;
  out->pid = pid;
  out->started = start_of(pid);
  return !out->token.empty() && !out->started.empty();
}

std::string id_of(const NodeProcess& p) {
  return std::to_string(p.pid) + "." + p.started;
}

class Processes : public Provider {
 public:
  Processes(std::string slurmd, std::string address)
      : slurmd_(std::move(slurmd)), address_(std::move(address)) {}

  std::string render(const Order& order) const override {
    Json request = Json::object();
    request.set("token", Json::of(order.token));
    request.set("cluster", Json::of(order.cluster));
    Json nodes = Json::array();
    for (const auto& node : order.nodes) nodes.push(Json::of(node));
    request.set("nodes", nodes);
    return request.dump();
  }

  void launch(const std::string& request, OnLaunched done) override {
    Launched out;
    auto json = Json::parse(request);
    std::string token = json ? json->get("token").str() : std::string();
    std::string cluster = json ? json->get("cluster").str() : std::string();
    Json nodes = json ? json->get("nodes") : Json();
    auto running = node_processes();
    for (size_t i = 0; i < nodes.size(); ++i) {
      std::string node = nodes.at(i).str();
      auto there = std::ranges::find_if(
          running, [&](const NodeProcess& p) { return p.token == token && p.node == node; });
      if (there != running.end())
        out.machines.push_back(machine_of(*there));
      else
        start(token, cluster, node, &out);
    }
    done(std::move(out));
  }

  void list(const std::string& cluster, OnMachines done) override {
    select([&](const NodeProcess& p) { return p.cluster == cluster; }, done);
  }
  void find(const std::string& token, OnMachines done) override {
    select([&](const NodeProcess& p) { return p.token == token; }, done);
  }

  void terminate(std::vector<std::string> ids, OnEnded done) override {
    Ended out;
    for (const std::string& id : ids) {
      int64_t pid = 0;
      size_t dot = id.find('.');
      bool good = text::parse_int(std::string_view(id).substr(0, dot), 2, INT32_MAX, &pid);
      // A number that is another process's now has ended as ours. An instance is gone with all that
      // runs on it: the jobs' processes are slurmd's group or slurmstepd's business to end.
      if (good && dot != id.npos && start_of(pid) == id.substr(dot + 1))
        ::kill(static_cast<pid_t>(pid), SIGKILL);
      out.ids.push_back(id);
    }
    done(std::move(out));
  }

  void tag(const std::string&, const std::vector<std::pair<std::string, std::string>>&,
           OnTagged done) override {
    done(std::nullopt);  // nobody would see it
  }

  bool poll(int64_t) override { return false; }

 private:
  Machine machine_of(const NodeProcess& p) const {
    Machine m;
    m.id = id_of(p);
    m.address = address_;
    m.hostname = "localhost";
    m.type = "process";
    m.zone = "local";
    m.life = Life::running;
    m.launch = p.token;
    m.node = p.node;
    return m;
  }

  template <class Wanted>
  void select(Wanted wanted, const OnMachines& done) {
    std::vector<Machine> out;
    for (const NodeProcess& p : node_processes())
      if (wanted(p)) out.push_back(machine_of(p));
    done(std::move(out));
  }

  void start(const std::string& token, const std::string& cluster, const std::string& node,
             Launched* out) {
    std::vector<std::string> environment{kToken + token, kNode + node, kCluster + cluster,
                                         "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    if (const char* conf = getenv("SLURM_CONF"); conf != nullptr)
      environment.push_back(std::string("SLURM_CONF=") + conf);
    std::vector<std::string> arguments{slurmd_, "-D", "-b", "-N", node};
    pid_t pid = 0;
    if (int err = spawn(arguments, environment, &pid); err != 0) {
      out->refusals.push_back({Cause::configuration, strerrorname_np(err),
                               slurmd_ + ": " + strerrordesc_np(err), "process", "local", "",
                               false});
      return;
    }
    NodeProcess p{pid, start_of(pid), token, node, cluster};
    out->machines.push_back(machine_of(p));
  }

  static int spawn(std::vector<std::string>& arguments, std::vector<std::string>& environment,
                   pid_t* pid) {
    auto pointers = [](std::vector<std::string>& list) {
      std::vector<char*> out;
      out.reserve(list.size() + 1);
      for (auto& text : list) out.push_back(text.data());
      out.push_back(nullptr);
      return out;
    };
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    auto argv = pointers(arguments), envp = pointers(environment);
    int err = posix_spawn(pid, argv[0], &files, &attributes, argv.data(), envp.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return err;
  }

  std::string slurmd_, address_;
};

}  // namespace

std::vector<NodeProcess> node_processes() {
  std::vector<NodeProcess> out;
  std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
  while (proc != nullptr) {
    dirent* entry = readdir(proc.get());
    if (entry == nullptr) break;
    int64_t pid = 0;
    NodeProcess p;
    if (text::parse_int(entry->d_name, 2, INT32_MAX, &pid) && read_process(pid, &p))
      out.push_back(std::move(p));
  }
  return out;
}

ProviderPtr make_process_provider(std::string slurmd, std::string address) {
  return std::make_shared<Processes>(std::move(slurmd), std::move(address));
}

}  // namespace sluice::power
