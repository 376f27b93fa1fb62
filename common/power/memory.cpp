// The parts of record.h that remember: events for sluiced, shortages, troubles, errors, counters.
#include "common/power/record.h"

namespace sluice::power {
namespace {

using journal::Query;

constexpr int64_t kMostNotices = 10'000;

}  // namespace

void Record::add(const Notice& n) {
  db_.query("INSERT INTO notices(type, id, node, time_us, data) VALUES(?, ?, ?, ?, ?)")
      .bind(n.type)
      .bind(n.id)
      .bind(n.node)
      .bind(n.time_us)
      .bind(n.data)
      .run();
  // Where no sluiced ever comes for them.
  db_.query("DELETE FROM notices WHERE seq <= ?").bind(db_.last_insert() - kMostNotices).run();
}

std::vector<Notice> Record::notices(size_t most) {
  std::vector<Notice> out;
  Query q =
      db_.query("SELECT seq, type, id, node, time_us, data FROM notices ORDER BY seq LIMIT ?");
  q.bind(static_cast<int64_t>(most));
  while (q.row())
    out.push_back({q.integer(0), q.text(1), q.text(2), q.text(3), q.integer(4), q.text(5)});
  return out;
}

void Record::taken(int64_t seq) {
  db_.query("DELETE FROM notices WHERE seq <= ?").bind(seq).run();
}

std::vector<Shortage> Record::shortages(int64_t now_us) {
  std::vector<Shortage> out;
  Query q = db_.query(
      "SELECT provider, region, profile, type, subnet, zone, spot, code, until_us FROM shortages"
      " WHERE until_us > ?");
  q.bind(now_us);
  while (q.row()) {
    Shortage s;
    s.place = {q.integer(0) == 1 ? ProviderKind::process : ProviderKind::ec2, q.text(1), q.text(2)};
    s.type = q.text(3);
    s.subnet = q.text(4);
    s.zone = q.text(5);
    s.spot = q.integer(6) != 0;
    s.code = q.text(7);
    s.until_us = q.integer(8);
    out.push_back(std::move(s));
  }
  return out;
}

void Record::add(const Shortage& s) {
  db_.query(
         "INSERT OR REPLACE INTO shortages(provider, region, profile, type, subnet, zone, spot,"
         " code, until_us) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(s.place.provider == ProviderKind::process ? 1 : 0)
      .bind(s.place.region)
      .bind(s.place.profile)
      .bind(s.type)
      .bind(s.subnet)
      .bind(s.zone)
      .bind(s.spot ? 1 : 0)
      .bind(s.code)
      .bind(s.until_us)
      .run();
}

std::string Record::zone_of(const Place& place, const std::string& subnet) {
  Query q = db_.query("SELECT zone FROM subnets WHERE region = ? AND subnet = ?");
  q.bind(place.region).bind(subnet);
  return q.row() ? q.text(0) : std::string();
}

void Record::learn_zone(const Place& place, const std::string& subnet, const std::string& zone) {
  db_.query("INSERT OR REPLACE INTO subnets(region, subnet, zone) VALUES(?, ?, ?)")
      .bind(place.region)
      .bind(subnet)
      .bind(zone)
      .run();
}

Trouble Record::trouble(const std::string& group) {
  Query q = db_.query("SELECT failures, last_us FROM trouble WHERE grp = ?");
  q.bind(group);
  return q.row() ? Trouble{q.integer(0), q.integer(1)} : Trouble{};
}

void Record::set_trouble(const std::string& group, const Trouble& t) {
  db_.query("INSERT OR REPLACE INTO trouble(grp, failures, last_us) VALUES(?, ?, ?)")
      .bind(group)
      .bind(t.failures)
      .bind(t.last_us)
      .run();
}

void Record::forsake(const std::string& node, int64_t until_us, const std::string& why) {
  db_.query("INSERT OR REPLACE INTO forsaken(node, until_us, why) VALUES(?, ?, ?)")
      .bind(node)
      .bind(until_us)
      .bind(why)
      .run();
}

std::optional<std::string> Record::forsaken(const std::string& node, int64_t now_us) {
  // One that lasts so long is of a clock that was wrong.
  Query q = db_.query("SELECT why FROM forsaken WHERE node = ? AND until_us BETWEEN ? AND ?");
  q.bind(node).bind(now_us).bind(now_us + 3'600'000'000);
  if (!q.row()) return std::nullopt;
  return q.text(0);
}

void Record::set_error(const std::string& node, const std::string& text, int64_t now_us) {
  db_.query("INSERT OR REPLACE INTO errors(node, text, time_us) VALUES(?, ?, ?)")
      .bind(node)
      .bind(text)
      .bind(now_us)
      .run();
}

void Record::clear_error(const std::string& node) {
  db_.query("DELETE FROM errors WHERE node = ?").bind(node).run();
}

std::vector<std::pair<std::string, std::string>> Record::errors() {
  std::vector<std::pair<std::string, std::string>> out;
  Query q = db_.query("SELECT node, text FROM errors ORDER BY node");
  while (q.row()) out.emplace_back(q.text(0), q.text(1));
  return out;
}

void Record::count(const char* name, const std::string& group, const std::string& label,
                   int64_t n) {
  if (n == 0) return;
  db_.query(
         "INSERT INTO counters(name, grp, label, value) VALUES(?, ?, ?, ?)"
         " ON CONFLICT(name, grp, label) DO UPDATE SET value = value + excluded.value")
      .bind(name)
      .bind(group)
      .bind(label)
      .bind(n)
      .run();
}

std::vector<Counter> Record::counters() {
  std::vector<Counter> out;
  Query q = db_.query("SELECT name, grp, label, value FROM counters ORDER BY name, grp, label");
  while (q.row()) out.push_back({q.text(0), q.text(1), q.text(2), q.integer(3)});
  return out;
}

}  // namespace sluice::power
