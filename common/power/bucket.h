// How often each EC2 action may be called: a token bucket per account, region and action that all
// processes of the host share, so that a burst of them does not run into the API's own limits
// ("Request throttling for the Amazon EC2 API", Amazon EC2 Developer Guide: requests per account
// and region).
//
// A bucket is a small locked file. Where it cannot be used, calls go unhindered: the API's own
// throttling is answered with pauses anyway.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::power {

class Buckets {
 public:
  // `folder` of the record; `place`: account and region, as text.
  Buckets(const std::string& folder, const std::string& place);

  // Takes one token; 0 if there was one, else how long to wait before asking again, ms.
  int64_t take(const std::string& action);
  // The API says that the bucket is empty.
  void drain(const std::string& action);

 private:
  int64_t change(const std::string& action, bool drain);
  std::string path_;
};

}  // namespace sluice::power
