#pragma once

#include <string>
#include <string_view>

#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "runtime/model/graph.h"

namespace graphrun::session {

// That a tensor is what its role makes of it. `what` names it in the error, which says what is expected and
// what is there.
Status check_signature(const TensorView& view, const TensorDesc& expected, const std::string& what);

// "the model "net" has no output with the role "logits"". `kind`: input or output.
Status missing_port(const model::Model& model, std::string_view kind, std::string_view role);

// Error: a model without an image.
Status require_image(const model::Model& model);

}  // namespace graphrun::session
