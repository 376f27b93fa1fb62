#include "common/aws/hash.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <memory>

namespace sluice::aws {
namespace {

const unsigned char* bytes_of(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

struct FreeContext {
  void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

// HMAC (RFC 2104) with the key's block hashed once.
class PreparedKey {
 public:
  bool is(std::string_view key) const { return work_ != nullptr && key_ == key; }

  PreparedKey& prepare(std::string_view key) {
    key_ = key;
    inner_.reset(EVP_MD_CTX_new());
    outer_.reset(EVP_MD_CTX_new());
    work_.reset(EVP_MD_CTX_new());
    std::string block = key.size() > SHA256_CBLOCK ? sha256(key) : std::string(key);
    block.resize(SHA256_CBLOCK, '\0');
    start(inner_.get(), block, 0x36);
    start(outer_.get(), block, 0x5c);
    return *this;
  }

  std::string sign(std::initializer_list<std::string_view> parts) {
    std::string out(SHA256_DIGEST_LENGTH, '\0');
    auto* digest = reinterpret_cast<unsigned char*>(out.data());
    EVP_MD_CTX_copy_ex(work_.get(), inner_.get());
    for (auto part : parts) EVP_DigestUpdate(work_.get(), part.data(), part.size());
    EVP_DigestFinal_ex(work_.get(), digest, nullptr);
    EVP_MD_CTX_copy_ex(work_.get(), outer_.get());
    EVP_DigestUpdate(work_.get(), digest, out.size());
    EVP_DigestFinal_ex(work_.get(), digest, nullptr);
    return out;
  }

 private:
  static void start(EVP_MD_CTX* context, std::string block, char pad) {
    for (char& c : block) c = static_cast<char>(c ^ pad);
    EVP_DigestInit_ex(context, EVP_sha256(), nullptr);
    EVP_DigestUpdate(context, block.data(), block.size());
  }

  std::string key_;
  Context inner_, outer_, work_;
};

}  // namespace

std::string sha256(std::string_view bytes) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(bytes_of(bytes), bytes.size(), reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

std::string hmac_sha256(std::string_view key, std::initializer_list<std::string_view> parts) {
  // OpenSSL's HMAC() looks its algorithm up and hashes the key at every call, which costs more than
  // the events signed with it. A courier signs with few keys: their prepared states are kept.
  static thread_local std::array<PreparedKey, 4> prepared;
  static thread_local size_t next = 0;
  for (auto& p : prepared)
    if (p.is(key)) return p.sign(parts);
  return prepared[next++ % prepared.size()].prepare(key).sign(parts);
}

}  // namespace sluice::aws
