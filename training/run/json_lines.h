#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "graphrun/status.h"

namespace graphrun::training {

// A text file of one JSON object a line, numbered by its first key. A resumed run goes on in its file: lines
// that it will write again are cut off first.
class JsonLines {
 public:
  // Keeps the leading lines whose `key` is at most `last`.
  static Result<std::unique_ptr<JsonLines>> open(const std::filesystem::path& path, std::string_view key,
                                                 std::int64_t last);
  // `line` without its end. Given to the system at once, so that a killed run loses no line.
  Status write(const std::string& line);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  JsonLines(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) {}
  std::unique_ptr<std::FILE, Close> file_;
  std::string path_;
};

}  // namespace graphrun::training
