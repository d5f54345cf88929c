#include "ops/registry.h"

#define GRAPHRUN_OPS(room)                 \
  namespace graphrun::ops::room {          \
  std::vector<const OpDef*> definitions(); \
  }
#include "ops/op_list.inc"
#undef GRAPHRUN_OPS

namespace graphrun::ops {

const OpRegistry& op_registry() {
  static const OpRegistry registry([] {
    std::vector<const OpDef*> all;
    const auto take = [&all](std::vector<const OpDef*> defs) {
      all.insert(all.end(), defs.begin(), defs.end());
    };
#define GRAPHRUN_OPS(room) take(ops::room::definitions());
#include "ops/op_list.inc"
#undef GRAPHRUN_OPS
    return all;
  }());
  return registry;
}

}  // namespace graphrun::ops
