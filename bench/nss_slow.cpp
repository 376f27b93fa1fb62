// libnss_sluiceslow.so.2: a name service that stalls and then knows nobody, as a directory server
// that cannot be reached does. In nsswitch.conf before "files": "passwd: sluiceslow files".
#include <grp.h>
#include <nss.h>
#include <pwd.h>

#include <cerrno>
#include <ctime>

#define SLUICE_NSS extern "C" __attribute__((visibility("default"))) nss_status

namespace {

constexpr long kStallNs = 20'000'000;

nss_status stall(int* error) {
  timespec ts{0, kStallNs};
  nanosleep(&ts, nullptr);
  *error = ENOENT;
  return NSS_STATUS_NOTFOUND;
}

}  // namespace

SLUICE_NSS _nss_sluiceslow_getpwuid_r(uid_t, passwd*, char*, size_t, int* error) {
  return stall(error);
}

SLUICE_NSS _nss_sluiceslow_getpwnam_r(const char*, passwd*, char*, size_t, int* error) {
  return stall(error);
}

SLUICE_NSS _nss_sluiceslow_getgrgid_r(gid_t, group*, char*, size_t, int* error) {
  return stall(error);
}

SLUICE_NSS _nss_sluiceslow_getgrnam_r(const char*, group*, char*, size_t, int* error) {
  return stall(error);
}
