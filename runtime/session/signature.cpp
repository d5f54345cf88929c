#include "runtime/session/signature.h"

namespace graphrun::session {
namespace {

std::string describe(const TensorDesc& desc) {
  return std::string(to_string(desc.dtype)) + " " + to_string(desc.shape) +
         (desc.layout == Layout::nhwc ? " in NHWC" : "");
}

}  // namespace

Status check_signature(const TensorView& view, const TensorDesc& expected, const std::string& what) {
  if (view.data == nullptr) return {ErrorCode::invalid_argument, what + ": expected, but not there"};
  if (view.desc == expected) return {};
  return {ErrorCode::shape, what + ": expected " + describe(expected) + ", got " + describe(view.desc)};
}

Status require_image(const model::Model& model) {
  if (model.signature.input(model::roles::kImage) != nullptr) return {};
  return missing_port(model, "input", model::roles::kImage);
}

Status missing_port(const model::Model& model, std::string_view kind, std::string_view role) {
  return {ErrorCode::not_found, "the model \"" + model.name + "\" has no " + std::string(kind) +
                                    " with the role \"" + std::string(role) + "\""};
}

}  // namespace graphrun::session
