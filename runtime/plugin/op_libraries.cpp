#include "runtime/plugin/op_libraries.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstring>

#include "graphrun/kernel/op_module.h"
#include "runtime/plugin/loader_error.h"

namespace graphrun::plugin {
namespace {

Status check_headers(const OpModule* module) {
  if (module == nullptr || module->headers == nullptr)
    return {ErrorCode::invalid_file, std::string(kOpModuleFunction) + "() gives nothing"};
  if (std::strcmp(module->headers, kKernelHeaders) == 0) return {};
  constexpr std::size_t kMaxCharacters = 80;  // of a stranger's text
  return {ErrorCode::unsupported, "the op library was compiled against other headers of graphrun (" +
                                      std::string(module->headers, strnlen(module->headers, kMaxCharacters)) +
                                      ") than this program (" + kKernelHeaders + "): compile it anew"};
}

}  // namespace

Result<std::shared_ptr<const OpLibrary>> open_op_library(const std::string& path) {
  // Without a slash the system would search its own folders.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  if (access(file.c_str(), F_OK) != 0) return {ErrorCode::not_found, path + ": there is no such file"};
  void* const opened = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) return {ErrorCode::invalid_file, path + ": " + loader_error()};
  const std::shared_ptr<void> handle(opened, [](void* object) { dlclose(object); });
  void* const function = dlsym(opened, kOpModuleFunction);
  if (function == nullptr)
    return {ErrorCode::invalid_file, path + ": no op library of graphrun: " + loader_error()};
  const OpModule* const module = reinterpret_cast<GetOpModule>(function)();
  GRAPHRUN_TRY(check_headers(module).with_context(path));
  if (module->library == nullptr || module->library->name.empty())
    return {ErrorCode::invalid_file, path + ": its op library has no name"};
  return std::shared_ptr<const OpLibrary>(handle, module->library);
}

Result<OpLibraries> open_op_libraries(std::span<const std::string> paths) {
  OpLibraries libraries;
  for (const std::string& path : paths) {
    GRAPHRUN_ASSIGN(std::shared_ptr<const OpLibrary> library, open_op_library(path));
    libraries.push_back(std::move(library));
  }
  return libraries;
}

}  // namespace graphrun::plugin
