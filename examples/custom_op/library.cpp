#include <graphrun/kernel/op_module.h>

#include "ops.h"

// The library as programs see it: plain data that lives as long as the shared object is loaded.
namespace {

template <class Item>
std::vector<Item> joined(std::vector<Item> first, std::vector<Item> second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

extern "C" const graphrun::OpModule* graphrun_op_module() {
  static const std::vector<const graphrun::OpDef*> ops = joined(snake_ops(), robust_loss_ops());
  static const std::vector<graphrun::KernelEntry> kernels = joined(snake_kernels(), robust_loss_kernels());
  static const graphrun::OpLibrary library{
      .name = "my_ops", .ops = ops, .kernels = kernels, .version = "1.0"};
  static const graphrun::OpModule module{graphrun::kKernelHeaders, &library};
  return &module;
}
