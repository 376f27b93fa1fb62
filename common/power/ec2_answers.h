// What EC2 answers: the XML of CreateFleet, DescribeInstances and TerminateInstances (Amazon EC2
// API Reference, version 2016-11-15), for answers whose status is 2xx; the others are
// aws::read_error's. Pure functions.
//
// Each takes the answer by pointer and parses it in place, because a page of instances has
// megabytes: the text is of no use afterwards.
//
// An Error, and nothing of the answer is used: what is no well-formed XML with one root element of
// the action's name; a document type declaration; a missing fleet id, list of instances or list of
// changes; an instance without an id; an id that is not i-[0-9a-z]+ of at most 32 characters; a
// next token of more than 4 KiB. To go on without one of those would be to lose an instance that is
// paid for, or to take one for gone that is there.
//
// Left empty, and the rest is used: every other text that is absent or not as its comment below
// says. Elements that are not known are skipped, however many and however deep.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"

namespace sluice::power::ec2 {

// A name is 1 to 128 letters, digits and ".:_/-" of ASCII, as all of EC2's own are.

struct FleetError {
  std::string code;           // a name: InsufficientInstanceCapacity
  std::string message;        // printable, cut short
  std::string instance_type;  // names; what the override said that could not be had
  std::string subnet;
  std::string zone;
  bool spot = false;
};

struct FleetInstances {
  std::vector<std::string> ids;  // at least one
  std::string instance_type;     // names
  std::string subnet;
  std::string zone;
  bool spot = false;
};

struct Fleet {
  std::string id;
  std::vector<FleetInstances> instances;
  std::vector<FleetError> errors;
};

struct Instance {
  std::string id;
  std::string address;        // the private IPv4 address, or the IPv6 address where there is none
  std::string private_dns;    // a name
  std::string instance_type;  // names
  std::string zone;
  std::string subnet;
  std::string state;  // pending, running, shutting-down, terminated, stopping or stopped
  bool spot = false;
  int64_t launch_time_us = -1;  // since 1970; -1 where there is none
  std::string reason_code;      // a name: Client.UserInitiatedShutdown
  // Valid UTF-8. A tag is left out if its key is empty or has more than 512 bytes, or its value
  // more than 1024: no tag of EC2's is (128 and 256 characters).
  std::vector<std::pair<std::string, std::string>> tags;
};

struct Page {
  std::vector<Instance> instances;
  std::string next_token;  // empty after the last page
};

struct StateChange {
  std::string id;
  std::string from;  // names of states
  std::string to;
};

Result<Fleet> read_fleet(std::string* xml);
Result<Page> read_instances(std::string* xml);
// Of DescribeSubnets: subnet and zone.
Result<std::vector<std::pair<std::string, std::string>>> read_subnets(std::string* xml);
Result<std::vector<StateChange>> read_terminating(std::string* xml);

}  // namespace sluice::power::ec2
