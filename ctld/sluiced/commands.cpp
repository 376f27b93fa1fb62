#include "ctld/sluiced/commands.h"

#include "common/base/clock.h"
#include "common/base/text.h"
#include "ctld/sluiced/metrics.h"

namespace sluice::daemon {
namespace {

constexpr size_t kTailRows = 200;         // read at once for one follower
constexpr size_t kTailUnsent = 1U << 20;  // a slow reader is waited for
constexpr size_t kDeadRows = 10'000;

Json count(const char* key, int64_t n) {
  Json out = Json::object();
  out.set(key, Json::of(n));
  return out;
}

Json probed(const Probe::Problems& problems) {
  Json sinks = Json::object();
  for (const auto& [name, problem] : problems)
    sinks.set(name, problem.empty() ? Json() : Json::of(text::to_utf8(problem)));
  Json out = Json::object();
  out.set("sinks", sinks);
  return out;
}

journal::EventFilter filter_of(const Json& r) {
  journal::EventFilter f;
  f.after_seq = r.get("after").integer(0);
  if (r.get("since").is_string()) f.since_us = clock::parse_rfc3339(r.get("since").str());
  f.job_id = static_cast<uint32_t>(r.get("job").integer(0));
  f.type = r.get("type").str();
  f.user = r.get("user").str();
  return f;
}

}  // namespace

void Commands::request(const Json& r, const Caller& caller, const Reply& reply) {
  std::string op = r.get("op").str();
  try {
    if (r.get("since").is_string() && clock::parse_rfc3339(r.get("since").str()) < 0)
      return reply.answer(problem("since " + r.get("since").dump() +
                                  ": must be an RFC 3339 time such as 2026-03-01T12:00:00Z"));
    if (op == "tail" && journal_ == nullptr)
      return reply.answer(problem("a node's sluiced has no journal: ask the controller's"));
    if (op == "tail") return tail(r, caller, reply);
    if (op == "ping") return reply.answer(hooks_.about());
    if (op == "node.events" && hooks_.node_events) return hooks_.node_events(r, caller, reply);
    if (!caller.admin)
      return reply.answer(problem(
          "user " + std::to_string(caller.uid) + " may not " + op +
          ": only root and members of the admin group may; tail shows you your own events"));
    if (op == "status") return reply.answer(status());
    if (op == "reload") {
      std::string why = hooks_.reload();
      return reply.answer(why.empty() ? count("reloaded", 1) : problem(why));
    }
    if (journal_ == nullptr)
      return reply.answer(problem("a node's sluiced has no journal: ask the controller's"));
    if (op == "sweep") {
      hooks_.sweep();
      return reply.answer(count("sweep", 1));
    }
    if (op == "probe") {
      hooks_.probe(std::make_shared<Probe>(
          [reply](const Probe::Problems& problems) { reply.answer(probed(problems)); }));
      return;
    }
    if (op == "metrics") {
      Json out = Json::object();
      out.set("text", Json::of(metrics_text(stats_, journal_)));
      return reply.answer(out);
    }
    if (op == "replay") return reply.answer(replay(r));
    if (op.starts_with("dead.")) return reply.answer(dead(op, r));
    reply.answer(problem("unknown request " + r.get("op").dump()));
  } catch (const journal::DbError& e) {
    reply.answer(problem(e.what));
  }
}

Json Commands::status() {
  Json out = hooks_.about();
  out.set("slurm_up", Json::of(stats_.slurm_up.load()));
  out.set("journal_up", Json::of(stats_.journal_up.load()));
  out.set("waiting", Json::of(stats_.waiting.load()));
  out.set("imported", Json::of(stats_.imported.load()));
  out.set("events", Json::of(stats_.events.load()));
  out.set("gaps", Json::of(stats_.gaps.load()));
  out.set("dropped", Json::of(stats_.dropped.load()));
  out.set("set_aside", Json::of(stats_.set_aside.load()));
  out.set("forwarded", Json::of(stats_.forwarded.load()));
  out.set("sweeps", Json::of(stats_.sweeps.load()));
  int64_t swept = stats_.last_sweep_us;
  out.set("last_sweep", swept > 0 ? Json::of(clock::rfc3339(swept)) : Json());
  if (journal_ == nullptr) return out;
  out.set("last_seq", Json::of(journal_->last_seq()));
  out.set("journal_bytes", Json::of(journal_->bytes_used()));
  Json sinks = Json::object();
  for (const auto& [name, s] : stats_.sinks()) {
    Json one = Json::object();
    one.set("state", Json::of(s.disabled ? "disabled" : s.up ? "up" : "down"));
    one.set("queued", Json::of(journal_->queue_length(name)));
    int64_t oldest = journal_->oldest_queued_us(name);
    one.set("oldest", oldest > 0 ? Json::of(clock::rfc3339(oldest)) : Json());
    one.set("delivered", Json::of(s.delivered));
    one.set("retried", Json::of(s.retried));
    one.set("dead", Json::of(journal_->dead_length(name)));
    one.set("problem", s.problem.empty() ? Json() : Json::of(s.problem));
    sinks.set(name, one);
  }
  out.set("sinks", sinks);
  return out;
}

void Commands::tail(const Json& r, const Caller& caller, const Reply& reply) {
  Tail t;
  t.reply = reply;
  t.filter = filter_of(r);
  if (!caller.admin) t.filter.uid = caller.uid;  // one's own events, whatever was asked for
  t.filter.limit = kTailRows;
  t.follow = r.get("follow").boolean();
  int64_t last = r.get("last").integer(-1);
  if (last >= 0) t.filter.after_seq = journal_->before_last(t.filter, last);
  tails_.push_back(std::move(t));
  tick();
}

// Backlog, a sentinel, then what comes. False: this tail is over.
bool Commands::feed(Tail& t) {
  if (t.reply.gone()) return false;
  while (t.reply.unsent() < kTailUnsent) {
    // Before the rows are read: whoever resumes after the sentinel must not miss what is committed
    // in between.
    int64_t end = journal_->last_seq();
    auto rows = journal_->events(t.filter);
    for (const auto& row : rows) {
      t.filter.after_seq = row.event.seq;
      Json line = Json::object();
      line.set("seq", Json::of(row.event.seq));
      auto body = Json::parse(row.event.body);
      line.set("event", body ? *body : Json());
      t.reply.say(line);
    }
    if (rows.size() == t.filter.limit) continue;
    // What did not pass the filter is not read again at every tick.
    t.filter.after_seq = std::max(t.filter.after_seq, end);
    if (!t.live) {
      t.live = true;
      Json sentinel = Json::object();
      sentinel.set("sentinel", Json::of(t.filter.after_seq));
      t.reply.say(sentinel);
      if (!t.follow) {
        t.reply.end();
        return false;
      }
    }
    return true;
  }
  return true;
}

void Commands::tick() {
  for (auto it = tails_.begin(); it != tails_.end();) {
    bool keep = false;
    try {
      keep = feed(*it);
    } catch (const journal::DbError& e) {
      it->reply.answer(problem(e.what));
    }
    it = keep ? std::next(it) : tails_.erase(it);
  }
}

Json Commands::replay(const Json& r) {
  std::string sink = r.get("sink").str();
  if (!hooks_.config()->sinks.contains(sink))
    return problem("no sink is named " + json_quote(sink));
  journal::EventFilter filter = filter_of(r);
  journal::Transaction t(journal_->db());
  int64_t n = journal_->replay(sink, filter);
  t.commit();
  hooks_.requeued();
  return count("replayed", n);
}

Json Commands::dead(const std::string& op, const Json& r) {
  std::string sink = r.get("sink").str();
  int64_t seq = r.get("seq").integer(0);
  if (op == "dead.list") {
    Json list = Json::array();
    for (const auto& d : journal_->dead(sink, kDeadRows)) {
      Json one = Json::object();
      one.set("seq", Json::of(d.seq));
      one.set("sink", Json::of(d.sink));
      one.set("id", Json::of(d.id));
      one.set("type", Json::of(d.type));
      one.set("subject", Json::of(d.subject));
      one.set("reason", Json::of(d.reason));
      one.set("attempts", Json::of(d.attempts));
      one.set("time", Json::of(clock::rfc3339(d.time_us)));
      one.set("refused", Json::of(d.refused));
      list.push(one);
    }
    Json out = Json::object();
    out.set("dead", list);
    return out;
  }
  if (sink.empty() && seq == 0 && !r.get("all").boolean())
    return problem("say which: a sink, a sequence number, or all");
  if (op == "dead.retry") return retry(sink, seq);
  if (op != "dead.drop") return problem("unknown request " + json_quote(op));
  journal::Transaction t(journal_->db());
  int64_t n = journal_->drop_dead(sink, seq);
  t.commit();
  return count("dropped", n);
}

// What may not be sent, or could reach nobody, stays a dead letter and is counted apart.
Json Commands::retry(const std::string& sink, int64_t seq) {
  auto config = hooks_.config();
  if (!sink.empty() && !config->sinks.contains(sink))
    return problem("no sink is named " + json_quote(sink));
  int64_t retried = 0;
  int64_t refused = 0;
  int64_t unconfigured = 0;
  journal::Transaction t(journal_->db());
  for (const auto& name : journal_->dead_sinks()) {
    if (!sink.empty() && name != sink) continue;
    if (!config->sinks.contains(name)) {
      unconfigured += journal_->dead_length(name, seq);
      continue;
    }
    retried += journal_->retry_dead(name, seq);
    refused += journal_->dead_length(name, seq);
  }
  t.commit();
  hooks_.requeued();
  Json out = count("retried", retried);
  out.set("refused", Json::of(refused));
  out.set("unconfigured", Json::of(unconfigured));
  return out;
}

}  // namespace sluice::daemon
