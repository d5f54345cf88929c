#include "datasets/missing_file.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <vector>

namespace graphrun::datasets {
namespace {

namespace fs = std::filesystem;

// Bytes of a character whose first byte this is; 0: none begins so (RFC 3629).
std::size_t utf8_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(static_cast<unsigned char>(text[0]));
    if (length == 0 || length > text.size()) return false;
    const auto follows = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
    if (!std::ranges::all_of(text.substr(1, length - 1), follows)) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::vector<fs::path> alternatives(const fs::path& path) {
  std::vector<fs::path> paths;
  std::string slashes = path.string();
  std::ranges::replace(slashes, '\\', '/');
  if (slashes != path.string()) paths.emplace_back(slashes);
  paths.push_back(fs::path(path).replace_extension());
  for (const char* ending :
       {".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG", ".tif", ".tiff", ".bmp", ".webp"})
    paths.push_back(fs::path(path).replace_extension(ending));
  return paths;
}

}  // namespace

std::string missing_file_hint(const fs::path& path) {
  std::error_code ignored;
  for (const fs::path& other : alternatives(path)) {
    if (other != path && fs::is_regular_file(other, ignored)) return "; there is " + other.string();
  }
  if (!is_utf8(path.string())) return "; the name is not UTF-8: the list may be in another encoding";
  if (path.string().find('\\') != std::string::npos)
    return "; folders are separated by /, not by a backslash";
  return {};
}

}  // namespace graphrun::datasets
