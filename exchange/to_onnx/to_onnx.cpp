#include "exchange/to_onnx/to_onnx.h"

#include <algorithm>
#include <map>

#include "exchange/to_onnx/metadata.h"
#include "exchange/to_onnx/translation.h"
#include "graphrun/version.h"
#include "runtime/model/infer.h"
#include "runtime/session/signature.h"

namespace graphrun::exchange::to_onnx {
namespace {

constexpr std::int64_t kMaxByteClasses = 256;

std::vector<onnx::Extent> extents(std::span<const Dim> shape) {
  std::vector<onnx::Extent> all;
  for (const Dim& dim : shape) {
    if (dim.is_constant())
      all.emplace_back(dim.constant());
    else
      all.emplace_back(to_string(dim));
  }
  return all;
}

onnx::ElementType pixel_type(model::PixelType type) {
  switch (type) {
    case model::PixelType::u8:
      return onnx::ElementType::u8;
    case model::PixelType::u16:
      return onnx::ElementType::u16;
    case model::PixelType::f32:
      break;
  }
  return onnx::ElementType::f32;
}

// One number a channel, as (C, 1, 1); one number for all stays one.
std::string per_channel(GraphBuilder& out, const std::vector<double>& values, double factor) {
  std::vector<float> scaled;
  scaled.reserve(values.size());
  for (const double value : values) scaled.push_back(static_cast<float>(value * factor));
  return out.reals(scaled, {std::ssize(scaled), 1, 1});
}

class Export {
 public:
  Export(const model::Program& program, const BasicGraph& graph, const weights::Weights& weights,
         const Options& options)
      : model_(program.model()),
        graph_(graph),
        options_(options),
        out_(graph, program.model(), weights, options.eight_bits) {
    if (options.eight_bits) find_scales(weights.quantised().activations);
  }

  Result<onnx::Graph> run() {
    GRAPHRUN_TRY(reserve_names());
    for (std::size_t i = 0; i < graph_.values.size(); ++i) add_input(static_cast<ValueId>(i));
    normalise_image();
    for (const auto& [id, q] : scales_) {
      if (at(graph_.values, id).origin == model::Origin::input) quantise(id);
    }
    for (const BasicNode& node : graph_.nodes)
      GRAPHRUN_TRY(translate_node(node).with_context(model::describe(node.node)));
    for (const model::NamedValue& output : graph_.outputs) add_output(output);
    return out_.finish();
  }

 private:
  std::string output_name(const model::NamedValue& output) const {
    if (logits_ == nullptr || output.name != logits_->name || options_.output == OutputKind::logits)
      return output.name;
    return options_.output == OutputKind::classes ? "classes" : "probabilities";
  }

  Status reserve_names() {
    image_ = model_.signature.input(model::roles::kImage);
    logits_ = model_.signature.output(model::methods::kEval, model::roles::kLogits);
    if (options_.pixels && image_ == nullptr)
      return session::missing_port(model_, "input", model::roles::kImage);
    if (options_.output != OutputKind::logits && logits_ == nullptr)
      return session::missing_port(model_, "output", model::roles::kLogits);
    for (const model::NamedValue& output : graph_.outputs) out_.reserve(output_name(output));
    return {};
  }

  void add_input(ValueId id) {
    const model::Value& value = at(graph_.values, id);
    if (value.origin != model::Origin::input) return;
    const ValueType& type = at(graph_.types, id);
    onnx::ValueInfo info{value.name, element_type(type.dtype), extents(type.shape)};
    if (options_.pixels && value.name == image_->name) {
      info.type = pixel_type(model_.preprocess.stored);
      std::rotate(info.shape.begin() + 1, info.shape.begin() + 2, info.shape.end());
      image_value_ = id;
    }
    out_.set_name(id, value.name);
    out_.add_input(std::move(info));
  }

  // (pixel - mean scale)/(std scale), and channels before rows.
  void normalise_image() {
    if (image_value_ == kNoValue) return;
    const model::Preprocess& preprocess = model_.preprocess;
    out_.enter(image_->name);
    std::string y = out_.name_of(image_value_);
    if (preprocess.stored != model::PixelType::f32)
      y = out_.add("Cast", {y}, {{"to", static_cast<std::int64_t>(onnx::ElementType::f32)}});
    y = out_.add("Transpose", {y}, {{"perm", std::vector<std::int64_t>{0, 3, 1, 2}}});
    y = out_.add("Sub", {y, per_channel(out_, preprocess.mean, preprocess.value_scale)});
    y = out_.add("Div", {y, per_channel(out_, preprocess.std, preprocess.value_scale)});
    out_.set_name(image_value_, y);
  }

