#pragma once

#include "ops/cross_entropy/types.h"
#include "ops/resize/fusion.h"

// Definitions of losses that are functions of sums over labelled pixels. X_totals gives the sums, which ranks
// add up, X_grad the gradient of the logits from the gradient of the sums; resize_X_totals and resize_X_grad
// do the same from logits of another size than the label's, without logits of that size.
namespace graphrun::ops::region_loss {

struct LabelSums {
  OpDef totals, grad, resize_totals, resize_grad;
};

struct LabelSumsNames {
  std::string_view totals, grad, resize_totals, resize_grad;
};

namespace label_sums {

// The outputs of the sums.
using Types = std::vector<ValueType> (*)(const ValueType& logits);
// What is asked of the inputs beyond their declared types and the same number of images.
using Check = Status (*)(const ValueType& logits, const ValueType& label);

inline Status accept(const ValueType&, const ValueType&) { return {}; }
inline Status check_pixels(const ValueType& logits, const ValueType& label) {
  return cross_entropy::require_label_pixels(label, logits);
}
inline Status check_images(const ValueType& logits, const ValueType& label) {
  return cross_entropy::require_label(label, logits);
}

template <Types kTypes, Check kCheck, Check kMore>
Status infer_totals(const Attributes&, std::span<const ValueType* const> inputs,
                    std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(kCheck(*inputs[0], *inputs[1]));
  GRAPHRUN_TRY(kMore(*inputs[0], *inputs[1]));
  outputs = kTypes(*inputs[0]);
  return {};
}

template <Types kTypes, Check kCheck, Check kMore>
Status infer_grad(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(kCheck(*inputs[1], *inputs[2]));
  GRAPHRUN_TRY(kMore(*inputs[1], *inputs[2]));
  GRAPHRUN_TRY(require_same_type(kTypes(*inputs[1])[0], *inputs[0], "gtotals"));
  outputs = {*inputs[1]};
  return {};
}

// X_totals → X_grad.
inline std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  constexpr std::string_view kSuffix = "totals";
  const std::string op = node.op.substr(0, node.op.size() - kSuffix.size()) + "grad";
  return {graph.add(op, {request.output_gradients[0], node.inputs[0], node.inputs[1]}, node.attrs, "grad")[0],
          kNoValue};
}

inline std::string without_resize(std::string_view op) {
  return std::string(op.substr(std::string_view("resize_").size()));
}
inline AttrMap without_interpolation(AttrMap attrs) {
  for (const char* const name : {"mode", "align_corners"}) attrs.erase(name);
  return attrs;
}

inline std::vector<ValueId> parts_of_totals(const Node& node, GraphWriter& graph) {
  const ValueId large = graph.add(resize::kResize, {node.inputs[0], node.inputs[1]},
                                  pick_interpolation(node.attrs), "resize")[0];
  return graph.add(without_resize(node.op), {large, node.inputs[1]}, without_interpolation(node.attrs),
                   "totals");
}

inline std::vector<ValueId> parts_of_grad(const Node& node, GraphWriter& graph) {
  const ValueId logits = node.inputs[1];
  const AttrMap rule = pick_interpolation(node.attrs);
  const ValueId large = graph.add(resize::kResize, {logits, node.inputs[2]}, rule, "resize")[0];
  const ValueId glarge = graph.add(without_resize(node.op), {node.inputs[0], large, node.inputs[2]},
                                   without_interpolation(node.attrs), "totals.grad")[0];
  return graph.add(resize::kResizeGrad, {glarge, logits}, rule, "resize.grad");
}

}  // namespace label_sums

