#include "datasets/missing_file.h"

#include <algorithm>
#include <system_error>
#include <vector>

#include "runtime/core/utf8.h"

namespace graphrun::datasets {
namespace {

namespace fs = std::filesystem;

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
  if (!core::is_utf8(path.string())) return "; the name is not UTF-8: the list may be in another encoding";
  if (path.string().find('\\') != std::string::npos)
    return "; folders are separated by /, not by a backslash";
  return {};
}

}  // namespace graphrun::datasets
