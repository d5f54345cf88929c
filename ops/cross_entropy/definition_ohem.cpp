#include "ops/cross_entropy/names.h"
#include "ops/cross_entropy/types.h"

// Online hard example mining: which pixels of a batch the loss counts.
namespace graphrun::ops::cross_entropy {
namespace {

Status infer_probability(const Attributes&, std::span<const ValueType* const> inputs,
                         std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_label_pixels(*inputs[1], *inputs[0]));
  outputs = {ValueType::dense(DType::f32, inputs[1]->shape)};
  return {};
}

Status infer_hard(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_shape(*inputs[1], inputs[0]->shape, "probability"));
  outputs = {*inputs[0]};
  return {};
}

}  // namespace

std::vector<AttrSpec> mining_attrs() {
  return {{.name = "threshold",
           .kind = AttrKind::real,
           .doc = "of ohem: pixels whose label has a smaller probability are hard",
           .fallback = AttrValue(Expr(0.7)),
           .min = 0,
           .max = 1},
          {.name = "min_kept",
           .kind = AttrKind::integer,
           .doc = "of ohem: so many pixels of a batch are hard at least",
           .fallback = AttrValue(Expr(100000)),
           .min = 0,
           .max = 1e12},
          {.name = "min_share",
           .kind = AttrKind::real,
           .doc = "of ohem: and at least this share of the valid pixels, rounded down",
           .fallback = AttrValue(Expr(0.0)),
           .min = 0,
           .max = 1}};
}

std::vector<AttrSpec> hard_pixel_attrs() {
  std::vector<AttrSpec> attrs = mining_attrs();
  attrs.insert(attrs.begin(), {.name = "ohem",
                               .kind = AttrKind::boolean,
                               .doc = "online hard example mining, in training",
                               .fallback = AttrValue(Expr(0))});
  return attrs;
}

std::vector<const OpDef*> ohem_definitions() {
  static const OpDef probability = {
      .name = kLabelProbabilityOp,
      .doc = "Softmax probability of each pixel's label; 1 where ignored.",
      .inputs = score_inputs(),
      .outputs = {{.name = "probability", .doc = "f32 (N, H, W)", .type = OperandType::dense(DType::f32, 3)}},
      .attrs = {ignore_label_attr()},
      .precision = Precision::always_f32,
      .infer = infer_probability,
      .not_differentiable = "it only selects pixels",
      .reads_pixels = true,
      .internal = true,
  };
  static std::vector<AttrSpec> hard_attrs = [] {
    std::vector<AttrSpec> attrs = mining_attrs();
    attrs.insert(attrs.begin(), ignore_label_attr());
    return attrs;
  }();
  static const OpDef hard = {
      .name = "hard_label",
      .doc =
          "Online hard example mining (Shrivastava, Gupta, Girshick 2016, arXiv:1604.03540) for pixels, "
          "with the rule that segmentation codes share: of the n valid pixels of this rank's batch, sorted "
          "by probability from 0 on, those are hard whose probability is less than the larger one of "
          "threshold and the probability at place min(max(min_kept, min_share n), n - 1). The others get "
          "ignore_label.",
      .inputs = {{.name = "label", .doc = "i32 (N, H, W)", .type = kLabels},
                 {.name = "probability",
                  .doc = "f32 (N, H, W): of the label; a pixel without a number is hard",
                  .type = OperandType::dense(DType::f32, 3)}},
      .outputs = {{.name = "hard",
                   .doc = "i32 (N, H, W): label where hard, ignore_label elsewhere",
                   .type = kLabels}},
      .attrs = hard_attrs,
      .precision = Precision::always_f32,
      .infer = infer_hard,
      .not_differentiable = "it only selects pixels",
      .compares_samples = true,
      .internal = true,
  };
  return {&probability, &hard};
}

}  // namespace graphrun::ops::cross_entropy
