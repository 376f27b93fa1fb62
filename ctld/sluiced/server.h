// The daemon's Unix socket: one request a line, JSON, answered by one or more lines of JSON.
// docs/formats.md has the requests. The kernel says who is calling (SO_PEERCRED); what a caller may
// ask follows from that. One thread; no request may block it, and each connection has one request
// answered in turn.
#pragma once

#include <sys/types.h>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/error.h"
#include "common/base/event_fd.h"
#include "common/base/fd.h"
#include "common/json/json.h"

namespace sluice::daemon {

struct Caller {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  bool admin = false;  // root or sluiced's own user; Server::is_admin knows the group as well
};

class Server;

// The answer that says why there is none: {"error": what}.
Json problem(const std::string& what);

// One request being answered. Copies share it; say() may be called from any thread, and does
// nothing once the caller has gone.
class Reply {
 public:
  void say(const Json& line) const;
  void end() const;  // the answer is complete; the connection takes the next request
  void answer(const Json& line) const {
    say(line);
    end();
  }
  bool gone() const;
  size_t unsent() const;  // bytes the caller has not taken yet

 private:
  friend class Server;
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

class Server {
 public:
  using Handler = std::function<void(const Json& request, const Caller& caller, Reply reply)>;

  // `handler` and `tick` (every 200 ms, and after wake()) run on the server's thread.
  static Result<std::unique_ptr<Server>> open(const std::string& path,
                                              const std::string& admin_group, Handler handler,
                                              std::function<void()> tick);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Also those in the admin group. Asks the name service, at most once a minute for a user; for the
  // handler, where an answer needs it.
  bool is_admin(const Caller& caller);
  void serve();  // once, when the owner is ready for requests
  void stop();   // no request is handled any more; those under way may still be answered, unheard
  void wake();   // any thread

 private:
  struct Connection;
  Server() = default;
  void loop();
  void accept_some();
  static bool read(Connection& c);
  bool find_request(Connection& c);
  bool serve_connection(Connection& c, bool readable);
  bool flush(Connection& c);
  bool in_admin_group(uid_t uid, gid_t gid) const;

  Fd listener_;
  EventFd event_;
  std::string path_;
  std::string admin_group_;
  Handler handler_;
  std::function<void()> tick_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::map<uid_t, std::pair<int64_t, bool>> admins_;
  bool stop_ = false;
  std::mutex mutex_;
  std::thread thread_;
};

}  // namespace sluice::daemon
