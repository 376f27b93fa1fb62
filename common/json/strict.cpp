#include "common/json/strict.h"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

constexpr size_t kIntegerDigits = 18;

bool digit(char c) {
  return c >= '0' && c <= '9';
}

bool hex_digit(char c) {
  return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// A walk over the tokens. Each step moves `at` past what it knows, and is false at what it does
// not.
class Scan {
 public:
  Scan(std::string_view text, bool comments) : text_(text), comments_(comments) {}

  size_t first_bad() {
    while (at_ < text_.size())
      if (!token()) return bad_;
    return text_.npos;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool bad(size_t at) {
    bad_ = at;
    return false;
  }

  bool token() {
    char c = text_[at_];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      ++at_;
      return true;
    }
    if (comments_ && c == '/') return comment();
    if ((c == ']' || c == '}') && comma_ != text_.npos) return bad(comma_);
    if (c == ':' && nul_ != text_.npos) return bad(nul_);
    comma_ = c == ',' ? at_ : text_.npos;
    nul_ = text_.npos;
    if (std::string_view("{}[],:").contains(c)) {
      ++at_;
      return true;
    }
    if (c == '"') return string();
    if (c == '-' || digit(c)) return number();
    return literal();
  }

  // One without an end is json-c's to tell.
  bool comment() {
    char kind = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (kind != '/' && kind != '*') return bad(at_);
    size_t end = text_.find(kind == '/' ? "\n" : "*/", at_ + 2);
    at_ = end == text_.npos ? text_.size() : end + (kind == '/' ? 1 : 2);
    return true;
  }

  bool string() {
    for (++at_; at_ < text_.size(); ++at_) {
      auto c = static_cast<unsigned char>(text_[at_]);
      if (c < 0x20) return bad(at_);
      if (c == '\\' && !escape()) return false;
      if (c == '"') {
        ++at_;
        return true;
      }
    }
    return true;
  }

  // Leaves `at` on its last byte.
  bool escape() {
    size_t begin = at_++;
    if (peek() != 'u') return std::string_view("\"\\/bfnrt").contains(peek()) || bad(begin);
    std::string_view digits = text_.substr(at_ + 1, 4);
    if (digits.size() < 4 || !std::ranges::all_of(digits, hex_digit)) return bad(begin);
    if (digits == "0000") nul_ = begin;
    at_ += 4;
    return true;
  }

  size_t digits() {
    size_t begin = at_;
    while (digit(peek())) ++at_;
    return at_ - begin;
  }

  bool number() {
    size_t begin = at_;
    if (peek() == '-') ++at_;
    bool zero = peek() == '0';
    size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) return bad(begin);
    bool integer = true;
    if (peek() == '.') {
      ++at_;
      integer = false;
      if (digits() == 0) return bad(begin);
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      integer = false;
      if (peek() == '+' || peek() == '-') ++at_;
      if (digits() == 0) return bad(begin);
    }
    // json-c takes more than the grammar: 1-2 and 1.5e3e4 would be one number.
    if (std::string_view("+-.eE").contains(peek()) && at_ < text_.size()) return bad(begin);
    return !(integer && whole > kIntegerDigits) || bad(begin);
  }

  bool literal() {
    for (std::string_view word : {"true", "false", "null"})
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return true;
      }
    return bad(at_);
  }

  std::string_view text_;
  bool comments_;
  size_t at_ = 0;
  size_t bad_ = 0;
  size_t comma_ = text_.npos;  // of a comma with nothing but blanks after it so far
  size_t nul_ = text_.npos;    // of \u0000 in the string before
};

}  // namespace

size_t beyond_json(std::string_view text, bool comments) {
  return Scan(text, comments).first_bad();
}

}  // namespace sluice
