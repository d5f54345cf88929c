#include "runtime/core/data_folders.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

namespace graphrun::core {
namespace {

namespace fs = std::filesystem;

// The file that this code was loaded from: a program, or the shared library that somebody's program links.
fs::path own_file() {
  std::error_code ignored;
  Dl_info object{};
  if (dladdr(reinterpret_cast<const void*>(&data_folders), &object) == 0) return {};
  return fs::canonical(object.dli_fname, ignored);
}

}  // namespace

std::vector<fs::path> data_folders(const std::string& kind) {
  std::vector<fs::path> candidates;
  if (const char* home = std::getenv("GRAPHRUN_HOME")) candidates.push_back(fs::path(home) / kind);
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  if (!program.empty()) {
    candidates.push_back(program.parent_path().parent_path() / "share/graphrun" / kind);
    // In a build folder, e.g. SOURCE/build/cpu/tools/grun: the nearest folder above that has both.
    for (fs::path above = program.parent_path(); above.has_relative_path(); above = above.parent_path()) {
      if (fs::exists(above / "CMakePresets.json", ignored)) candidates.push_back(above / kind);
    }
  }
  // As installed, PREFIX/lib/libgraphrun_training.so or a folder deeper.
  const fs::path library = own_file().parent_path();
  for (const fs::path& above : {library.parent_path(), library.parent_path().parent_path()})
    candidates.push_back(above / "share/graphrun" / kind);
  candidates.push_back(fs::current_path(ignored) / kind);
  std::vector<fs::path> folders;
  for (const fs::path& candidate : candidates) {
    const auto same = [&](const fs::path& folder) { return fs::equivalent(folder, candidate, ignored); };
    if (fs::is_directory(candidate, ignored) && std::ranges::none_of(folders, same))
      folders.push_back(candidate);
  }
  return folders;
}

}  // namespace graphrun::core
