#include "runtime/weights/pickle_globals.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "runtime/weights/tensor_table.h"

namespace graphrun::weights {
namespace {

using Name = std::pair<std::string_view, std::string_view>;

// Modules of which no checkpoint needs anything. Their functions would be inert here as any other's, but a
// file that names them is made to attack whoever loads it with Python, and its user is to know.
constexpr std::array<std::string_view, 16> kModulesThatRun{
    "os",        "posix",  "nt",         "subprocess",      "sys",  "runpy", "pty",     "shutil", "ctypes",
    "importlib", "socket", "webbrowser", "multiprocessing", "code", "pip",   "commands"};
constexpr std::array<std::string_view, 7> kBuiltinsThatRun{"eval",       "exec",     "compile", "open",
                                                           "__import__", "execfile", "input"};

bool runs_code(std::string_view module, std::string_view name) {
  const std::string_view top = module.substr(0, module.find('.'));
  if (top == "builtins" || top == "__builtin__")
    return std::ranges::find(kBuiltinsThatRun, name) != kBuiltinsThatRun.end();
  return std::ranges::find(kModulesThatRun, top) != kModulesThatRun.end();
}

bool is_torch(std::string_view module) { return module == "torch" || module.starts_with("torch."); }

constexpr std::array<std::pair<Name, PickleGlobal>, 7> kKnown{
    {{{"torch", "Size"}, PickleGlobal::size},
     {{"torch._utils", "_rebuild_tensor_v2"}, PickleGlobal::rebuild_tensor},
     {{"torch._utils", "_rebuild_tensor"}, PickleGlobal::rebuild_tensor},
     {{"torch._utils", "_rebuild_parameter"}, PickleGlobal::rebuild_parameter},
     {{"torch._utils", "_rebuild_parameter_with_state"}, PickleGlobal::rebuild_parameter},
     {{"torch._tensor", "_rebuild_from_type_v2"}, PickleGlobal::rebuild_subclass},
     {{"collections", "OrderedDict"}, PickleGlobal::ordered_dict}}};

}  // namespace

Result<PickleGlobal> pickle_global(std::string_view module, std::string_view name) {
  const auto known = std::ranges::find(kKnown, Name(module, name), &std::pair<Name, PickleGlobal>::first);
  if (known != kKnown.end()) return known->second;
  if (is_torch(module) && name.ends_with("Storage")) return PickleGlobal::storage_class;
  if (is_torch(module) && name.starts_with("_rebuild_")) return PickleGlobal::rebuild_other;
  if (runs_code(module, name)) {
    return {ErrorCode::unsupported,
            "the file wants to construct " + quoted(std::string(module) + "." + std::string(name)) +
                ", which has no place in a checkpoint and would run as a program "
                "where Python loads the file; nothing of it was run here. Do not "
                "load it elsewhere, and get the weights from a source that you trust"};
  }
  return PickleGlobal::inert_class;
}

std::string_view kind_of_rebuilt(std::string_view function) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kKinds{
      {{"_rebuild_sparse_tensor", "sparse"},
       {"_rebuild_sparse_csr_tensor", "sparse"},
       {"_rebuild_qtensor", "quantised"},
       {"_rebuild_nested_tensor", "nested"},
       {"_rebuild_meta_tensor_no_storage", "without values (device meta)"},
       {"_rebuild_device_tensor_from_numpy", "of another device"},
       {"_rebuild_device_tensor_from_cpu_tensor", "of another device"},
       {"_rebuild_wrapper_subclass", "of a tensor class of its own"}}};
  const auto found =
      std::ranges::find(kKinds, function, &std::pair<std::string_view, std::string_view>::first);
  return found == kKinds.end() ? "of an unknown kind" : found->second;
}

}  // namespace graphrun::weights
