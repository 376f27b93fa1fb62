// Which addresses belong to the public Internet. A request that a user's URL caused may go nowhere
// else, or it would reach what only the cluster can: instance metadata, slurmrestd, databases.
// Follows the IANA special-purpose address registries (RFC 6890). Pure functions.
#pragma once

#include <sys/socket.h>

#include <string>

namespace sluice::http {

// False for loopback, private, link-local, shared (CGNAT), documentation, multicast, reserved and
// unspecified addresses, for IPv6 ones that carry such an IPv4 address within, and for any family
// but these two.
bool is_public(const sockaddr* address);
// The same for an address in text form; false if it is none.
bool is_public(const std::string& numeric);

}  // namespace sluice::http
