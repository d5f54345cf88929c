#include "tests/structure/tree.h"

#include <algorithm>
#include <fstream>
#include <set>

namespace graphrun::test {
namespace {

namespace fs = std::filesystem;

bool is_built(const std::string& name) {
  return name.starts_with(".") || name == "build" || name == "out" || name == "exp";
}

TextFile read(const fs::path& path) {
  TextFile file{fs::relative(path, kSource).string(), {}};
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) file.lines.push_back(std::move(line));
  return file;
}

std::vector<TextFile> read_all(const std::set<std::string>& extensions) {
  std::vector<TextFile> found;
  for (const auto& top : fs::directory_iterator(kSource)) {
    if (is_built(top.path().filename().string())) continue;
    const auto add = [&](const fs::path& path) {
      if (extensions.contains(path.extension().string())) found.push_back(read(path));
    };
    if (top.is_regular_file()) add(top.path());
    if (!top.is_directory()) continue;
    for (const auto& entry : fs::recursive_directory_iterator(top)) {
      if (entry.is_regular_file()) add(entry.path());
    }
  }
  std::ranges::sort(found, {}, &TextFile::path);
  return found;
}

}  // namespace

const std::vector<TextFile>& sources() {
  static const std::vector<TextFile> all = read_all({".h", ".hpp", ".c", ".cpp", ".inc", ".cu", ".cuh"});
  return all;
}

const std::vector<TextFile>& documents() {
  static const std::vector<TextFile> all = read_all({".md"});
  return all;
}

std::vector<std::string> folders() {
  std::vector<std::string> found;
  for (const auto& top : fs::directory_iterator(kSource)) {
    const std::string name = top.path().filename().string();
    if (!top.is_directory() || is_built(name)) continue;
    found.push_back(name);
    for (const auto& below : fs::directory_iterator(top)) {
      if (below.is_directory()) found.push_back(name + "/" + below.path().filename().string());
    }
  }
  std::ranges::sort(found);
  return found;
}

bool is_below(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

}  // namespace graphrun::test
