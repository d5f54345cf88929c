#include "runtime/weights/packed_weights_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/core/hash.h"

namespace graphrun::weights {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxBytes = std::uintmax_t{4} << 30;
constexpr std::string_view kSuffix = ".forms";
constexpr std::size_t kHashDigits = 16;

// STEM-PRECISION-HASH.forms: nothing else is counted or removed, whatever folder somebody names.
bool is_ours(std::string_view name) {
  if (!name.ends_with(kSuffix)) return false;
  name.remove_suffix(kSuffix.size());
  if (name.size() <= kHashDigits || name[name.size() - kHashDigits - 1] != '-') return false;
  return std::ranges::all_of(name.substr(name.size() - kHashDigits),
                             [](unsigned char c) { return std::isxdigit(c) != 0; });
}

// What a run that was killed has left: AtomicFile's STEM-PRECISION-HASH.forms.PROCESS.NUMBER.tmp.
bool is_left_over(const fs::path& path, fs::file_time_type written) {
  const std::string name = path.filename().string();
  const std::size_t end = name.find(std::string(kSuffix) + ".");
  return end != std::string::npos && name.ends_with(".tmp") &&
         is_ours(std::string_view(name).substr(0, end + kSuffix.size())) &&
         written + std::chrono::hours(1) < fs::file_time_type::clock::now();
}

struct CachedFile {
  fs::path path;
  fs::file_time_type used;
  std::uintmax_t bytes = 0;
};

// What disappears meanwhile is another process's doing.
void remove_oldest(const fs::path& folder, const fs::path& newest) {
  std::vector<CachedFile> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;
    CachedFile file{entry->path(), entry->last_write_time(gone), 0};
    if (!gone) file.bytes = entry->file_size(gone);
    if (gone || file.path == newest) continue;
    if (is_left_over(file.path, file.used)) fs::remove(file.path, gone);
    if (is_ours(file.path.filename().string())) files.push_back(std::move(file));
  }
  std::ranges::sort(files, std::ranges::greater(), &CachedFile::used);
  std::uintmax_t bytes = 0;
  for (const CachedFile& file : files) {
    bytes += file.bytes;
    if (bytes > kMaxBytes) fs::remove(file.path, error);
  }
}

}  // namespace

PackedWeightsFolder::PackedWeightsFolder(std::string folder, std::string weights_path, DType precision)
    : folder_(std::move(folder)), weights_path_(std::move(weights_path)), precision_(precision) {}

std::string PackedWeightsFolder::path_for(std::string_view maker, std::string_view selection) const {
  if (folder_.empty()) return {};
  const fs::path packed = fs::path(folder_) / "prepared";
  constexpr mode_t kOwn = 0700;
  ::mkdir(packed.c_str(), kOwn);
  std::error_code error;
  const fs::path whole = fs::canonical(weights_path_, error);
  if (error) return {};
  constexpr std::size_t kLongestStem = 64;
  char hash[kHashDigits + 1];
  const std::uint64_t of_all = core::hash_of(selection, core::hash_of(maker, core::hash_of(whole.string())));
  std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(of_all));
  return (packed / (whole.stem().string().substr(0, kLongestStem) + "-" + std::string(to_string(precision_)) +
                    "-" + hash + std::string(kSuffix)))
      .string();
}

void PackedWeightsFolder::was_used(const std::string& path) {
  std::error_code ignored;
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
}

void PackedWeightsFolder::was_written(const std::string& path) {
  remove_oldest(fs::path(path).parent_path(), path);
}

}  // namespace graphrun::weights
