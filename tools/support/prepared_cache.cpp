#include "tools/support/prepared_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <vector>

#include "runtime/core/hash.h"

namespace graphrun {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMostBytes = std::uintmax_t{4} << 30;

struct CachedFile {
  fs::path path;
  fs::file_time_type written;
  std::uintmax_t bytes = 0;
};

// Files of the folder, the newest first. What disappears meanwhile is left out.
std::vector<CachedFile> list(const fs::path& folder) {
  std::vector<CachedFile> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;
    CachedFile file{entry->path(), entry->last_write_time(gone), 0};
    if (!gone) file.bytes = entry->file_size(gone);
    if (!gone && file.path.extension() == ".safetensors") files.push_back(std::move(file));
  }
  std::ranges::sort(files, std::ranges::greater(), &CachedFile::written);
  return files;
}

void remove_oldest(const fs::path& folder) {
  std::uintmax_t bytes = 0;
  for (const CachedFile& file : list(folder)) {
    bytes += file.bytes;
    std::error_code ignored;
    if (bytes > kMostBytes) fs::remove(file.path, ignored);
  }
}

}  // namespace

PreparedCache::PreparedCache(const CommonOptions& options, const std::string& weights_path) {
  const std::string cache = options.cache_folder();
  if (cache.empty() || options.device != "cpu") return;
  const fs::path folder = fs::path(cache) / "prepared";
  std::error_code error;
  fs::create_directories(folder, error);
  const fs::path whole = error ? fs::path() : fs::canonical(weights_path, error);
  if (error) return;
  folder_ = folder.string();
  path_ = (folder / fmt::format("{}-{}-{:016x}.safetensors", whole.stem().string(), options.precision,
                                hash_of(whole.string())))
              .string();
}

void PreparedCache::use(Weights& weights) const {
  if (!folder_.empty()) static_cast<void>(weights.use_prepared(path_).ok());
}

Status PreparedCache::keep(const Weights& weights) const {
  if (folder_.empty()) return {};
  const Status status = weights.keep_prepared(path_);
  if (!status.ok()) return status.code() == ErrorCode::unsupported ? Status() : status;
  remove_oldest(folder_);
  return {};
}

}  // namespace graphrun
