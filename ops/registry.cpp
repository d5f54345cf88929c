#include "ops/registry.h"

#define GRAPHRUN_OPS(room)                 \
  namespace graphrun::ops::room {          \
  std::vector<const OpDef*> definitions(); \
  }
#include "ops/op_list.inc"
#undef GRAPHRUN_OPS

namespace graphrun::ops {
namespace {

const OpLibrary& own_library() {
  static const std::vector<const OpDef*> ops = [] {
    std::vector<const OpDef*> all;
    const auto take = [&all](std::vector<const OpDef*> defs) {
      all.insert(all.end(), defs.begin(), defs.end());
    };
#define GRAPHRUN_OPS(room) take(ops::room::definitions());
#include "ops/op_list.inc"
#undef GRAPHRUN_OPS
    return all;
  }();
  static const OpLibrary library{.name = "graphrun", .ops = ops};
  return library;
}

}  // namespace

const OpRegistry& op_registry() {
  static const OpRegistry registry(
      std::vector<const OpDef*>(own_library().ops.begin(), own_library().ops.end()));
  return registry;
}

Result<std::shared_ptr<const OpRegistry>> op_registry_with(const OpLibraries& libraries) {
  OpLibraries all{borrow(own_library())};
  all.insert(all.end(), libraries.begin(), libraries.end());
  GRAPHRUN_ASSIGN(OpRegistry registry, OpRegistry::make(std::move(all)));
  return std::shared_ptr<const OpRegistry>(std::make_shared<OpRegistry>(std::move(registry)));
}

}  // namespace graphrun::ops
