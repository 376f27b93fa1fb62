#include "common/event/selection.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace sluice {
namespace {

struct Word {
  std::string_view text;
  uint32_t events;
};

constexpr Word kWords[] = {
    {"start", kEventStart},         {"end", kEventEnd},         {"launch", kEventLaunch},
    {"exit", kEventExit},           {"step", kEventStep},       {"fail", kEventFail},
    {"cancelled", kEventCancelled}, {"requeue", kEventRequeue}, {"lost", kEventLost},
    {"user", kEventUser},           {"all", kAllEvents},
};
constexpr const char* kWordList =
    "start, end, launch, exit, step, fail, cancelled, requeue, lost, user, all";

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// text[from, to), without substr(), whose range check would pull in the C++ library.
std::string_view part(std::string_view text, size_t from, size_t to) {
  return {text.begin() + from, text.begin() + to};
}

// A part of the user's text as it may be shown: cut, nothing but printable ASCII.
class Shown {
 public:
  explicit Shown(std::string_view text) {
    size_t n = 0;
    for (char c : text) {
      if (n == kMax) {
        memcpy(text_ + n, "...", 3);
        n += 3;
        break;
      }
      text_[n++] = c >= ' ' && c <= '~' ? c : '?';
    }
    text_[n] = '\0';
  }
  const char* c_str() const { return text_; }

 private:
  static constexpr size_t kMax = 80;
  char text_[kMax + 4];
};

class Parser {
 public:
  Parser(Selection* out, char* error, size_t error_size)
      : out_(out), error_(error), error_size_(error_size) {}

  bool parse(std::string_view text) {
    if (text.empty()) return fail("it is empty; give NAME[:EVENT,...][,NAME...]");
    if (text.size() > kMaxSelectionBytes)
      return fail("it is longer than the %zu bytes allowed", kMaxSelectionBytes);
    SelectedSink* current = nullptr;  // the sink whose events may follow a comma
    for (size_t at = 0; at <= text.size();) {
      size_t comma = text.find(',', at);
      if (comma == std::string_view::npos) comma = text.size();
      if (!token(part(text, at, comma), &current)) return false;
      at = comma + 1;
    }
    for (size_t i = 0; i < out_->count; ++i) out_->events |= out_->sinks[i].events;
    return true;
  }

 private:
  bool token(std::string_view token, SelectedSink** current) {
    if (token.empty()) return fail("a name or an event is missing beside a comma");
    size_t colon = token.find(':');
    bool bare = colon == std::string_view::npos;
    if (bare) colon = token.size();
    uint32_t events = bare ? event_word(token) : 0;
    if (events != 0 && *current != nullptr) {
      (*current)->events |= events;
      return true;
    }
    SelectedSink* sink = begin(part(token, 0, colon));
    if (sink == nullptr) return false;
    if (bare) {
      *current = nullptr;
      sink->events |= kJobEvents;
      return true;
    }
    std::string_view first = part(token, colon + 1, token.size());
    events = event_word(first);
    if (events == 0)
      return fail("\"%s\" after \"%s:\" is no event; events are %s", Shown(first).c_str(),
                  sink->name, kWordList);
    sink->events |= events;
    *current = sink;
    return true;
  }

  // The sink of this name in the selection, new if need be; null if it cannot be.
  SelectedSink* begin(std::string_view name) {
    bool good = !name.empty() && name.size() <= kMaxSinkName && is_letter_or_digit(name[0]);
    for (char c : name) good = good && (is_letter_or_digit(c) || c == '_' || c == '.' || c == '-');
    if (!good) {
      fail(
          "\"%s\" is no sink name; a name is a letter or digit, then up to %zu letters, digits, "
          "'_', '.' or '-'",
          Shown(name).c_str(), kMaxSinkName - 1);
      return nullptr;
    }
    if (event_word(name) != 0) {
      fail("\"%s\" is an event, not a sink; events follow a sink's name and a colon, as in NAME:%s",
           Shown(name).c_str(), Shown(name).c_str());
      return nullptr;
    }
    for (size_t i = 0; i < out_->count; ++i)
      if (name == out_->sinks[i].name) return &out_->sinks[i];
    if (out_->count == kMaxSelected) {
      fail("it names more than %zu sinks", kMaxSelected);
      return nullptr;
    }
    SelectedSink* sink = &out_->sinks[out_->count++];
    memcpy(sink->name, name.data(), name.size());
    sink->name[name.size()] = '\0';
    sink->events = 0;
    return sink;
  }

  __attribute__((format(printf, 2, 3))) bool fail(const char* format, ...) {
    va_list args;
    va_start(args, format);
    if (error_size_ > 0) vsnprintf(error_, error_size_, format, args);
    va_end(args);
    return false;
  }

  Selection* out_;
  char* error_;
  size_t error_size_;
};

}  // namespace

uint32_t event_word(std::string_view word) {
  for (const Word& w : kWords)
    if (w.text == word) return w.events;
  return 0;
}

bool parse_selection(const char* text, Selection* out, char* error, size_t error_size) {
  *out = {};
  if (error_size > 0) error[0] = '\0';
  // One byte more than is allowed tells a text that is too long without reading all of it.
  size_t size = text == nullptr ? 0 : strnlen(text, kMaxSelectionBytes + 1);
  if (Parser(out, error, error_size).parse({text == nullptr ? "" : text, size})) return true;
  *out = {};
  return false;
}

}  // namespace sluice
