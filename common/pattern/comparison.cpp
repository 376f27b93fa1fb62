#include "common/pattern/comparison.h"

#include <arpa/inet.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "common/base/text.h"

namespace sluice::pattern {
namespace {

using Test = std::function<bool(const Json&)>;

bool equal(const Json& a, const Json& b) {
  if (a.is_null() || b.is_null()) return a.is_null() && b.is_null();
  if (a.is_string() || b.is_string()) return a.is_string() && b.is_string() && a.str() == b.str();
  if (a.is_bool() || b.is_bool()) return a.is_bool() && b.is_bool() && a.boolean() == b.boolean();
  return a.is_number() && b.is_number() && a.number() == b.number();
}

bool same_ignoring_case(const std::string& a, const std::string& b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// A test on strings that `kind` names, for one operand.
Test string_test(const std::string& kind, const std::string& operand) {
  if (kind == "prefix")
    return [operand](const Json& v) { return v.is_string() && v.str().starts_with(operand); };
  if (kind == "suffix")
    return [operand](const Json& v) { return v.is_string() && v.str().ends_with(operand); };
  if (kind == "equals-ignore-case")
    return
        [operand](const Json& v) { return v.is_string() && same_ignoring_case(v.str(), operand); };
  if (kind == "wildcard")
    return [operand](const Json& v) { return v.is_string() && wildcard_match(operand, v.str()); };
  return {};
}

struct Address {
  std::array<unsigned char, 16> bytes{};
  int bits = 0;
};

bool parse_address(const std::string& text, Address* out) {
  if (inet_pton(AF_INET, text.c_str(), out->bytes.data()) == 1)
    out->bits = 32;
  else if (inet_pton(AF_INET6, text.c_str(), out->bytes.data()) == 1)
    out->bits = 128;
  else
    return false;
  return true;
}

Test cidr_test(const std::string& text) {
  size_t slash = text.find('/');
  Address net;
  int64_t bits = 0;
  if (slash == text.npos || !parse_address(text.substr(0, slash), &net) ||
      !text::parse_int(text.substr(slash + 1), 0, net.bits, &bits))
    return {};
  return [net, bits](const Json& v) {
    Address a;
    if (!v.is_string() || !parse_address(v.str(), &a) || a.bits != net.bits) return false;
    auto whole = static_cast<size_t>(bits / 8);
    if (memcmp(a.bytes.data(), net.bytes.data(), whole) != 0) return false;
    if (bits % 8 == 0) return true;
    int mask = 0xFF << (8 - bits % 8);
    return ((a.bytes[whole] ^ net.bytes[whole]) & mask) == 0;
  };
}

Test numeric_test(const Json& spec) {
  struct Bound {
    std::string op;
    double value;
  };
  std::vector<Bound> bounds;
  if (!spec.is_array() || spec.size() == 0 || spec.size() % 2 != 0) return {};
  for (size_t i = 0; i < spec.size(); i += 2) {
    std::string op = spec.at(i).str();
    if ((op != "<" && op != "<=" && op != ">" && op != ">=" && op != "=") ||
        !spec.at(i + 1).is_number())
      return {};
    bounds.push_back({op, spec.at(i + 1).number()});
  }
  return [bounds](const Json& v) {
    if (!v.is_number()) return false;
    double n = v.number();
    return std::ranges::all_of(bounds, [n](const Bound& b) {
      if (b.op == "<") return n < b.value;
      if (b.op == "<=") return n <= b.value;
      if (b.op == ">") return n > b.value;
      if (b.op == ">=") return n >= b.value;
      return n == b.value;
    });
  };
}

// The operand of anything-but: what must not be.
Test forbidden_test(const Json& spec) {
  std::vector<Test> any;
  auto add_values = [&any](const Json& list, auto&& make) {
    for (size_t i = 0; i < list.size(); ++i)
      if (Test t = make(list.at(i)))
        any.push_back(std::move(t));
      else
        return false;
    return list.size() > 0;
  };
  auto exact = [](const Json& operand) -> Test {
    if (!operand.is_string() && !operand.is_number()) return {};
    return [operand](const Json& v) { return equal(v, operand); };
  };
  bool good = false;
  if (spec.is_array()) {
    good = add_values(spec, exact);
  } else if (spec.is_object() && spec.size() == 1) {
    const auto only = spec.members()[0];
    const Json& operand = only.second;
    auto make = [&kind = only.first](const Json& o) {
      return o.is_string() ? string_test(kind, o.str()) : Test{};
    };
    if (operand.is_array()) {
      good = add_values(operand, make);
    } else if (Test t = make(operand)) {
      any.push_back(std::move(t));
      good = true;
    }
  } else if (Test t = exact(spec)) {
    any.push_back(std::move(t));
    good = true;
  }
  if (!good) return {};
  return [any](const Json& v) {
    return std::ranges::any_of(any, [&v](const Test& t) { return t(v); });
  };
}

}  // namespace

bool wildcard_match(std::string_view p, std::string_view t) {
  size_t pi = 0;
  size_t ti = 0;
  size_t star = p.npos;
  size_t star_ti = 0;
  while (ti < t.size()) {
    bool escaped = pi + 1 < p.size() && p[pi] == '\\' && (p[pi + 1] == '*' || p[pi + 1] == '\\');
    char want = escaped ? p[pi + 1] : pi < p.size() ? p[pi] : '\0';
    if (!escaped && pi < p.size() && want == '*') {
      star = pi++;
      star_ti = ti;
    } else if (pi < p.size() && want == t[ti]) {
      pi += escaped ? 2 : 1;
      ++ti;
    } else if (star != p.npos) {
      pi = star + 1;
      ti = ++star_ti;
    } else {
      return false;
    }
  }
  while (pi < p.size() && p[pi] == '*') ++pi;
  return pi == p.size();
}

Comparison compile_comparison(const Json& spec, const std::string& path,
                              config::Problems* problems) {
  auto bad = [&](const std::string& allowed) {
    problems->push_back({path, text::printable(spec.dump(), 80), allowed, false});
    return Comparison{};
  };
  auto present = [](Test t) {
    return Comparison{[t = std::move(t)](bool there, const Json& v) { return there && t(v); }};
  };
  if (!spec.is_object())
    return spec.is_array() ? bad("must be a value or a comparison, not an array")
                           : present([spec](const Json& v) { return equal(v, spec); });
  if (spec.size() != 1) return bad("must have exactly one comparison");
  auto [kind, operand] = spec.members()[0];
  if (kind == "exists") {
    if (!operand.is_bool()) return bad("exists must be true or false");
    bool want = operand.boolean();
    return {[want](bool there, const Json&) { return there == want; }, !want};
  }
  if (kind == "numeric") {
    if (Test t = numeric_test(operand)) return present(std::move(t));
    return bad("numeric must be [OP, NUMBER, …] with OP one of < <= > >= =");
  }
  if (kind == "cidr") {
    if (Test t = operand.is_string() ? cidr_test(operand.str()) : Test{})
      return present(std::move(t));
    return bad("cidr must be an address and a prefix length, such as 10.0.0.0/24");
  }
  if (kind == "anything-but") {
    if (Test t = forbidden_test(operand))
      return present([t = std::move(t)](const Json& v) { return !t(v); });
    return bad(
        "anything-but must be a string, a number, a list of them, or one of "
        "prefix, suffix, wildcard, equals-ignore-case");
  }
  // {"prefix": {"equals-ignore-case": "x"}} and the same for suffix.
  if ((kind == "prefix" || kind == "suffix") && operand.is_object() && operand.size() == 1 &&
      operand.get("equals-ignore-case").is_string()) {
    std::string want = operand.get("equals-ignore-case").str();
    bool prefix = kind == "prefix";
    return present([want, prefix](const Json& v) {
      std::string s = v.str();
      if (!v.is_string() || s.size() < want.size()) return false;
      return same_ignoring_case(
          prefix ? s.substr(0, want.size()) : s.substr(s.size() - want.size()), want);
    });
  }
  if (operand.is_string())
    if (Test t = string_test(kind, operand.str())) return present(std::move(t));
  return bad(
      "unknown comparison; allowed: prefix, suffix, equals-ignore-case, wildcard, "
      "anything-but, numeric, exists, cidr");
}

}  // namespace sluice::pattern
