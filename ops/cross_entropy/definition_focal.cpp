#include "ops/cross_entropy/types.h"

// Focal loss: cross entropy in which pixels that are right already count less.
namespace graphrun::ops::cross_entropy {
namespace {

AttrMap pixel_loss(const Node& node) {
  AttrMap attrs = pick_attrs(node.attrs, {"ignore_label"});
  const auto gamma = node.attrs.find("gamma");
  attrs["focus"] = gamma == node.attrs.end() ? AttrValue(Expr(2.0)) : gamma->second;
  return attrs;
}

std::vector<ValueId> in_evaluation(const Node& node, GraphWriter& graph) {
  return write_loss(node, pixel_loss(node), graph);
}

std::vector<ValueId> in_training(const Node& node, GraphWriter& graph) {
  return write_training_loss(node, pixel_loss(node), graph);
}

std::vector<AttrSpec> attrs() {
  std::vector<AttrSpec> specs{ignore_label_attr(),
                              {.name = "gamma",
                               .kind = AttrKind::real,
                               .doc = "how fast a pixel counts less as its label's probability grows; 0: "
                                      "cross entropy",
                               .fallback = AttrValue(Expr(2.0)),
                               .min = 0,
                               .max = 100}};
  append(specs, hard_pixel_attrs());
  return specs;
}

}  // namespace

std::vector<const OpDef*> focal_definitions() {
  static const OpDef focal = {
      .name = "focal",
      .doc =
          "Focal loss (Lin, Goyal, Girshick, He, Dollar 2017, arXiv:1708.02002) of the softmax: the average "
          "of (1 - p)^gamma * -log p of the labels over the pixels that are not ignored (over all ranks), "
          "and the confusion matrix of this batch. Weights of classes and ohem as cross_entropy has them: "
          "sum of w (1 - p)^gamma * -log p over sum of w.",
      .inputs = score_inputs(),
      .outputs = loss_outputs(),
      .attrs = attrs(),
      .precision = Precision::always_f32,
      .infer = infer_loss,
      .not_differentiable = "it is always written as cross_entropy_totals and mean_loss, which are",
      .for_eval = in_evaluation,
      .for_train = in_training,
  };
  return {&focal};
}

}  // namespace graphrun::ops::cross_entropy
