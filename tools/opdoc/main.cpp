#include <fmt/format.h>

#include "ops/registry.h"
#include "tools/opdoc/op_reference.h"

int main() { fmt::print("{}", graphrun::tools::op_reference(graphrun::ops::op_registry())); }
