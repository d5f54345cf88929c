#include "training/jobs/image_paths.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "datasets/sample_list.h"
#include "runtime/core/guard.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

bool is_image_name(const fs::path& file) {
  constexpr std::array<std::string_view, 13> kExtensions{".png", ".jpg",  ".jpeg", ".bmp",  ".ppm",
                                                         ".pgm", ".pnm",  ".tif",  ".tiff", ".webp",
                                                         ".jp2", ".jfif", ".npy"};
  std::string extension = file.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

Status add_folder(const fs::path& folder, ImagePaths& paths) {
  const std::size_t before = paths.images.size();
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code dangling;  // a link to nothing is left out like other entries
    const bool is_image = entry->is_regular_file(dangling) && is_image_name(entry->path()) &&
                          !datasets::is_apple_double(entry->path());
    (is_image ? paths.images : paths.others).push_back(entry->path().string());
  }
  if (error) return {ErrorCode::io, folder.string() + ": " + error.message()};
  if (paths.images.size() == before) {
    return {ErrorCode::not_found, folder.string() +
                                      ": no image lies in this folder (png, jpg, tif, bmp, ppm, "
                                      "webp); folders in it are not looked into"};
  }
  std::sort(paths.images.begin() + static_cast<std::ptrdiff_t>(before), paths.images.end());
  return {};
}

}  // namespace

Result<ImagePaths> find_images(const std::vector<std::string>& names) try {
  ImagePaths paths;
  std::error_code ignored;
  for (const std::string& name : names) {
    if (fs::is_directory(name, ignored)) {
      GRAPHRUN_TRY(add_folder(name, paths));
    } else {
      paths.images.push_back(name);
    }
  }
  return paths;
} catch (...) {
  return core::caught();
}

std::string describe_others(const ImagePaths& paths) {
  constexpr std::size_t kFew = 3;
  std::string names;
  for (std::size_t i = 0; i < std::min(kFew, paths.others.size()); ++i)
    names += (i > 0 ? ", " : "") + paths.others[i];
  return std::to_string(paths.others.size()) +
         " entries of the folders are no images and are left out: " + names +
         (paths.others.size() > kFew ? ", ..." : "");
}

}  // namespace graphrun::training
