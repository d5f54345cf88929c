#include "exchange/from_onnx/simplify.h"

#include <algorithm>

#include "exchange/from_onnx/value.h"

namespace graphrun::exchange::from_onnx {
namespace {

constexpr std::size_t kResidual = 5;  // of batch_norm

class Simplification {
 public:
  explicit Simplification(StepGraph& graph) : graph_(graph) {}

  Status run() {
    count();
    for (Step& step : steps()) {
      merge_silu(step);
      merge_pools(step);
    }
    count();
    for (std::size_t i = 0; i < steps().size(); ++i) merge_relu(i);
    count();
    for (std::size_t i = 0; i < steps().size(); ++i) merge_residual(i);
    remove_unread();
    count();
    move_convolutions();
    return {};
  }

 private:
  std::vector<Step>& steps() { return graph_.steps(); }

  void count() {
    uses_ = graph_.uses();
    producers_.assign(graph_.value_count(), kNone);
    for (std::size_t i = 0; i < steps().size(); ++i)
      if (steps()[i].output != kNoStepValue) producers_[static_cast<std::size_t>(steps()[i].output)] = i;
  }
  // The step that writes the value, if the value is read once; else null.
  Step* sole_producer(StepValue value) {
    const auto at = static_cast<std::size_t>(value);
    if (value == kNoStepValue || uses_[at] != 1 || producers_[at] == kNone) return nullptr;
    return &steps()[producers_[at]];
  }
  static bool is(const Step* step, std::string_view op) { return step != nullptr && step->op == op; }
  static bool is_linear(const Step& step) { return !step.attrs.contains("activation"); }

  void merge_silu(Step& step) {
    if (step.op != "mul") return;
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      const StepValue x = step.inputs[side];
      const Step* const gate = sole_producer(step.inputs[1 - side]);
      if (!is(gate, "sigmoid") || gate->inputs[0] != x) continue;
      step.op = "silu";
      step.inputs = {x};
      return;
    }
  }

  // Bins of columns, then bins of rows: an average over the bins of both.
  void merge_pools(Step& rows) {
    const std::vector<Expr>* const of_rows = bins_of(rows);
    Step* const columns = of_rows == nullptr ? nullptr : sole_producer(rows.inputs[0]);
    const std::vector<Expr>* const of_columns = columns == nullptr ? nullptr : bins_of(*columns);
    if (of_columns == nullptr || (*of_rows)[1] != Expr(0) || (*of_columns)[0] != Expr(0)) return;
    const std::vector<Expr> both = {(*of_rows)[0], (*of_columns)[1]};
    rows.inputs[0] = columns->inputs[0];
    if (both[0] == both[1])
      rows.attrs["output"] = both[0];
    else
      rows.attrs["output"] = both;
  }
  static const std::vector<Expr>* bins_of(const Step& step) {
    if (step.op != "adaptive_avg_pool") return nullptr;
    const auto output = step.attrs.find("output");
    return std::get_if<std::vector<Expr>>(&output->second);
  }

  // A frozen batch norm that adds the convolution's bias, which the convolution loses.
  Step norm_after(Step& conv) {
    const std::vector<float> ones(static_cast<std::size_t>(channels_of(conv)), 1.0F);
    const std::vector<float> zeros(ones.size(), 0.0F);
    const std::vector<std::int64_t> dims = {channels_of(conv)};
    const Constant zero = graph_.keep(tensor_of(zeros, dims));
    const Constant one = graph_.keep(tensor_of(ones, dims));
    Constant bias = zero;
    if (conv.variables.size() > 1) {
      bias = conv.variables[1].tensor;
      conv.variables.pop_back();
      conv.attrs["bias"] = Expr(0);
    }
    Step norm{"batch_norm", conv.path + ".norm", {{"eps", Expr(0.0)}, {"frozen", Expr(1)}}, {},
              {},           kNoStepValue};
    norm.inputs.assign(kResidual + 1, kNoStepValue);
    norm.inputs[0] = conv.output;
    norm.variables = {{1, one}, {2, bias}, {3, zero}, {4, one}};
    return norm;
  }
  static std::int64_t channels_of(const Step& conv) { return conv.variables[0].tensor->dims[0]; }

  void merge_relu(std::size_t index) {
    Step& relu = steps()[index];
    if (relu.op != "relu") return;
    Step* const before = sole_producer(relu.inputs[0]);
    if (is(before, "conv2d")) {
      Step norm = norm_after(*before);
      norm.attrs["activation"] = std::string("relu");
      norm.output = relu.output;
      relu = std::move(norm);
    } else if ((is(before, "add") || is(before, "batch_norm")) && is_linear(*before)) {
      before->attrs["activation"] = std::string("relu");
      std::swap(before->output, relu.output);
      relu.op.clear();  // nothing reads it any more
    }
  }

  // a + b, where a alone comes out of a batch norm or a convolution: its place is then where the sum was,
  // behind b.
  void merge_residual(std::size_t index) {
    Step& sum = steps()[index];
    if (sum.op != "add" || !(graph_.type(sum.inputs[0]) == graph_.type(sum.inputs[1]))) return;
    if (sum.inputs[0] == sum.inputs[1]) return;
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      Step* const before = sole_producer(sum.inputs[side]);
      const bool norm =
          is(before, "batch_norm") && is_linear(*before) && before->inputs[kResidual] == kNoStepValue;
      if (!norm && !is(before, "conv2d")) continue;
      Step merged = norm ? *before : norm_after(*before);
      merged.inputs[kResidual] = sum.inputs[1 - side];
      if (!is_linear(sum)) merged.attrs["activation"] = std::string("relu");
      merged.output = sum.output;
      if (norm) before->op.clear();
      sum = std::move(merged);
      return;
    }
  }

  // From the end, so that what only they read goes with them.
  void remove_unread() {
    std::vector<int> uses = graph_.uses();
    for (std::size_t i = steps().size(); i-- > 0;) {
      Step& step = steps()[i];
      if (!step.op.empty() && uses[static_cast<std::size_t>(step.output)] > 0) continue;
      step.op.clear();
      for (const StepValue value : step.inputs) {
        if (value != kNoStepValue) --uses[static_cast<std::size_t>(value)];
      }
    }
    std::erase_if(steps(), [](const Step& step) { return step.op.empty(); });
  }

  // A convolution stands before the norm that alone reads it, which may have moved to the end of a branch.
  void move_convolutions() {
    std::vector<bool> moved(steps().size());
    const auto conv_of = [this](const Step& step) {
      const Step* const before = step.op == "batch_norm" ? sole_producer(step.inputs[0]) : nullptr;
      return is(before, "conv2d") ? producers_[static_cast<std::size_t>(before->output)] : kNone;
    };
    for (const Step& step : steps()) {
      if (conv_of(step) != kNone) moved[conv_of(step)] = true;
    }
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < steps().size(); ++i) {
      if (moved[i]) continue;
      if (const std::size_t conv = conv_of(steps()[i]); conv != kNone) order.push_back(conv);
      order.push_back(i);
    }
    std::vector<Step> sorted;
    sorted.reserve(order.size());
    for (const std::size_t i : order) sorted.push_back(std::move(steps()[i]));
    steps() = std::move(sorted);
  }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  StepGraph& graph_;
  std::vector<int> uses_;
  std::vector<std::size_t> producers_;  // places of steps, by value
};

}  // namespace

Status simplify(StepGraph& graph) { return Simplification(graph).run(); }

}  // namespace graphrun::exchange::from_onnx
