#pragma once

#include <vector>

#include "graphrun/kernel/op_def.h"

// What the definitions of conv2d, its gradients and its fused form share.
namespace graphrun::ops::conv2d {

// Positions of the inputs of conv2d_bn. conv2d has the first three; conv2d_bn_pyramid has its levels where
// conv2d_bn has the residual.
enum Input : std::size_t {
  kX,
  kWeight,
  kBias,
  kBnWeight,
  kBnBias,
  kBnMean,
  kBnVar,
  kResidual,
  kLevels = kResidual,
  kMixtureLevels = kBias + 1  // of conv2d_mixture
};

// (O, C, KH, KW), or (O, C) of a 1x1 window, as a linear layer has it.
inline constexpr OperandType kWeightType = OperandType::dense(DType::f32);
inline constexpr OperandType kPerOutput = OperandType::dense(DType::f32, 1);  // (O)

// kernel, stride, padding, dilation, groups.
std::vector<AttrSpec> window_attrs();
// Inputs x, weight and bias, and attributes, of conv2d and conv_transpose2d.
std::vector<InputSpec> layer_inputs(std::string_view weight_doc);
std::vector<AttrSpec> layer_attrs(std::vector<AttrSpec> window);
// How bf16 rounds the weights of conv2d and its fused forms.
AttrSpec carry_attr();
// window_attrs() of a node.
AttrMap window_of(const AttrMap& attrs);
// y's type from x's and the number of its channels. Extents that are known must be at least 1.
Result<ValueType> convolved(const Attributes& attrs, const ValueType& x, const Dim& channels);
// Channels of x that an output reads. Errors: groups do not divide both.
Result<Dim> channels_of_group(const Attributes& attrs, const Dim& channels, const Dim& inputs);
// The weight is (channels, C / groups, KH, KW), or without the two 1s of a 1x1 window.
Status require_weight(const Attributes& attrs, const ValueType& weight, const Dim& channels,
                      const Dim& inputs);

// Operations of a convolution: each pixel of y (or of its gradient) meets the whole weight.
double product_cost(const ValueType& y, const ValueType& weight);
// OpDef::cost of conv2d and its fused forms.
double forward_cost(const Attributes& attrs, std::span<const ValueType* const> inputs,
                    std::span<const ValueType* const> outputs);

const OpDef& forward_definition();
const OpDef& linear_definition();
const OpDef& grad_data_definition();
const OpDef& grad_weight_definition();
const OpDef& with_batch_norm_definition();
const OpDef& with_pyramid_definition();
const OpDef& mixture_definition();
const OpDef& slice_weight_definition();
const OpDef& join_weights_definition();
const OpDef& transpose_definition();
const OpDef& transpose_grad_data_definition();
const OpDef& transpose_grad_weight_definition();

}  // namespace graphrun::ops::conv2d
