#include "common/power/ec2_cause.h"

#include <algorithm>
#include <array>

#include "common/base/text.h"

namespace sluice::power::ec2 {
namespace {

constexpr size_t kMostText = 300;

template <size_t N>
bool among(const std::array<std::string_view, N>& list, std::string_view code) {
  return std::ranges::find(list, code) != list.end();
}

constexpr std::array<std::string_view, 8> kCapacity{"InsufficientInstanceCapacity",
                                                    "InsufficientHostCapacity",
                                                    "InsufficientReservedInstanceCapacity",
                                                    "InsufficientCapacity",
                                                    "InsufficientCapacityOnOutpost",
                                                    "UnfulfillableCapacity",
                                                    "SpotMaxPriceTooLow",
                                                    "InsufficientFreeAddressesInSubnet"};
constexpr std::array<std::string_view, 8> kQuota{
    "InstanceLimitExceeded",        "VcpuLimitExceeded",
    "MaxSpotInstanceCountExceeded", "MaxSpotFleetRequestCountExceeded",
    "FleetLimitExceeded",           "ResourceLimitExceeded",
    "VolumeLimitExceeded",          "NetworkInterfaceLimitExceeded"};

}  // namespace

Cause cause_of(std::string_view code) {
  if (among(kCapacity, code)) return Cause::no_capacity;
  if (among(kQuota, code)) return Cause::quota;
  if (code == "UnauthorizedOperation") return Cause::credentials;
  // Status 400, as a code's own meaning and not the call's is asked for.
  switch (aws::kind_of(400, code)) {
    case aws::Kind::throttled:
      return Cause::throttled;
    case aws::Kind::unavailable:
      return Cause::unavailable;
    case aws::Kind::credentials:
    case aws::Kind::denied:
      return Cause::credentials;
    default:
      // "Unavailable" is EC2's own word for a service that is overloaded.
      return code == "Unavailable" ? Cause::unavailable : Cause::configuration;
  }
}

Refusal refusal_of(const aws::Answer& answer) {
  Refusal out;
  out.code = answer.code;
  out.text = text::printable(answer.why, kMostText);
  if (!answer.code.empty())
    out.cause = cause_of(answer.code);
  else if (answer.kind == aws::Kind::credentials || answer.kind == aws::Kind::denied)
    out.cause = Cause::credentials;
  else
    out.cause = Cause::unavailable;
  if (out.code.empty()) out.code = name_of(out.cause);
  return out;
}

bool is_passing(const aws::Answer& answer) {
  Cause cause = refusal_of(answer).cause;
  return cause == Cause::throttled || cause == Cause::unavailable;
}

bool is_unknown_id(std::string_view code) {
  return code == "InvalidInstanceID.NotFound" || code == "InvalidInstanceID.Malformed" ||
         code == "InvalidInstanceID";
}

bool is_about_some(std::string_view code) {
  // A policy by tags does not allow what has none, such as an instance that has long been gone.
  return is_unknown_id(code) || code == "OperationNotPermitted" ||
         code == "IncorrectInstanceState" || code == "UnauthorizedOperation";
}

}  // namespace sluice::power::ec2
