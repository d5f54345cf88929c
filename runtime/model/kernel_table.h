#pragma once

#include <map>
#include <string>
#include <string_view>

#include "graphrun/kernel/op_library.h"

namespace graphrun::model {

// The candidates of a backend, by op: the kernels of the libraries for this kind of device, in their order,
// then its own.
using KernelTable = std::map<std::string, std::vector<KernelEntry>, std::less<>>;
KernelTable make_kernel_table(const OpLibraries& libraries, std::string_view device,
                              std::span<const KernelEntry> own);

}  // namespace graphrun::model
