#include "common/http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace sluice::http {
namespace {

struct Block {
  uint32_t network;
  int bits;
};

constexpr uint32_t quad(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr std::array kNotPublic{
    Block{quad(0, 0, 0, 0), 8},        // this network; 0.0.0.0 reaches the local host
    Block{quad(10, 0, 0, 0), 8},       // RFC 1918
    Block{quad(100, 64, 0, 0), 10},    // RFC 6598, carrier-grade NAT
    Block{quad(127, 0, 0, 0), 8},      // loopback
    Block{quad(169, 254, 0, 0), 16},   // link-local: instance metadata
    Block{quad(172, 16, 0, 0), 12},    // RFC 1918
    Block{quad(192, 0, 0, 0), 24},     // IETF protocol assignments
    Block{quad(192, 0, 2, 0), 24},     // documentation
    Block{quad(192, 88, 99, 0), 24},   // 6to4 relays, withdrawn
    Block{quad(192, 168, 0, 0), 16},   // RFC 1918
    Block{quad(198, 18, 0, 0), 15},    // benchmarking
    Block{quad(198, 51, 100, 0), 24},  // documentation
    Block{quad(203, 0, 113, 0), 24},   // documentation
    Block{quad(224, 0, 0, 0), 3},      // multicast, reserved, broadcast
};

bool is_public_v4(uint32_t host_order) {
  return std::ranges::none_of(
      kNotPublic, [&](const Block& b) { return (host_order ^ b.network) >> (32 - b.bits) == 0; });
}

uint32_t v4_within(const in6_addr& a, size_t at) {
  uint32_t net = 0;
  memcpy(&net, &a.s6_addr[at], sizeof net);
  return ntohl(net);
}

bool is_public_v6(const in6_addr& a) {
  const uint8_t* b = a.s6_addr;
  constexpr std::array<uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  constexpr std::array<uint8_t, 12> nat64{0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0};
  if (memcmp(b, mapped.data(), mapped.size()) == 0 || memcmp(b, nat64.data(), nat64.size()) == 0)
    return is_public_v4(v4_within(a, 12));
  if ((b[0] & 0xE0) != 0x20) return false;  // global unicast is 2000::/3
  if (b[0] == 0x20 && b[1] == 0x02) return is_public_v4(v4_within(a, 2));  // 6to4
  if (b[0] == 0x20 && b[1] == 0x01 && b[2] < 2) return false;  // 2001::/23: Teredo and the like
  if (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0D && b[3] == 0xB8) return false;  // documentation
  return !(b[0] == 0x3F && b[1] == 0xFF && b[2] < 0x10);  // 3fff::/20: documentation
}

}  // namespace

bool is_public(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    memcpy(&v4, address, sizeof v4);
    return is_public_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    memcpy(&v6, address, sizeof v6);
    return is_public_v6(v6.sin6_addr);
  }
  return false;
}

bool is_public(const std::string& numeric) {
  in_addr v4{};
  if (inet_pton(AF_INET, numeric.c_str(), &v4) == 1) return is_public_v4(ntohl(v4.s_addr));
  in6_addr v6{};
  return inet_pton(AF_INET6, numeric.c_str(), &v6) == 1 && is_public_v6(v6);
}

}  // namespace sluice::http
