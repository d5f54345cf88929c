#include "runtime/model/kernel_table.h"

namespace graphrun::model {

KernelTable make_kernel_table(const OpLibraries& libraries, std::string_view device,
                              std::span<const KernelEntry> own) {
  KernelTable kernels;
  for (const auto& library : libraries) {
    for (const KernelEntry& entry : library->kernels) {
      if (entry.device == device) kernels[std::string(entry.op)].push_back(entry);
    }
  }
  for (const KernelEntry& entry : own) kernels[std::string(entry.op)].push_back(entry);
  return kernels;
}

}  // namespace graphrun::model
