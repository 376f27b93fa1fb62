// libsluice.so: include/sluice/sluice.h on a client::Connection. No exception passes an entry
// point; running out of memory is the only one that can arise.
#include "sluice/sluice.h"

#include <pthread.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <string>

#include "common/base/text.h"
#include "common/client/connection.h"
#include "common/config/config.h"

struct sluice_handle {
  std::string socket;
  int timeout_ms;
  std::optional<sluice::client::Connection> connection;
};

namespace {

using sluice::Json;
using sluice::client::Connection;
using sluice::client::Deadline;
using sluice::client::Failure;
using sluice::client::Fault;
using sluice::client::kMaxDepth;

int code_of(Fault fault) {
  switch (fault) {
    case Fault::unreachable:
      return SLUICE_E_UNREACHABLE;
    case Fault::too_long:
      return SLUICE_E_INVALID;
    case Fault::timed_out:
      return SLUICE_E_TIMEOUT;
    case Fault::lost:
      return SLUICE_E_LOST;
    case Fault::garbled:
    case Fault::stopped:
      return SLUICE_E_PROTOCOL;
  }
  return SLUICE_E_PROTOCOL;
}

template <size_t N>
void copy(char (&to)[N], std::string_view from) {
  size_t n = from.size() < N ? from.size() : N - 1;
  // No half of a UTF-8 sequence at the end.
  while (n < from.size() && n > 0 && (static_cast<unsigned char>(from[n]) & 0xC0) == 0x80) --n;
  memcpy(to, from.data(), n);
  to[n] = '\0';
}

int say(sluice_error* err, int code, std::string_view message) {
  if (err != nullptr) {
    err->code = code;
    copy(err->message, message);
  }
  return code;
}

int say(sluice_error* err, const Failure& failure) {
  return say(err, code_of(failure.fault), failure.what);
}

// A thread that is cancelled during `body` ends once it is over, at the caller's next cancellation
// point: glibc cancels by unwinding, which neither a destructor nor a catch (...) may stop, and the
// caller may be C that has no unwind tables. `body` is bounded and throws nothing.
template <class Body>
int uncancelled(Body body) {
  int before = PTHREAD_CANCEL_ENABLE;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  int rc = body();
  pthread_setcancelstate(before, nullptr);
  return rc;
}

// No exception leaves `body`, whatever it calls.
template <class Body>
int caught(sluice_error* err, Body body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return say(err, SLUICE_E_MEMORY, sluice_strerror(SLUICE_E_MEMORY));
  } catch (...) {
    return say(err, SLUICE_E_PROTOCOL, sluice_strerror(SLUICE_E_PROTOCOL));
  }
}

template <class Body>
int guarded(sluice_error* err, Body body) {
  return uncancelled([&] { return caught(err, body); });
}

sluice_handle make(const char* socket, int timeout_ms) {
  // A setuid program does not let its caller choose whom it talks to.
  if (socket == nullptr) socket = secure_getenv("SLUICE_SOCKET");
  if (socket == nullptr || socket[0] == '\0') socket = sluice::config::kDefaultSocket;
  return {socket, timeout_ms > 0 ? timeout_ms : sluice::client::kTimeoutMs, std::nullopt};
}

int connect(sluice_handle* h, Deadline deadline, sluice_error* err) {
  if (h->connection && !h->connection->closed()) return SLUICE_OK;
  h->connection.reset();
  auto opened = Connection::open(h->socket, deadline);
  if (!opened) return say(err, opened.error());
  h->connection = std::move(*opened);
  return SLUICE_OK;
}

int emit(sluice_handle* h, const char* type, const char* data, sluice_receipt* receipt,
         sluice_error* err) {
  Deadline deadline(h->timeout_ms);  // of the whole call
  if (type == nullptr || type[0] == '\0')
    return say(err, SLUICE_E_INVALID, "the event's type is missing; give user.NAME");
  Json request = Json::object();
  request.set("op", Json::of("emit"));
  request.set("type", Json::of(sluice::text::to_utf8(type)));
  if (data != nullptr) {
    auto value = Json::parse(data, false, kMaxDepth);
    if (!value)
      return say(err, SLUICE_E_INVALID, "the event's data is no JSON: " + value.error().what);
    request.set("data", *value);
  }
  if (int rc = connect(h, deadline, err); rc != SLUICE_OK) return rc;
  auto answer = h->connection->ask(request, deadline);
  if (!answer) {
    h->connection.reset();  // a late answer must not be taken for the next one's
    return say(err, answer.error());
  }
  if (answer->has("error")) return say(err, SLUICE_E_REFUSED, answer->get("error").str());
  if (!answer->has("committed"))
    return say(err, SLUICE_E_PROTOCOL, sluice_strerror(SLUICE_E_PROTOCOL));
  if (receipt != nullptr) {
    receipt->job_id = static_cast<uint32_t>(answer->get("job_id").integer());
    copy(receipt->record, answer->get("record").str());
  }
  if (!answer->get("committed").boolean())
    return say(err, SLUICE_E_KEPT, answer->get("note").str(sluice_strerror(SLUICE_E_KEPT)));
  return say(err, SLUICE_OK, "");
}

}  // namespace

int sluice_open(const char* socket_path, int timeout_ms, struct sluice_handle** out,
                struct sluice_error* err) {
  if (out == nullptr) return say(err, SLUICE_E_INVALID, "sluice_open: out is NULL");
  *out = nullptr;
  return guarded(err, [&] {
    sluice_handle handle = make(socket_path, timeout_ms);
    if (int rc = connect(&handle, Deadline(handle.timeout_ms), err); rc != SLUICE_OK) return rc;
    *out = new sluice_handle(std::move(handle));
    return say(err, SLUICE_OK, "");
  });
}

int sluice_send(struct sluice_handle* handle, const char* type, const char* json_data,
                struct sluice_receipt* receipt, struct sluice_error* err) {
  if (receipt != nullptr) *receipt = {};
  if (handle == nullptr) return say(err, SLUICE_E_INVALID, "sluice_send: the handle is NULL");
  return guarded(err, [&] {
    try {
      return emit(handle, type, json_data, receipt, err);
    } catch (...) {
      handle->connection.reset();  // an answer may be on its way still
      throw;
    }
  });
}

void sluice_close(struct sluice_handle* handle) {
  uncancelled([&] {
    delete handle;
    return SLUICE_OK;
  });
}

int sluice_emit(const char* type, const char* json_data, struct sluice_error* err) {
  return guarded(err, [&] {
    sluice_handle handle = make(nullptr, 0);
    return emit(&handle, type, json_data, nullptr, err);
  });
}

const char* sluice_strerror(int code) {
  switch (code) {
    case SLUICE_OK:
      return "the event is in the controller's journal";
    case SLUICE_E_INVALID:
      return "a bad argument; nothing was sent";
    case SLUICE_E_UNREACHABLE:
      return "no sluiced serves the socket; nothing was sent";
    case SLUICE_E_REFUSED:
      return "sluiced refused the event";
    case SLUICE_E_KEPT:
      return "the event is kept on this node until the controller can be reached";
    case SLUICE_E_TIMEOUT:
      return "no answer in time; the event may have been taken";
    case SLUICE_E_LOST:
      return "the connection ended before the answer; the event may have been taken";
    case SLUICE_E_PROTOCOL:
      return "what answered is no sluiced that this library understands";
    case SLUICE_E_MEMORY:
      return "out of memory";
    default:
      return "an unknown code; is libsluice.so older than the program?";
  }
}

const char* sluice_version() {
  return SLUICE_VERSION;
}
