#include "tests/ops/operand_cases.h"

#include "ops/region_loss/bins.h"

namespace graphrun::test {
namespace {

using Inputs = std::vector<InputCase>;

constexpr std::int64_t kChannels = 4;

InputCase map() { return activation({2, kChannels, 6, 5}); }
InputCase per_channel() { return dense({kChannels}, uniform(0.5, 1.5)); }
InputCase labels() { return dense({2, 6, 5}, integers(kChannels), DType::i32); }
InputCase doubles(const Shape& shape) { return dense(shape, uniform(1, 2), DType::f64); }
InputCase scalar() { return dense({}); }
InputCase rng() { return dense({3}, in_order({1, 2, 0}), DType::i64); }
InputCase winners() {
  InputCase input = activation({2, kChannels, 6, 5}, integers(9));
  input.desc.dtype = DType::u8;
  return input;
}

Inputs joined(std::initializer_list<Inputs> lists) {
  Inputs all;
  for (const Inputs& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}
Inputs channels(int count) { return Inputs(static_cast<std::size_t>(count), per_channel()); }

AttrMap window() { return {{"kernel", 3}, {"padding", 1}}; }
AttrMap convolution() { return {{"kernel", 3}, {"padding", 1}, {"out_channels", kChannels}}; }
InputCase weight(std::int64_t inputs = kChannels) { return dense({kChannels, inputs, 3, 3}); }

std::vector<Case> activations() {
  std::vector<Case> cases;
  for (const std::string op :
       {"gelu", "hard_sigmoid", "hard_swish", "leaky_relu", "relu", "relu6", "sigmoid", "silu"}) {
    cases.push_back({.op = op, .inputs = {map()}});
    cases.push_back({.op = op + "_grad", .inputs = {map(), map()}});
  }
  return cases;
}

std::vector<Case> maps() {
  return {{.op = "softmax", .inputs = {map()}},
          {.op = "softmax_grad", .inputs = {map(), map()}},
          {.op = "argmax", .inputs = {map()}},
          {.op = "cast", .inputs = {map()}},
          {.op = "dropout2d", .inputs = {map()}},
          {.op = "drop_path", .inputs = {map()}},
          {.op = "dropout2d_train", .attrs = {{"stream", 1}}, .inputs = {map(), rng()}},
          {.op = "dropout2d_grad", .attrs = {{"stream", 1}}, .inputs = {map(), rng()}},
          {.op = "layer_scale", .inputs = {map(), per_channel()}},
          {.op = "layer_scale_grad_weight", .inputs = {map(), map()}},
          {.op = "add", .inputs = {map(), map()}},
          {.op = "mul", .inputs = {map(), map()}},
          {.op = "reduce_to", .inputs = {map(), activation({2, kChannels, 6, 1})}},
          {.op = "channel_dot", .inputs = {map(), map()}},
          {.op = "concat", .inputs = {map(), map()}},
          {.op = "slice_channels", .attrs = {{"begin", 1}, {"count", 2}}, .inputs = {map()}}};
}

std::vector<Case> pools() {
  const AttrMap bins{{"output", std::vector<Expr>{2, 3}}};
  const AttrMap row{{"axis", "row"}};
  const AttrMap mask{{"type", "collect"}, {"mask", 3}};
  const InputCase small = activation({2, kChannels, 2, 3});
  const InputCase strip = activation({2, kChannels, 6, 1});
  const InputCase masks = activation({2, 9, 4, 5});
  const InputCase attention = activation({2, 20, 4, 5});
  const InputCase large = activation({2, kChannels, 9, 7});
  const InputCase factors = activation({2, 6, 3, 2});
  const InputCase product = activation({2, kChannels, 3, 2});
  return {{.op = "adaptive_avg_pool", .attrs = bins, .inputs = {map()}},
          {.op = "adaptive_avg_pool_grad", .inputs = {small, map()}},
          {.op = "avg_pool", .attrs = window(), .inputs = {map()}},
          {.op = "avg_pool_grad", .attrs = window(), .inputs = {map(), map()}},
          {.op = "max_pool", .attrs = window(), .inputs = {map()}},
          {.op = "max_pool_grad", .attrs = window(), .inputs = {map(), winners(), map()}},
          {.op = "strip_pool", .attrs = row, .inputs = {map()}},
          {.op = "strip_pool_grad", .attrs = row, .inputs = {strip, map()}},
          {.op = "psa_mask", .attrs = mask, .inputs = {masks}},
          {.op = "psa_mask_grad", .attrs = mask, .inputs = {attention, masks}},
          {.op = "resize", .inputs = {map(), large}},
          {.op = "resize_grad", .inputs = {large, map()}},
          {.op = "matmul", .inputs = {factors, small}},
          {.op = "matmul_grad_a", .inputs = {product, small}},
          {.op = "matmul_grad_x", .inputs = {product, factors, small}}};
}

std::vector<Case> convolutions() {
  AttrMap with_bias = convolution();
  with_bias["bias"] = 1;
  return {
      {.op = "conv2d", .attrs = with_bias, .inputs = {map(), weight(), per_channel()}},
      {.op = "linear",
       .attrs = {{"out_channels", kChannels}},
       .inputs = {map(), dense({kChannels, kChannels}), per_channel()}},
      {.op = "conv2d_grad_data", .attrs = window(), .inputs = {map(), weight(), map()}},
      {.op = "conv2d_grad_weight", .attrs = window(), .inputs = {map(), map(), weight()}},
      {.op = "conv_transpose2d", .attrs = with_bias, .inputs = {map(), weight(), per_channel()}},
      {.op = "conv_transpose2d_grad_data", .attrs = window(), .inputs = {map(), weight(), map()}},
      {.op = "conv_transpose2d_grad_weight", .attrs = window(), .inputs = {map(), map(), weight()}},
      {.op = "conv2d_mixture",
       .attrs = {{"out_channels", kChannels}},
       .inputs = {map(), dense({kChannels, 2 * kChannels, 1, 1}), per_channel(),
                  activation({2, kChannels, 2, 2})}},
      {.op = "slice_weight", .attrs = {{"begin", 1}, {"count", 2}}, .inputs = {weight()}},
      {.op = "join_weights", .inputs = {weight(), weight(2)}},
      {.op = "conv2d_bn",
       .attrs = convolution(),
       .inputs = joined({{map(), weight()}, channels(5), {map()}})},
      {.op = "conv2d_bn_pyramid",
       .attrs = convolution(),
       .inputs = joined({{map(), weight(2 * kChannels)}, channels(5), {activation({2, kChannels, 2, 2})}})}};
}

std::vector<Case> batch_norms() {
  const AttrMap relu{{"activation", "relu"}};
  const Inputs normalised = joined({{map()}, channels(4), {map()}});
  return {
      {.op = "batch_norm", .inputs = normalised},
      {.op = "batch_norm_eval", .inputs = normalised},
      {.op = "bn_moments", .inputs = {map()}},
      {.op = "bn_finish", .inputs = {doubles({3, kChannels}), per_channel(), per_channel()}},
      {.op = "bn_apply", .inputs = normalised},
      {.op = "bn_grad_sums", .attrs = relu, .inputs = joined({{map()}, normalised})},
      {.op = "bn_grad_apply",
       .attrs = relu,
       .inputs = joined({{map(), doubles({3, kChannels})}, normalised})},
      {.op = "batch_norm_eval_grad", .attrs = relu, .inputs = {map(), per_channel(), per_channel(), map()}}};
}

std::vector<Case> other_norms() {
  const AttrMap pairs{{"groups", 2}};
  return {{.op = "group_norm", .attrs = pairs, .inputs = joined({{map()}, channels(2)})},
          {.op = "group_norm_grad", .attrs = pairs, .inputs = {map(), map(), per_channel()}},
          {.op = "layer_norm", .inputs = joined({{map()}, channels(2)})},
          {.op = "layer_norm_grad", .inputs = {map(), map(), per_channel()}}};
}

std::vector<Case> attentions() {
  const AttrMap pair{{"heads", 2}};
  const InputCase small = activation({2, kChannels, 2, 3});
  const InputCase log_sum = dense({2, 2, 6, 5}, uniform(3, 4));
  return {{.op = "attention", .attrs = pair, .inputs = {map(), small, small}},
          {.op = "attention_grad",
           .attrs = pair,
           .inputs = {map(), map(), small, small, map(), log_sum, log_sum}}};
}

std::vector<Case> losses() {
  const InputCase small = activation({2, kChannels, 3, 3});
  return {
      {.op = "cross_entropy", .inputs = {map(), labels()}},
      {.op = "cross_entropy_totals", .inputs = {map(), labels(), per_channel(), labels()}},
      {.op = "cross_entropy_grad", .inputs = {doubles({2}), map(), labels(), per_channel()}},
      {.op = "mean_loss", .inputs = {doubles({2})}},
      {.op = "mean_loss_grad", .inputs = {scalar(), doubles({2})}},
      {.op = "label_probability", .inputs = {map(), labels()}},
      {.op = "hard_label", .attrs = {{"min_kept", 3}}, .inputs = {labels(), dense({2, 6, 5}, uniform(0, 1))}},
      {.op = "resize_cross_entropy_totals", .inputs = {small, labels(), per_channel(), labels()}},
      {.op = "resize_cross_entropy_grad", .inputs = {doubles({2}), small, labels(), per_channel()}},
      {.op = "resize_label_probability", .inputs = {small, labels()}}};
}

std::vector<Case> region_losses() {
  constexpr std::int64_t kBins = ops::region_loss::kErrorBins;
  const InputCase small = activation({2, kChannels, 3, 3});
  std::vector<Case> cases{
      {.op = "focal", .inputs = {map(), labels()}},
      {.op = "dice", .inputs = {map(), labels()}},
      {.op = "tversky", .inputs = {map(), labels()}},
      {.op = "lovasz_softmax", .inputs = {map(), labels()}},
      {.op = "region_loss", .inputs = {doubles({3, kChannels}), per_channel()}},
      {.op = "region_loss_grad", .inputs = {scalar(), doubles({3, kChannels}), per_channel()}},
      {.op = "lovasz_loss", .inputs = {doubles({4, kChannels, kBins}), per_channel()}},
      {.op = "lovasz_loss_grad", .inputs = {scalar(), doubles({4, kChannels, kBins}), per_channel()}}};
  for (const std::string prefix : {"", "resize_"}) {
    const InputCase logits = prefix.empty() ? map() : small;
    cases.push_back({.op = prefix + "region_totals", .inputs = {logits, labels()}});
    cases.push_back({.op = prefix + "region_grad", .inputs = {doubles({3, kChannels}), logits, labels()}});
    cases.push_back({.op = prefix + "lovasz_totals", .inputs = {logits, labels()}});
    cases.push_back(
        {.op = prefix + "lovasz_grad", .inputs = {doubles({4, kChannels, kBins}), logits, labels()}});
  }
  return cases;
}

std::vector<Case> boundaries() {
  const InputCase score = activation({2, 1, 6, 5});
  const InputCase small = activation({2, 1, 3, 3});
  const InputCase target = dense({2, 6, 5}, integers(2), DType::i32);
  return {{.op = "boundary", .inputs = {score, labels()}},
          {.op = "boundary_totals", .inputs = {score, target}},
          {.op = "boundary_grad", .inputs = {doubles({4}), score, target}},
          {.op = "resize_boundary_totals", .inputs = {small, target}},
          {.op = "resize_boundary_grad", .inputs = {doubles({4}), small, target}},
          {.op = "boundary_loss", .inputs = {doubles({4})}},
          {.op = "boundary_loss_grad", .inputs = {scalar(), doubles({4})}},
          {.op = "label_boundary", .inputs = {labels()}},
          {.op = "select_label", .inputs = {labels(), score}}};
}

std::vector<Case> others() {
  return {{.op = "axpby", .inputs = {dense({2}), dense({7}), dense({7})}},
          {.op = "first_nonfinite", .inputs = {dense({7})}},
          {.op = "lerp", .inputs = {scalar(), dense({7}), dense({7})}},
          {.op = "sum_of_squares", .inputs = {dense({7})}},
          {.op = "weighted_sum",
           .attrs = {{"weights", std::vector<Expr>{0.5, 2.0}}},
           .inputs = {scalar(), scalar()}},
          {.op = "scale", .attrs = {{"factor", 2.0}}, .inputs = {map()}},
          {.op = "fill", .attrs = {{"value", 1.0}}},
          {.op = "sgd", .inputs = joined({{scalar()}, channels(3)}), .updated_inputs = {1, 3}},
          {.op = "adamw",
           .inputs = joined({{scalar()}, channels(4), {scalar()}}),
           .updated_inputs = {1, 3, 4, 5}},
          {.op = "subsample",
           .attrs = {{"size", std::vector<Expr>{3, 4}}},
           .inputs = {dense({2, 5, 7}, integers(kChannels), DType::i32)}}};
}

}  // namespace

std::vector<Case> operand_cases() {
  std::vector<Case> all;
  for (auto* cases : {activations, maps, pools, convolutions, batch_norms, other_norms, attentions, losses,
                      region_losses, boundaries, others}) {
    for (Case& test : cases()) all.push_back(std::move(test));
  }
  return all;
}

}  // namespace graphrun::test
