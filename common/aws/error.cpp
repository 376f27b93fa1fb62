#include "common/aws/error.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <pugixml.hpp>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/json/json.h"

namespace sluice::aws {
namespace {

constexpr size_t kCode = 80;
constexpr size_t kMessage = 300;
constexpr int64_t kAllowedSkewUs = 300'000'000;

// com.amazonaws.sqs#QueueDoesNotExist, or ThrottlingException:http://…
std::string bare(std::string_view type) {
  if (size_t hash = type.rfind('#'); hash != type.npos) type.remove_prefix(hash + 1);
  return text::printable(type.substr(0, type.find(':')), kCode);
}

bool read_json(const http::Response& answer, ServiceError* out) {
  auto json = Json::parse(answer.body);
  if (!json || !json->is_object()) return false;
  std::string type = answer.header("x-amzn-errortype");
  if (type.empty()) type = json->get("__type").str();
  if (type.empty()) type = json->get("code").str();
  out->code = bare(type);
  out->message = text::printable(json->get("message").str(json->get("Message").str()), kMessage);
  return true;
}

// Two shapes: ErrorResponse/Error (STS, SQS, SNS) and Response/Errors/Error (EC2).
bool read_xml(const http::Response& answer, ServiceError* out) {
  pugi::xml_document doc;
  if (!doc.load_buffer(answer.body.data(), answer.body.size())) return false;
  pugi::xml_node error = doc.document_element().child("Error");
  if (!error) error = doc.document_element().child("Errors").child("Error");
  if (!error) return false;
  out->code = bare(error.child_value("Code"));
  out->message = text::printable(error.child_value("Message"), kMessage);
  return true;
}

template <size_t N>
bool among(const std::array<std::string_view, N>& list, std::string_view code) {
  return std::ranges::find(list, code) != list.end();
}

constexpr std::array<std::string_view, 16> kCredentials{"ExpiredToken",
                                                        "ExpiredTokenException",
                                                        "InvalidToken",
                                                        "UnrecognizedClientException",
                                                        "InvalidClientTokenId",
                                                        "InvalidAccessKeyId",
                                                        "InvalidSignatureException",
                                                        "SignatureDoesNotMatch",
                                                        "IncompleteSignature",
                                                        "IncompleteSignatureException",
                                                        "MissingAuthenticationToken",
                                                        "MissingAuthenticationTokenException",
                                                        "AuthFailure",
                                                        "RequestExpired",
                                                        "RequestTimeTooSkewed",
                                                        "NotAuthorized"};
constexpr std::array<std::string_view, 10> kThrottled{"Throttling",
                                                      "ThrottlingException",
                                                      "ThrottledException",
                                                      "Throttled",
                                                      "RequestThrottled",
                                                      "RequestThrottledException",
                                                      "TooManyRequestsException",
                                                      "RequestLimitExceeded",
                                                      "BandwidthLimitExceeded",
                                                      "SlowDown"};
constexpr std::array<std::string_view, 7> kUnavailable{"InternalFailure",
                                                       "InternalException",
                                                       "InternalError",
                                                       "InternalServerError",
                                                       "InternalServiceError",
                                                       "ServiceUnavailable",
                                                       "ServiceUnavailableException"};
constexpr std::array<std::string_view, 8> kMissing{"ResourceNotFoundException",
                                                   "ResourceNotFound",
                                                   "QueueDoesNotExist",
                                                   "AWS.SimpleQueueService.NonExistentQueue",
                                                   "NotFound",
                                                   "NotFoundException",
                                                   "QueueDeletedRecently",
                                                   "InvalidAddress"};
constexpr std::array<std::string_view, 5> kTooLarge{
    "BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", "RequestEntityTooLarge",
    "BatchRequestTooLongException", "RequestTooLarge"};
constexpr std::array<std::string_view, 7> kDenied{"AccessDenied",
                                                  "AccessDeniedException",
                                                  "AuthorizationError",
                                                  "AuthorizationErrorException",
                                                  "OptInRequired",
                                                  "NotAuthorizedForSource",
                                                  "NotAuthorizedForSourceException"};

}  // namespace

ServiceError read_error(const http::Response& answer) {
  ServiceError out;
  out.status = answer.status;
  if (!read_json(answer, &out) && !read_xml(answer, &out))
    out.message = text::printable(text::trim(answer.body), 120);
  return out;
}

std::string describe(const ServiceError& e) {
  std::string out = e.code.empty() ? std::to_string(e.status) : e.code;
  if (!e.message.empty()) out += ": " + e.message;
  return out;
}

Kind kind_of(int status, std::string_view code) {
  if (among(kThrottled, code) || status == 429) return Kind::throttled;
  if (among(kUnavailable, code) || status >= 500 || status == 408) return Kind::unavailable;
  if (among(kCredentials, code)) return Kind::credentials;
  if (among(kDenied, code)) return Kind::denied;
  if (among(kMissing, code)) return Kind::missing;
  if (among(kTooLarge, code) || status == 413) return Kind::too_large;
  if (status == 401 || status == 403) return Kind::denied;
  if (status == 404) return Kind::missing;
  // The key of an encrypted queue or topic: KmsDisabled, KMSInvalidState, … of both services.
  if (code.size() > 3 && text::same_letters(code.substr(0, 3), "kms"))
    return code.contains("Throttl")        ? Kind::throttled
           : code.contains("AccessDenied") ? Kind::denied
                                           : Kind::unavailable;
  return Kind::invalid;
}

std::string clock_hint(const http::Response& answer) {
  int64_t theirs = answer.date_us();
  if (theirs < 0) return {};
  int64_t ahead = clock::wall_us() - theirs;
  if (std::abs(ahead) <= kAllowedSkewUs) return {};
  return "; this machine's clock is " + std::to_string(std::abs(ahead) / 60'000'000) + " min " +
         (ahead > 0 ? "ahead of" : "behind") + " AWS's, which allows 5: set it (chronyc makestep)";
}

}  // namespace sluice::aws
