#pragma once

#include <string>
#include <vector>

#include "graphrun/status.h"

namespace graphrun::profiling {

// What a program did when, in the format of Chrome's trace viewer and Perfetto (JSON, complete events).
class Trace {
 public:
  enum class Lane { host = 1, device = 2 };
  // Seconds since any one moment.
  void add(Lane lane, std::string name, std::string category, double start, double end) {
    spans_.push_back({lane, std::move(name), std::move(category), start, end});
  }
  Status write(const std::string& path) const;

 private:
  struct Span {
    Lane lane;
    std::string name;
    std::string category;
    double start;
    double end;
  };
  std::vector<Span> spans_;
};

}  // namespace graphrun::profiling
