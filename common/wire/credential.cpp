#include "common/wire/credential.h"

#include <munge.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

#include "common/base/text.h"

namespace sluice::wire {
namespace {

struct FreeContext {
  void operator()(munge_ctx* c) const { munge_ctx_destroy(c); }
};

std::unique_ptr<munge_ctx, FreeContext> context(const std::string& socket) {
  std::unique_ptr<munge_ctx, FreeContext> c(munge_ctx_create());
  if (c != nullptr && !socket.empty()) munge_ctx_set(c.get(), MUNGE_OPT_SOCKET, socket.c_str());
  return c;
}

}  // namespace

Result<std::string> make_credential(const std::string& socket, std::string_view payload) {
  auto c = context(socket);
  char* text = nullptr;
  munge_err_t rc = munge_encode(&text, c.get(), payload.data(), static_cast<int>(payload.size()));
  if (rc != EMUNGE_SUCCESS) return fail(std::string("munge: ") + munge_ctx_strerror(c.get()));
  std::string out = text;
  free(text);
  return out;
}

Result<Sender> open_credential(const std::string& socket, const std::string& credential) {
  auto c = context(socket);
  void* data = nullptr;
  int size = 0;
  Sender sender;
  gid_t gid = 0;
  munge_err_t rc = munge_decode(credential.c_str(), c.get(), &data, &size, &sender.uid, &gid);
  if (data != nullptr && size > 0)
    sender.payload.assign(static_cast<const char*>(data), static_cast<size_t>(size));
  free(data);
  if (rc != EMUNGE_SUCCESS) return fail(std::string("munge: ") + munge_strerror(rc));
  return sender;
}

std::string sha256_hex(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  return text::hex({reinterpret_cast<const char*>(digest), size});
}

}  // namespace sluice::wire