// `outputs` describes the sums, first of all those that have a gradient; kMore is what is asked of the inputs
// beyond the same pixels, or images. Of an op whose only attribute is ignore_label.
template <label_sums::Types kTypes, label_sums::Check kMore = label_sums::accept>
LabelSums make_label_sums(const LabelSumsNames& names, std::string_view doc, InputSpec label,
                          const std::vector<OutputSpec>& outputs) {
  const InputSpec logits{.name = "logits", .doc = "activation (N, C, H, W)"};
  const InputSpec small{.name = "logits", .doc = "activation (N, C, h, w)"};
  const InputSpec gtotals{
      .name = "gtotals", .doc = "f64: gradient of totals", .type = OperandType::dense(DType::f64)};
  const std::vector<OutputSpec> glogits{{.name = "glogits", .doc = "gradient of logits; 0 where ignored"}};
  const std::vector<AttrSpec> attrs{cross_entropy::ignore_label_attr()};
  std::vector<AttrSpec> resized = attrs;
  append(resized, interpolation_attrs());
  return {
      .totals = {.name = names.totals,
                 .doc = doc,
                 .inputs = {logits, label},
                 .outputs = outputs,
                 .attrs = attrs,
                 .precision = Precision::always_f32,
                 .infer = label_sums::infer_totals<kTypes, label_sums::check_pixels, kMore>,
                 .gradient = label_sums::gradient,
                 .reads_pixels = true,
                 .internal = true},
      .grad = {.name = names.grad,
               .doc = "Gradient of the sums by the logits.",
               .inputs = {gtotals, logits, label},
               .outputs = glogits,
               .attrs = attrs,
               .infer = label_sums::infer_grad<kTypes, label_sums::check_pixels, kMore>,
               .not_differentiable = kGradientOnce,
               .in_place = {{0, 1}},
               .internal = true},
      .resize_totals = {.name = names.resize_totals,
                        .doc = "resize to the size of the label, then the sums, without logits of that size.",
                        .inputs = {small, label},
                        .outputs = outputs,
                        .attrs = resized,
                        .precision = Precision::always_f32,
                        .infer = label_sums::infer_totals<kTypes, label_sums::check_images, kMore>,
                        .gradient = label_sums::gradient,
                        .decomposition = label_sums::parts_of_totals,
                        .fusion = {names.totals, resize::fuse_with_resize},
                        .internal = true},
      .resize_grad = {.name = names.resize_grad,
                      .doc = "Gradient of the sums by the small logits.",
                      .inputs = {gtotals, small, label},
                      .outputs = glogits,
                      .attrs = resized,
                      .infer = label_sums::infer_grad<kTypes, label_sums::check_images, kMore>,
                      .not_differentiable = kGradientOnce,
                      .decomposition = label_sums::parts_of_grad,
                      .internal = true},
  };
}

// The loss as a function of its sums, X_loss, and the gradient of the sums, X_loss_grad.
struct LossOfSums {
  OpDef loss, grad;
};

struct LossOfSumsTexts {
  std::string_view loss, loss_doc, grad, grad_doc, gtotals_doc;
};

// `inputs`: the totals, and what else the function depends on; `infer` has the totals first, `infer_grad` and
// the gradient's node behind the gradient of the loss.
inline LossOfSums make_loss_of_sums(const LossOfSumsTexts& texts, const std::vector<InputSpec>& inputs,
                                    const std::vector<AttrSpec>& attrs, OpDef::Infer infer,
                                    OpDef::Infer infer_grad, OpDef::Gradient gradient) {
  std::vector<InputSpec> grad_inputs{
      {.name = "gloss", .doc = "f32 scalar", .type = OperandType::scalar(DType::f32)}};
  append(grad_inputs, inputs);
  return {
      .loss = {.name = texts.loss,
               .doc = texts.loss_doc,
               .inputs = inputs,
               .outputs = {{.name = "loss", .doc = "f32 scalar", .type = OperandType::scalar(DType::f32)}},
               .attrs = attrs,
               .precision = Precision::always_f32,
               .infer = infer,
               .gradient = gradient,
               .internal = true},
      .grad = {.name = texts.grad,
               .doc = texts.grad_doc,
               .inputs = grad_inputs,
               .outputs = {{.name = "gtotals", .doc = texts.gtotals_doc, .type = inputs.front().type}},
               .attrs = attrs,
               .precision = Precision::always_f32,
               .infer = infer_grad,
               .not_differentiable = kGradientOnce,
               .internal = true},
  };
}

}  // namespace graphrun::ops::region_loss
