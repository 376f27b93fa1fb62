// Writes Prometheus' text format (exposition format 0.0.4).
#pragma once

#include <cstdio>
#include <string>
#include <utility>

namespace sluice::daemon {

class Exposition {
 public:
  void metric(const char* name, const char* type, const char* help) {
    out_ += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
    name_ = name;
  }
  // `labels` in braces; their values must need no escape.
  void value(double v, const std::string& labels = {}) {
    char number[32];
    snprintf(number, sizeof number, "%.17g", v);
    out_ += name_ + labels + " " + number + "\n";
  }
  void one(const char* name, const char* type, const char* help, double v) {
    metric(name, type, help);
    value(v);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  std::string name_;
};

}  // namespace sluice::daemon
