#include <fmt/format.h>

#include <string_view>

#include "ops/registry.h"
#include "tools/opdoc/op_reference.h"
#include "tools/opdoc/op_schema.h"

int main(int count, char* arguments[]) {
  const graphrun::OpRegistry& ops = graphrun::ops::op_registry();
  const bool schema = count == 2 && std::string_view(arguments[1]) == "--schema";
  if (count > 1 && !schema) {
    fmt::print(stderr, "usage: opdoc > doc/ops.md, opdoc --schema > graphs/ops.schema.json\n");
    return 2;
  }
  fmt::print("{}", schema ? graphrun::tools::op_schema(ops) : graphrun::tools::op_reference(ops));
  return 0;
}
