#include "ctld/sluiced/metrics.h"

#include <microhttpd.h>
#include <unistd.h>

#include <cstring>

#include "common/base/clock.h"
#include "common/base/listen.h"
#include "common/config/check.h"
#include "ctld/sluiced/prometheus.h"

namespace sluice::daemon {
namespace {

constexpr int kBacklog = 16;

// Sink names are [A-Za-z0-9_.-]: nothing to escape.
std::string sink_label(const std::string& name) {
  return "{sink=\"" + name + "\"}";
}

void sinks(Exposition& t, const Stats& stats, journal::Journal& journal) {
  auto all = stats.sinks();
  t.metric("sluice_sink_queued", "gauge", "Events that still have to reach the sink.");
  for (const auto& [n, s] : all)
    t.value(static_cast<double>(journal.queue_length(n)), sink_label(n));
  t.metric("sluice_sink_oldest_age_seconds", "gauge", "Age of the oldest undelivered event.");
  double now = static_cast<double>(clock::wall_us());
  for (const auto& [n, s] : all) {
    auto oldest = static_cast<double>(journal.oldest_queued_us(n));
    t.value(oldest > 0 ? (now - oldest) / 1e6 : 0, sink_label(n));
  }
  t.metric("sluice_sink_dead_letters", "gauge", "Events given up, waiting for an administrator.");
  for (const auto& [n, s] : all)
    t.value(static_cast<double>(journal.dead_length(n)), sink_label(n));
  t.metric("sluice_sink_delivered_total", "counter", "Events the sink took.");
  for (const auto& [n, s] : all) t.value(static_cast<double>(s.delivered), sink_label(n));
  t.metric("sluice_sink_retried_total", "counter", "Tries that failed and will be made again.");
  for (const auto& [n, s] : all) t.value(static_cast<double>(s.retried), sink_label(n));
  t.metric("sluice_sink_dead_total", "counter", "Events that became dead letters.");
  for (const auto& [n, s] : all) t.value(static_cast<double>(s.dead), sink_label(n));
  t.metric("sluice_sink_up", "gauge", "1 if the sink took the last event or its check.");
  for (const auto& [n, s] : all) t.value(s.up ? 1 : 0, sink_label(n));
}

MHD_Result answer(void* cls, MHD_Connection* connection, const char* url, const char* method,
                  const char*, const char*, size_t*, void**) {
  const auto& text = *static_cast<std::function<std::string()>*>(cls);
  bool get = strcmp(method, "GET") == 0;
  bool known = strcmp(url, "/metrics") == 0;
  std::string body = !get ? "only GET\n" : known ? text() : "only /metrics\n";
  MHD_Response* r =
      MHD_create_response_from_buffer(body.size(), body.data(), MHD_RESPMEM_MUST_COPY);
  MHD_add_response_header(r, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  MHD_Result rc = MHD_queue_response(connection, !get ? 405 : known ? 200 : 404, r);
  MHD_destroy_response(r);
  return rc;
}

}  // namespace

std::string metrics_text(const Stats& s, journal::Journal* journal) {
  Exposition t;
  t.metric("sluice_build_info", "gauge", "Version of sluiced.");
  t.value(1, std::string("{version=\"") + SLUICE_VERSION + "\"}");
  auto counter = [&t](const char* name, const char* help, const std::atomic<int64_t>& v) {
    t.one(name, "counter", help, static_cast<double>(v.load()));
  };
  counter("sluice_records_imported_total", "Raw records of hooks, nodes and emits.", s.imported);
  counter("sluice_events_total", "Events journaled.", s.events);
  counter("sluice_events_repeated_total", "Seen again and already journaled.", s.repeats);
  counter("sluice_events_reconciled_total", "Events that only a sweep knew of.", s.reconciled);
  counter("sluice_events_lost_total",
          "Undelivered events that the journal's bound took, once for each sink.", s.lost_events);
  counter("sluice_dead_letters_dropped_total", "Dead letters that the journal's bound took.",
          s.dropped_letters);
  counter("sluice_dead_letters_expired_total", "Dead letters removed by retain_hours.",
          s.expired_letters);
  counter("sluice_gaps_total", "Times hooks told that they had dropped records.", s.gaps);
  counter("sluice_records_dropped_total", "Records hooks told they had dropped.", s.dropped);
  counter("sluice_files_set_aside_total", "Files in the inbox that were no records.", s.set_aside);
  counter("sluice_refused_total", "Sinks and emits refused to users.", s.refused);
  counter("sluice_sweeps_total", "Reconciling sweeps made.", s.sweeps);
  counter("sluice_sweep_failures_total", "Reconciling sweeps that failed.", s.sweep_failures);
  counter("sluice_records_forwarded_total", "Records the controller took from this node.",
          s.forwarded);
  t.one("sluice_records_waiting", "gauge", "Records waiting for slurmctld's answer or the journal.",
        static_cast<double>(s.waiting));
  t.one("sluice_slurm_up", "gauge", "1 if slurmctld answered last.", s.slurm_up ? 1 : 0);
  t.one("sluice_journal_up", "gauge", "1 if the journal could be written last.",
        s.journal_up ? 1 : 0);
  t.metric("sluice_thread_cpu_seconds_total", "counter", "CPU time by thread.");
  for (auto [name, v] : {std::pair{"import", &s.import_cpu_us},
                         {"asker", &s.asker_cpu_us},
                         {"courier", &s.courier_cpu_us},
                         {"http", &s.http_cpu_us},
                         {"files", &s.files_cpu_us}})
    t.value(static_cast<double>(v->load()) / 1e6, std::string("{thread=\"") + name + "\"}");
  if (journal != nullptr) {
    t.one("sluice_journal_bytes", "gauge", "Bytes of the journal in use.",
          static_cast<double>(journal->bytes_used()));
    sinks(t, s, *journal);
  }
  return t.take();
}

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(const std::string& address,
                                                            std::function<std::string()> text) {
  auto m = std::unique_ptr<MetricsServer>(new MetricsServer);
  m->text_ = std::move(text);
  bool at_path = address.starts_with("unix:");
  std::string path = at_path ? address.substr(5) : std::string();
  std::string host;
  std::string port;
  config::split_host_port(address, &host, &port);
  auto listener = at_path ? listen_unix(path, 0660, kBacklog) : listen_tcp(host, port, kBacklog);
  if (!listener) return fail("metrics: cannot listen on " + address + ": " + listener.error().what);
  m->unix_path_ = path;
  m->daemon_ =
      MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, nullptr, nullptr, &answer, &m->text_,
                       MHD_OPTION_LISTEN_SOCKET, listener->get(), MHD_OPTION_CONNECTION_LIMIT, 32U,
                       MHD_OPTION_CONNECTION_TIMEOUT, 10U, MHD_OPTION_END);
  if (m->daemon_ == nullptr) return fail("metrics: cannot serve " + address);
  listener->release();  // MHD_stop_daemon closes it
  return m;
}

MetricsServer::~MetricsServer() {
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
}

}  // namespace sluice::daemon
