// What json-c lets through and JSON (RFC 8259) does not.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice {

// Where `text` (UTF-8) first has a token that is not JSON's: NaN, True, 01, 1., single quotes, a
// comma before a bracket, a control character or an unknown escape in a string, a comment unless
// `comments`. Also an integer of more than 18 digits, which json-c would change to the largest it
// can hold, and a key with \u0000, which it would cut there. npos: nothing; how tokens follow each
// other is json-c's to judge.
size_t beyond_json(std::string_view text, bool comments);

}  // namespace sluice
