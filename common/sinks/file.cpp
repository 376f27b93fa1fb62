// The file sink: one CloudEvents JSON object a line.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "common/sinks/line_file.h"
#include "common/sinks/make.h"

namespace sluice::sinks {
namespace {

constexpr size_t kBatch = 256;
constexpr size_t kBatchBytes = 1U << 20;

class File : public Sink {
 public:
  explicit File(LineFileOptions options) : file_(std::move(options)) {}

  SinkLimits limits() const override { return {kBatch, kBatchBytes, 1}; }
  size_t wire_size(const StoredEvent& event) const override { return event.body.size() + 1; }

  void send(std::span<const StoredEvent> batch, Delivered done) override {
    lines_.clear();
    for (const auto& event : batch) {
      size_t at = lines_.size();
      lines_ += event.body;
      // In JSON a raw line break is only ever space between tokens; a line must not have one.
      std::replace_if(
          lines_.begin() + static_cast<std::ptrdiff_t>(at), lines_.end(),
          [](char c) { return c == '\n' || c == '\r'; }, ' ');
      lines_ += '\n';
    }
    std::string why;
    size_t written = file_.append(lines_, &why);
    std::vector<Outcome> out(batch.size());
    size_t end = 0;
    for (size_t i = 0; i < batch.size(); ++i) {
      end += batch[i].body.size() + 1;
      if (end > written) out[i] = {Verdict::sink_down, why, -1};
    }
    done(std::move(out));
  }

  void check(Checked done) override {
    auto opened = file_.open();
    done(opened ? std::string() : opened.error().what);
  }

 private:
  LineFile file_;
  std::string lines_;  // kept for its memory
};

}  // namespace

std::unique_ptr<Sink> make_file(config::Fields& fields, const SinkContext&) {
  LineFileOptions o;
  o.path = fields.required_str("path");
  if (!o.path.empty() && (o.path.front() != '/' || o.path.back() == '/'))
    fields.problem("path", "must be a file's absolute path");
  std::string mode = fields.str("mode", "0640");
  bool octal = mode.size() >= 3 && mode.size() <= 4 &&
               mode.find_first_not_of("01234567") == std::string::npos &&
               mode[mode.size() - 3] >= '6';
  if (octal)
    o.mode = static_cast<mode_t>(strtoul(mode.c_str(), nullptr, 8)) & 0777;
  else
    fields.problem("mode",
                   "must be octal permissions, readable and writable by the owner (\"0640\")");
  o.max_bytes = fields.integer("max_mib", 64, 0, 1 << 20) << 20;
  o.keep = fields.integer("keep", 5, 0, 1000);
  o.sync = fields.boolean("sync", false);
  return std::make_unique<File>(std::move(o));
}

}  // namespace sluice::sinks
