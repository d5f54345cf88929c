#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>

#include "runtime/core/status.h"

namespace graphrun {

struct IterationRecord;

// metrics.jsonl: one JSON object a line and iteration. A resumed run goes on in its file: lines of iterations
// that will be done again are cut off first.
class MetricsLog {
 public:
  static Result<std::unique_ptr<MetricsLog>> open(const std::filesystem::path& path,
                                                  std::int64_t iterations_done);
  // Written through to the system at once, so that a killed run loses no line.
  Status write(const IterationRecord& record);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  explicit MetricsLog(std::FILE* file) : file_(file) {}
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace graphrun
