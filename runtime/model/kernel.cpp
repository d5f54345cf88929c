#include "graphrun/kernel/kernel.h"

namespace graphrun {
namespace {

bool is_stored_activation(const TensorDesc& desc) {
  const bool eight_bits = desc.dtype == DType::u8 && desc.quantisation.scale > 0;
  return desc.layout == Layout::nhwc && desc.shape.rank() == 4 &&
         (desc.dtype == DType::f32 || desc.dtype == DType::bf16 || eight_bits);
}

// What the operand is, with "like that input" replaced by what that input is.
const OperandType& declared(const OpDef& def, const OperandType& type) {
  return type.kind == OperandType::Kind::same_as ? def.input(static_cast<std::size_t>(type.input)).type
                                                 : type;
}

bool fits(const OperandType& type, const TensorDesc& desc) {
  switch (type.kind) {
    case OperandType::Kind::activation:
      return is_stored_activation(desc);
    case OperandType::Kind::nhwc:
      return desc.layout == Layout::nhwc && desc.dtype == type.dtype;
    case OperandType::Kind::dense:
      return desc.layout == Layout::dense && desc.dtype == type.dtype;
    case OperandType::Kind::real:
      return is_stored_activation(desc) || (desc.layout == Layout::dense && desc.dtype == DType::f32);
    case OperandType::Kind::same_as:
      return false;
    case OperandType::Kind::any:
      return true;
  }
  return false;
}

// visit(name, declared type, desc) for each operand that is there and is read or written, until one declines.
template <class Visit>
Status for_each_operand(const KernelRequest& request, const Visit& visit) {
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const InputSpec& spec = request.def.input(i);
    if (!request.input_present[i] || spec.shape_only) continue;
    GRAPHRUN_TRY(visit(spec.name, declared(request.def, spec.type), request.inputs[i]));
  }
  for (std::size_t i = 0; i < request.outputs.size(); ++i) {
    const OutputSpec& spec = request.def.outputs[i];
    if (!request.output_present[i]) continue;
    GRAPHRUN_TRY(visit(spec.name, declared(request.def, spec.type), request.outputs[i]));
  }
  return {};
}

Status decline(std::string_view operand, const std::string& expected, const TensorDesc& desc) {
  return {ErrorCode::declined, std::string(operand) + ": expected " + expected + ", got " +
                                   std::string(desc.layout == Layout::dense ? "dense " : "") +
                                   std::string(to_string(desc.dtype)) + " " + to_string(desc.shape)};
}

Status check_operand(std::string_view name, const OperandType& type, const TensorDesc& desc) {
  if (fits(type, desc)) return {};
  const bool activation = type.kind == OperandType::Kind::activation;
  return decline(name, activation ? "an activation stored in f32 or bf16" : to_string(type), desc);
}

}  // namespace

Status take_tables(const KernelRequest& request, std::int64_t bytes) {
  if (request.tables == nullptr) return {};
  if (bytes > request.tables->left) {
    return {ErrorCode::out_of_memory, "tables of " + std::to_string(bytes) + " bytes, of which " +
                                          std::to_string(request.tables->left) + " are left"};
  }
  request.tables->left -= bytes;
  request.tables->taken += bytes;
  return {};
}

Status check_storage(const KernelRequest& request) { return for_each_operand(request, check_operand); }

Result<DType> activation_type(const KernelRequest& request) {
  const TensorDesc* found = nullptr;
  const auto visit = [&](std::string_view name, const OperandType& type, const TensorDesc& desc) -> Status {
    GRAPHRUN_TRY(check_operand(name, type, desc));
    const bool activation =
        type.kind == OperandType::Kind::activation || type.kind == OperandType::Kind::real;
    if (!activation) return {};
    if (found == nullptr) found = &desc;
    if (desc.dtype == found->dtype && desc.quantisation == found->quantisation) return {};
    return {ErrorCode::declined, "activations differ in their type or scale"};
  };
  GRAPHRUN_TRY(for_each_operand(request, visit));
  return found == nullptr ? DType::f32 : found->dtype;
}

}  // namespace graphrun
