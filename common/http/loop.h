// The thread that runs libcurl for one http::Client: it does nothing but move requests, so that
// what the owner does between them (reading the journal, rendering, signing) costs no transfer's
// time. Internal to http::Client.
#pragma once

#include <curl/curl.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "common/http/transfer.h"

namespace sluice::http {

class Loop {
 public:
  using Exchanges = std::vector<std::unique_ptr<Exchange>>;

  Loop();
  ~Loop();  // drops what is under way
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // The owner's thread.
  void start(Exchanges exchanges);
  void recall();  // those that wait for their turn end, unsent
  void drop();    // all end here and now, and nobody hears of them
  // What ended since the last call; waits at most `timeout_ms` for the first, or for wake().
  Exchanges ended(int64_t timeout_ms);
  int64_t cpu_us();
  // Any thread.
  void wake();

 private:
  void launch();  // with the first request: who sends none has no thread
  void run();
  bool take_started();
  void end_thread();
  void end_unsent(Exchanges* waiting);
  bool may_sleep();
  void in_turn(std::unique_ptr<Exchange> exchange);
  void begin(std::unique_ptr<Exchange> exchange);
  void finished(std::unique_ptr<Exchange> exchange);
  void give_back(std::unique_ptr<Exchange> exchange);
  void collect();
  void hand_over();
  std::unique_ptr<Transfer> idle_transfer(const std::string& ca_file);
  void keep(std::unique_ptr<Transfer> transfer);

  // Between the two threads.
  std::mutex mutex_;
  std::condition_variable told_;
  Exchanges started_, ended_;
  bool woken_ = false;
  bool recall_ = false;
  bool stop_ = false;
  bool asleep_ = false;  // the loop is in curl_multi_poll, or about to be

  // The loop's own.
  CURLM* multi_ = nullptr;
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> active_;
  // By CA file: a handle's is set once, since libcurl cannot go back to the system's.
  std::map<std::string, std::vector<std::unique_ptr<Transfer>>> idle_;
  size_t idle_count_ = 0;
  struct Group {
    size_t under_way = 0;
    Exchanges waiting;
  };
  std::unordered_map<std::string, Group> groups_;
  // The last failure of each group, until something comes whose sender knows of it.
  std::unordered_map<std::string, uint64_t> failed_;
  Exchanges finished_;        // not handed over yet
  uint64_t ended_count_ = 0;  // those of finished_ included
  std::thread thread_;
};

}  // namespace sluice::http
