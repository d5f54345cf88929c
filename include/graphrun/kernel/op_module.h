#pragma once

#include "graphrun/kernel/headers.h"
#include "graphrun/kernel/op_library.h"

// An op library as a shared object, which programs open when they are asked for it (--ops):
//
//   extern "C" const graphrun::OpModule* graphrun_op_module() {
//     static const graphrun::OpModule module{graphrun::kKernelHeaders, &library};
//     return &module;
//   }
namespace graphrun {

struct OpModule {
  const char* headers;  // kKernelHeaders of the library's build; nothing after it is read unless it is ours
  const OpLibrary* library;
};
inline constexpr char kOpModuleFunction[] = "graphrun_op_module";
using GetOpModule = const OpModule* (*)();

}  // namespace graphrun
