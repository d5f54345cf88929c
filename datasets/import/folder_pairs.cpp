#include "datasets/import/folder_pairs.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <string_view>
#include <system_error>

#include "datasets/descriptor.h"
#include "datasets/sample_list.h"

namespace graphrun::datasets {

namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 6> kImageFolders = {"images", "image", "imgs", "img", "JPEGImages", "rgb"};
constexpr std::array<const char*, 7> kMaskFolders = {
    "masks", "mask", "labels", "label", "annotations", "SegmentationClass", "gt"};

bool is_image(const fs::path& file) {
  std::string extension = file.extension().string();
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  constexpr std::array<std::string_view, 10> kExtensions = {".png", ".jpg", ".jpeg", ".bmp",  ".ppm",
                                                            ".pgm", ".pnm", ".tif",  ".tiff", ".webp"};
  return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

Result<std::string> choose_folder(const fs::path& root, const std::string& given,
                                  std::span<const char* const> usual, const char* what) {
  std::error_code ignored;
  if (!given.empty()) {
    GRAPHRUN_TRY(check_inside(given));
    if (fs::is_directory(root / given, ignored)) return given;
    return Status(ErrorCode::not_found, (root / given).string() + ": is no folder");
  }
  std::string looked;
  for (const char* name : usual) {
    if (fs::is_directory(root / name, ignored)) return std::string(name);
    looked += (looked.empty() ? "" : ", ") + std::string(name);
  }
  return Status(ErrorCode::not_found, root.string() + ": has no folder of " + what + "; looked for " +
                                          looked + ". Name it with --" + what);
}

// Name without extension, below the folder -> file below the root.
using Files = std::map<std::string, std::string>;

Result<Files> files_of(const fs::path& root, const std::string& folder) {
  Files files;
  std::error_code error;
  auto it = fs::recursive_directory_iterator(root / folder, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    if (!is_image(it->path()) || is_apple_double(it->path()) || !it->is_regular_file(ignored)) continue;
    const std::string below = it->path().lexically_relative(root).generic_string();
    const std::string stem =
        it->path().lexically_relative(root / folder).replace_extension().generic_string();
    const auto [at, fresh] = files.emplace(stem, below);
    if (!fresh) return Status(ErrorCode::invalid_file, at->second + " and " + below + " have one name");
  }
  if (error) return Status(ErrorCode::io, (root / folder).string() + ": cannot list: " + error.message());
  if (files.empty()) return Status(ErrorCode::not_found, (root / folder).string() + ": has no images");
  return files;
}

// The ending that all names have, from a mark on: `_leftImg8bit`.
std::string common_ending(const Files& files) {
  std::string ending = files.begin()->first;
  for (const auto& [stem, file] : files) {
    std::size_t same = 0;
    while (same < std::min(stem.size(), ending.size()) &&
           stem[stem.size() - 1 - same] == ending[ending.size() - 1 - same])
      ++same;
    ending = ending.substr(ending.size() - same);
  }
  const std::size_t mark = ending.find_first_of("_-.");
  return files.size() < 2 || mark == std::string::npos ? "" : ending.substr(mark);
}

// What most masks have behind the longest image name that they begin with.
std::string usual_ending(const Files& images, const Files& masks, std::size_t cut_off) {
  std::map<std::string, std::int64_t> counts;
  std::map<std::string_view, bool> names;
  for (const auto& [stem, file] : images)
    names[std::string_view(stem).substr(0, stem.size() - cut_off)] = true;
  for (const auto& [stem, file] : masks) {
    for (std::size_t length = stem.size(); length > 0; --length) {
      if (!names.contains(std::string_view(stem).substr(0, length))) continue;
      ++counts[stem.substr(length)];
      break;
    }
  }
  const auto most = std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; });
  return most == counts.end() ? "" : most->first;
}

void pair(const Files& images, const Files& masks, std::size_t cut_off, FolderPairs& found) {
  const std::string ending = usual_ending(images, masks, cut_off);
  found.pairs.clear();
  for (const auto& [stem, file] : images) {
    const auto mask = masks.find(stem.substr(0, stem.size() - cut_off) + ending);
    if (mask != masks.end()) found.pairs.push_back({file, mask->second});
  }
}

void note_alone(const Files& files, const std::vector<FolderPair>& pairs, std::string FolderPair::*side,
                const char* what, FolderPairs& found) {
  std::map<std::string_view, bool> paired;
  for (const FolderPair& pair : pairs) paired[pair.*side] = true;
  std::int64_t count = 0;
  std::string example;
  for (const auto& [stem, file] : files) {
    if (paired.contains(file)) continue;
    if (++count == 1) example = file;
  }
  if (count > 0) found.notes.push_back(std::to_string(count) + " " + what + ", e.g. " + example);
}

}  // namespace

Result<FolderPairs> pair_folders(const fs::path& root, const std::string& images, const std::string& masks) {
  FolderPairs found;
  GRAPHRUN_ASSIGN(found.images, choose_folder(root, images, kImageFolders, "images"));
  GRAPHRUN_ASSIGN(found.masks, choose_folder(root, masks, kMaskFolders, "masks"));
  GRAPHRUN_ASSIGN(const Files image_files, files_of(root, found.images));
  GRAPHRUN_ASSIGN(const Files mask_files, files_of(root, found.masks));
  pair(image_files, mask_files, 0, found);
  if (found.pairs.empty()) pair(image_files, mask_files, common_ending(image_files).size(), found);
  if (found.pairs.empty()) {
    return Status(ErrorCode::invalid_file,
                  "no mask has the name of an image: " + image_files.begin()->second + ", " +
                      mask_files.begin()->second);
  }
  note_alone(image_files, found.pairs, &FolderPair::image, "images without a mask", found);
  note_alone(mask_files, found.pairs, &FolderPair::mask, "masks without an image", found);
  return found;
}

}  // namespace graphrun::datasets
