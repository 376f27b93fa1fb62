// Drives one sink for the integration tests.
//   sink_probe CONFIG.json [--check]  < events
// CONFIG.json is what sinks.NAME holds. Each line on standard input is one CloudEvents JSON event.
// Prints one JSON object a line: {"id","verdict","reason","retry_after_ms"}; with --check one
// {"problem"}; with a wrong configuration {"config": "..."} lines and status 2.
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/sinks/sink.h"

namespace {

using namespace sluice;

const char* name_of(Verdict v) {
  switch (v) {
    case Verdict::taken:
      return "taken";
    case Verdict::retry:
      return "retry";
    case Verdict::refused:
      return "refused";
    case Verdict::sink_down:
      return "sink_down";
    case Verdict::unsent:
      return "unsent";
    case Verdict::sink_gone:
      return "sink_gone";
  }
  return "?";
}

void print(const Json& line) {
  puts(line.dump().c_str());
}

std::vector<StoredEvent> read_events() {
  std::vector<StoredEvent> out;
  for (std::string line; std::getline(std::cin, line);) {
    auto json = Json::parse(line);
    if (!json) continue;
    StoredEvent e;
    e.seq = static_cast<int64_t>(out.size()) + 1;
    e.id = json->get("id").str();
    e.type = json->get("type").str();
    e.subject = json->get("subject").str();
    e.lane = e.subject.empty() ? "none" : e.subject;
    e.time_us = clock::parse_rfc3339(json->get("time").str());
    e.body = line;
    out.push_back(std::move(e));
  }
  return out;
}

void report(std::span<const StoredEvent> batch, const std::vector<Outcome>& outcomes) {
  for (size_t i = 0; i < batch.size(); ++i) {
    Json line = Json::object();
    line.set("id", Json::of(batch[i].id));
    line.set("verdict", Json::of(name_of(outcomes.at(i).verdict)));
    line.set("reason", Json::of(outcomes[i].reason));
    line.set("retry_after_ms", Json::of(outcomes[i].retry_after_ms));
    print(line);
  }
}

// As the courier does: batches within the sink's limits, as many at once as it takes.
void drive(Sink* sink, http::Client* http, std::span<const StoredEvent> events) {
  size_t busy = 0;
  SinkLimits limits = sink->limits();
  while (!events.empty() || busy > 0) {
    while (!events.empty() && busy < limits.in_flight) {
      size_t n = 0;
      size_t bytes = 0;
      while (n < events.size() && n < limits.batch) {
        bytes += sink->wire_size(events[n]);
        if (n > 0 && limits.batch_bytes > 0 && bytes > limits.batch_bytes) break;
        ++n;
      }
      auto batch = events.first(n);
      events = events.subspan(n);
      ++busy;
      sink->send(batch, [batch, &busy](const std::vector<Outcome>& outcomes) {
        report(batch, outcomes);
        --busy;
      });
    }
    http->poll(1000);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fputs("usage: sink_probe CONFIG.json [--check] < events\n", stderr);
    return 1;
  }
  auto text = file::read(argv[1]);
  if (!text) {
    fprintf(stderr, "%s\n", text.error().what.c_str());
    return 1;
  }
  auto config = Json::parse(*text, true);
  if (!config) {
    fprintf(stderr, "%s\n", config.error().what.c_str());
    return 1;
  }
  http::Client http;
  config::Problems problems;
  auto sink = make_sink(*config, {"probe", "testcluster", &http}, &problems);
  for (const auto& p : problems) {
    Json line = Json::object();
    line.set(p.warning ? "warning" : "config", Json::of(p.text()));
    print(line);
  }
  if (!sink) return 2;
  if (argc > 2 && strcmp(argv[2], "--check") == 0) {
    bool done = false;
    sink->check([&](const std::string& problem) {
      Json line = Json::object();
      line.set("problem", Json::of(problem));
      print(line);
      done = true;
    });
    while (!done) http.poll(1000);
    return 0;
  }
  auto events = read_events();
  drive(sink.get(), &http, events);
  return 0;
}
