#include <fmt/format.h>

#include "ops/registry.h"
#include "tools/opdoc/op_reference.h"

int main() { fmt::print("{}", graphrun::op_reference(graphrun::op_registry())); }
