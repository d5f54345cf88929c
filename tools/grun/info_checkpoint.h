#pragma once

#include <string>

#include "runtime/weights/tensor_choice.h"
#include "tools/grun/common_options.h"

namespace graphrun::tools {

// Whether the file holds tensors, by its first bytes: a PyTorch checkpoint, or safetensors.
Result<bool> is_checkpoint(const std::string& path);

// Dictionaries, tensors with their shapes (-v: all of them) and metadata of a file of tensors.
Status print_checkpoint(const std::string& path, const weights::TensorChoice& choice,
                        const CommonOptions& options);

}  // namespace graphrun::tools