  Status translate_node(const BasicNode& node) {
    const Translate translate = find_translation(node.node.op);
    if (translate == nullptr) {
      const std::string_view why = refusal(node.node.op);
      return {ErrorCode::unsupported,
              "ONNX has nothing for it" + (why.empty() ? "" : ": " + std::string(why))};
    }
    out_.enter(node.node.path);
    Translation translation(graph_, node, out_);
    GRAPHRUN_TRY(translate(translation));
    for (const ValueId id : node.node.outputs) quantise(id);
    return {};
  }

  // Parts of a composite give its outputs, which have the scales of its path.
  void find_scales(const weights::ActivationScales& activations) {
    const model::Method& method = *model_.method(model::methods::kEval);
    for (std::size_t i = 0; i < method.values.size(); ++i) {
      const model::Value& value = method.values[i];
      const auto id = static_cast<ValueId>(i);
      std::string_view name = value.name;
      if (value.origin == model::Origin::node) {
        const Node& node = method.nodes[static_cast<std::size_t>(value.index)];
        if (node.outputs[0] != id) continue;
        name = node.path;
      }
      const auto found = activations.find(name);
      if (value.origin != model::Origin::variable && found != activations.end()) scales_[id] = found->second;
    }
  }
  void quantise(ValueId id) {
    const auto found = scales_.find(id);
    if (found != scales_.end()) out_.quantise(id, found->second);
  }

  void add_output(const model::NamedValue& output) {
    const ValueType& type = at(graph_.types, output.value);
    onnx::ValueInfo info{output_name(output), element_type(type.dtype), extents(type.shape)};
    std::string value = out_.name_of(output.value);
    out_.enter(output.name);
    if (logits_ != nullptr && output.name == logits_->name) value = converted(value, type, info);
    out_.add_output(std::move(info), value);
  }

  std::string converted(const std::string& logits, const ValueType& type, onnx::ValueInfo& info) {
    const std::int64_t channels = 1;
    if (options_.output == OutputKind::probabilities)
      return out_.add("Softmax", {logits}, {{"axis", channels}});
    if (options_.output == OutputKind::logits) return logits;
    const Dim& classes = type.shape[1];
    info.type = classes.is_constant() && classes.constant() <= kMaxByteClasses ? onnx::ElementType::u8
                                                                               : onnx::ElementType::i32;
    info.shape.erase(info.shape.begin() + channels);
    const std::string best =
        out_.add("ArgMax", {logits}, {{"axis", channels}, {"keepdims", std::int64_t{0}}});
    return out_.add("Cast", {best}, {{"to", static_cast<std::int64_t>(info.type)}});
  }

  const model::Model& model_;
  const BasicGraph& graph_;
  const Options& options_;
  GraphBuilder out_;
  std::map<ValueId, Quantisation> scales_;  // of activations; empty: not in 8 bits
  const model::Port* image_ = nullptr;
  const model::Port* logits_ = nullptr;
  ValueId image_value_ = kNoValue;  // where it is taken as it is stored
};

}  // namespace

Result<onnx::Model> translate(const model::Program& program, const weights::Weights& weights,
                              const Options& options) {
  const model::Model& model = program.model();
  const model::Method* const method = model.method(model::methods::kEval);
  if (method == nullptr) return {ErrorCode::unsupported, "the model has no method eval"};
  GRAPHRUN_TRY(weights.make_all_wide());
  if (options.eight_bits && weights.quantised().empty()) {
    return {ErrorCode::invalid_argument,
            "the weights are not quantised, which int8 needs (grun quantize makes such a file)"};
  }
  SymbolLookup dims = model::symbolic_dims(model);
  if (!options.shapes.empty()) {
    GRAPHRUN_ASSIGN(session::DimValues values, session::solve_dims(program, options.shapes));
    dims = session::lookup_in(std::move(values));
  }
  GRAPHRUN_ASSIGN(const BasicGraph basic, make_basic(program, *method, dims, [](std::string_view op) {
                    return find_translation(op) != nullptr;
                  }));
  onnx::Model result;
  GRAPHRUN_ASSIGN(result.graph, Export(program, basic, weights, options).run());
  result.producer = "graphrun";
  result.producer_version = version();
  result.opsets[""] = kOpset;
  result.metadata = metadata(model, options);
  return result;
}

}  // namespace graphrun::exchange::to_onnx
