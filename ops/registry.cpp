#include "ops/registry.h"

#include "runtime/model/required_ops.h"

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
  static const OpLibrary library{.name = kOwnOps, .ops = ops};
  return library;
}

}  // namespace

const OpRegistry& op_registry() {
  static const OpRegistry registry = *OpRegistry::make({borrow(own_library())});
  return registry;
}

Result<std::shared_ptr<const OpRegistry>> op_registry_with(const OpLibraries& libraries) {
  if (libraries.empty())
    return std::shared_ptr<const OpRegistry>(std::shared_ptr<const OpRegistry>(), &op_registry());
  GRAPHRUN_TRY(model::check_libraries(libraries));
  OpLibraries all{borrow(own_library())};
  all.insert(all.end(), libraries.begin(), libraries.end());
  GRAPHRUN_ASSIGN(OpRegistry registry, OpRegistry::make(std::move(all)));
  return std::shared_ptr<const OpRegistry>(std::make_shared<OpRegistry>(std::move(registry)));
}

}  // namespace graphrun::ops
