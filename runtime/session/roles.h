#pragma once

#include <string>

#include "graphrun/status.h"
#include "graphrun/tensor.h"

namespace graphrun::session {

// That a tensor to which the sessions give a meaning by its name ("image", "logits") is what they take it
// for. `what` names it in the error, which says what is expected and what is there.
Status check_role(const TensorView& view, const TensorDesc& expected, const std::string& what);

}  // namespace graphrun::session
