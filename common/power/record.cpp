#include "common/power/record.h"

#include "common/base/file.h"

namespace sluice::power {
namespace {

using journal::DbError;
using journal::Query;

constexpr int kSchemaVersion = 1;
constexpr const char* kSchema = R"sql(
CREATE TABLE IF NOT EXISTS launches(
  token TEXT PRIMARY KEY, provider INTEGER NOT NULL, region TEXT NOT NULL, profile TEXT NOT NULL,
  grp TEXT NOT NULL, request TEXT NOT NULL, owner TEXT NOT NULL, made_us INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nodes(
  name TEXT PRIMARY KEY, token TEXT NOT NULL,
  provider INTEGER NOT NULL, region TEXT NOT NULL, profile TEXT NOT NULL, grp TEXT NOT NULL,
  stage INTEGER NOT NULL, doomed INTEGER NOT NULL, named INTEGER NOT NULL, machine TEXT NOT NULL,
  address TEXT NOT NULL, hostname TEXT NOT NULL, type TEXT NOT NULL, zone TEXT NOT NULL,
  spot INTEGER NOT NULL, since_us INTEGER NOT NULL, ready_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nodes_token ON nodes(token);
CREATE TABLE IF NOT EXISTS endings(
  machine TEXT PRIMARY KEY, provider INTEGER NOT NULL, region TEXT NOT NULL, profile TEXT NOT NULL,
  node TEXT NOT NULL, since_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen(
  node TEXT NOT NULL, what INTEGER NOT NULL, since_us INTEGER NOT NULL, last_us INTEGER NOT NULL,
  PRIMARY KEY(node, what)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notices(
  seq INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, id TEXT NOT NULL, node TEXT NOT NULL,
  time_us INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS shortages(
  provider INTEGER NOT NULL, region TEXT NOT NULL, profile TEXT NOT NULL, type TEXT NOT NULL,
  subnet TEXT NOT NULL, zone TEXT NOT NULL, spot INTEGER NOT NULL, code TEXT NOT NULL,
  until_us INTEGER NOT NULL,
  PRIMARY KEY(provider, region, profile, type, subnet, zone, spot)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subnets(
  region TEXT NOT NULL, subnet TEXT NOT NULL, zone TEXT NOT NULL,
  PRIMARY KEY(region, subnet)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trouble(
  grp TEXT PRIMARY KEY, failures INTEGER NOT NULL, last_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forsaken(
  node TEXT PRIMARY KEY, until_us INTEGER NOT NULL, why TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS errors(
  node TEXT PRIMARY KEY, text TEXT NOT NULL, time_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters(
  name TEXT NOT NULL, grp TEXT NOT NULL, label TEXT NOT NULL, value INTEGER NOT NULL,
  PRIMARY KEY(name, grp, label)) WITHOUT ROWID;
)sql";

constexpr const char* kNodeColumns =
    "SELECT name, token, provider, region, profile, stage, doomed, named, machine, address,"
    " hostname, type, zone, spot, since_us, grp, ready_us FROM nodes WHERE name = ?";
constexpr const char* kAllNodes =
    "SELECT name, token, provider, region, profile, stage, doomed, named, machine, address,"
    " hostname, type, zone, spot, since_us, grp, ready_us FROM nodes ORDER BY name";

Place read_place(const Query& q, int at) {
  return {q.integer(at) == 1 ? ProviderKind::process : ProviderKind::ec2, q.text(at + 1),
          q.text(at + 2)};
}

Query& bind(Query& q, const Place& place) {
  return q.bind(place.provider == ProviderKind::process ? 1 : 0)
      .bind(place.region)
      .bind(place.profile);
}

Node read_node(const Query& q) {
  Node n;
  n.name = q.text(0);
  n.token = q.text(1);
  n.place = read_place(q, 2);
  n.stage = static_cast<Stage>(q.integer(5));
  n.doomed = q.integer(6) != 0;
  n.named = q.integer(7) != 0;
  n.machine.id = q.text(8);
  n.machine.address = q.text(9);
  n.machine.hostname = q.text(10);
  n.machine.type = q.text(11);
  n.machine.zone = q.text(12);
  n.machine.spot = q.integer(13) != 0;
  n.machine.launch = n.token;
  n.machine.node = n.name;
  n.since_us = q.integer(14);
  n.group = q.text(15);
  n.ready_us = q.integer(16);
  return n;
}

}  // namespace

Place place_of(const Group& group) {
  return {group.provider, group.region, group.profile};
}

Result<Record> Record::open(const std::string& folder) {
  if (auto made = file::make_dirs(folder, 0750); !made) return std::unexpected(made.error());
  auto db = journal::Db::open(folder + "/power.db", journal::Durability::power_safe);
  if (!db) return std::unexpected(db.error());
  try {
    int64_t version = 0;
    {
      Query q = db->query("PRAGMA user_version");
      if (q.row()) version = q.integer(0);
    }
    if (version > kSchemaVersion)
      return fail(folder + "/power.db is of a newer release (schema " + std::to_string(version) +
                  "); this one knows " + std::to_string(kSchemaVersion));
    if (version < kSchemaVersion) {
      journal::Transaction t(*db);
      db->exec(kSchema);
      db->exec("PRAGMA user_version = 1");
      t.commit();
    }
  } catch (const DbError& e) {
    return fail(folder + "/power.db: " + e.what);
  }
  return Record(std::move(*db));
}

std::vector<Launch> Record::launches() {
  std::vector<Launch> out;
  {
    Query q = db_.query(
        "SELECT token, provider, region, profile, grp, request, owner, made_us FROM launches"
        " ORDER BY made_us, token");
    while (q.row()) {
      Launch l;
      l.token = q.text(0);
      l.place = read_place(q, 1);
      l.group = q.text(4);
      l.request = q.text(5);
      l.owner = q.text(6);
      l.made_us = q.integer(7);
      out.push_back(std::move(l));
    }
  }
  for (Launch& l : out) {
    Query q = db_.query("SELECT name FROM nodes WHERE token = ? AND stage = 0 ORDER BY name");
    q.bind(l.token);
    while (q.row()) l.nodes.push_back(q.text(0));
  }
  return out;
}

void Record::add(const Launch& launch) {
  {
    Query q = db_.query(
        "INSERT INTO launches(token, provider, region, profile, grp, request, owner, made_us)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    bind(q.bind(launch.token), launch.place)
        .bind(launch.group)
        .bind(launch.request)
        .bind(launch.owner)
        .bind(launch.made_us)
        .run();
  }
  Node node;
  node.token = launch.token;
  node.place = launch.place;
  node.group = launch.group;
  node.since_us = launch.made_us;
  for (const std::string& name : launch.nodes) {
    node.name = name;
    put(node);
  }
}

void Record::take_over(const std::string& token, const std::string& owner) {
  db_.query("UPDATE launches SET owner = ? WHERE token = ?").bind(owner).bind(token).run();
}

void Record::settle(const std::string& token) {
  db_.query("DELETE FROM nodes WHERE token = ? AND stage = 0").bind(token).run();
  db_.query("DELETE FROM launches WHERE token = ?").bind(token).run();
}

std::optional<Node> Record::node(const std::string& name) {
  Query q = db_.query(kNodeColumns);
  q.bind(name);
  if (!q.row()) return std::nullopt;
  return read_node(q);
}

std::vector<Node> Record::nodes() {
  std::vector<Node> out;
  Query q = db_.query(kAllNodes);
  while (q.row()) out.push_back(read_node(q));
  return out;
}

void Record::put(const Node& n) {
  Query q = db_.query(
      "INSERT OR REPLACE INTO nodes(name, token, provider, region, profile, stage, doomed, named,"
      " machine, address, hostname, type, zone, spot, since_us, grp, ready_us)"
      " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  bind(q.bind(n.name).bind(n.token), n.place)
      .bind(static_cast<int>(n.stage))
      .bind(n.doomed ? 1 : 0)
      .bind(n.named ? 1 : 0)
      .bind(n.machine.id)
      .bind(n.machine.address)
      .bind(n.machine.hostname)
      .bind(n.machine.type)
      .bind(n.machine.zone)
      .bind(n.machine.spot ? 1 : 0)
      .bind(n.since_us)
      .bind(n.group)
      .bind(n.ready_us)
      .run();
}

void Record::forget(const std::string& name) {
  db_.query("DELETE FROM nodes WHERE name = ?").bind(name).run();
}

std::vector<Ending> Record::endings() {
  std::vector<Ending> out;
  Query q = db_.query(
      "SELECT machine, provider, region, profile, node, since_us FROM endings ORDER BY machine");
  while (q.row()) out.push_back({q.text(0), read_place(q, 1), q.text(4), q.integer(5)});
  return out;
}

void Record::add(const Ending& e) {
  Query q = db_.query(
      "INSERT OR IGNORE INTO endings(machine, provider, region, profile, node, since_us)"
      " VALUES(?, ?, ?, ?, ?, ?)");
  bind(q.bind(e.machine), e.place).bind(e.node).bind(e.since_us).run();
}

void Record::ended(const std::string& machine) {
  db_.query("DELETE FROM endings WHERE machine = ?").bind(machine).run();
}

int64_t Record::seen(const std::string& node, int what, int64_t pass_us) {
  db_.query(
         "INSERT INTO seen(node, what, since_us, last_us) VALUES(?, ?, ?, ?)"
         " ON CONFLICT(node, what) DO UPDATE SET last_us = excluded.last_us,"
         // one that is still to come is of a clock that was wrong
         " since_us = min(since_us, excluded.since_us)")
      .bind(node)
      .bind(what)
      .bind(pass_us)
      .bind(pass_us)
      .run();
  Query q = db_.query("SELECT since_us FROM seen WHERE node = ? AND what = ?");
  q.bind(node).bind(what);
  return q.row() ? q.integer(0) : pass_us;
}

void Record::unseen(int64_t pass_us) {
  db_.query("DELETE FROM seen WHERE last_us <> ?").bind(pass_us).run();
}

}  // namespace sluice::power
