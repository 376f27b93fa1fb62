// The providers that configurations name, as they really are.
#pragma once

#include <string>

#include "common/http/client.h"
#include "common/power/operations.h"

namespace sluice::power {

struct RealPlaces {
  // `state`: the record's folder. Stays where it is made: calls under way know its client.
  explicit RealPlaces(std::string state);
  RealPlaces(const RealPlaces&) = delete;
  RealPlaces& operator=(const RealPlaces&) = delete;

  http::Client http;
  Places places;
};

}  // namespace sluice::power
