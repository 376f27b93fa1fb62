#include "common/http/client.h"

#include <algorithm>

#include "common/http/loop.h"

namespace sluice::http {

struct Client::Impl {
  Loop loop;
  Loop::Exchanges unstarted;  // handed to the loop together: it is woken once
  size_t in_flight = 0;
  uint64_t told = 0;  // the last ended exchange that was called back

  void start() {
    if (!unstarted.empty()) loop.start(std::exchange(unstarted, {}));
  }
};

Client::Client() : impl_(std::make_unique<Impl>()) {}
Client::~Client() = default;

void Client::send(Request request, Done done) {
  ++impl_->in_flight;
  auto exchange = std::make_unique<Exchange>();
  exchange->request = std::move(request);
  exchange->done = std::move(done);
  exchange->known = impl_->told;
  impl_->unstarted.push_back(std::move(exchange));
}

void Client::poll(int64_t timeout_ms) {
  impl_->start();
  for (auto& exchange : impl_->loop.ended(std::max<int64_t>(timeout_ms, 0))) {
    --impl_->in_flight;
    impl_->told = exchange->ended;
    exchange->done(std::move(exchange->response));
  }
  impl_->start();
}

void Client::recall() {
  impl_->start();
  impl_->loop.recall();
}

void Client::drop() {
  impl_->unstarted.clear();
  impl_->loop.drop();
  impl_->in_flight = 0;
}

void Client::wake() {
  impl_->loop.wake();
}

size_t Client::in_flight() const {
  return impl_->in_flight;
}

int64_t Client::cpu_us() const {
  return impl_->loop.cpu_us();
}

}  // namespace sluice::http
