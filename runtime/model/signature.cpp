#include "runtime/model/signature.h"

#include <algorithm>

namespace graphrun::model {

const Port* Signature::input(std::string_view role) const {
  const auto found = std::ranges::find(inputs, role, &Port::role);
  return found == inputs.end() ? nullptr : &*found;
}

const Port* Signature::output(std::string_view method, std::string_view role) const {
  const auto found = std::ranges::find_if(
      outputs, [&](const Port& port) { return port.method == method && port.role == role; });
  return found == outputs.end() ? nullptr : &*found;
}

}  // namespace graphrun::model
