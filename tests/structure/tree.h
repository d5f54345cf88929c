#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

// The files of the repository, for tests of how it is written.
namespace graphrun::test {

inline const std::filesystem::path kSource = GRAPHRUN_SOURCE_DIR;

struct TextFile {
  std::string path;  // from the root of the tree
  std::vector<std::string> lines;
};

// C, C++ and CUDA, tests among them. Read once.
const std::vector<TextFile>& sources();
// All files in Markdown.
const std::vector<TextFile>& documents();
// The folders down to two levels, such as "runtime/core", without those that builds and runs leave.
std::vector<std::string> folders();

// `path` lies below `folder`, which has no slash at its end.
bool is_below(std::string_view path, std::string_view folder);

}  // namespace graphrun::test
