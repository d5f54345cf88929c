#include "runtime/session/roles.h"

namespace graphrun::session {
namespace {

std::string describe(const TensorDesc& desc) {
  return std::string(to_string(desc.dtype)) + " " + to_string(desc.shape) +
         (desc.layout == Layout::nhwc ? " in NHWC" : "");
}

}  // namespace

Status check_role(const TensorView& view, const TensorDesc& expected, const std::string& what) {
  if (view.data == nullptr) return {ErrorCode::invalid_argument, what + ": expected, but not there"};
  if (view.desc == expected) return {};
  return {ErrorCode::shape, what + ": expected " + describe(expected) + ", got " + describe(view.desc)};
}

}  // namespace graphrun::session
