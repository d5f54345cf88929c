#include "exchange/from_onnx/from_onnx.h"

#include <rapidjson/document.h>

#include <algorithm>

#include "exchange/from_onnx/graph_text.h"
#include "exchange/from_onnx/names.h"
#include "exchange/from_onnx/node_import.h"
#include "exchange/from_onnx/simplify.h"
#include "graphrun/kernel/attributes.h"
#include "runtime/core/json_reader.h"
#include "runtime/core/printable.h"

namespace graphrun::exchange::from_onnx {
namespace {

constexpr std::size_t kMaxNodes = 100'000;

std::string shown(std::string_view name) {
  constexpr std::size_t kLength = 120;
  return "\"" + core::printable(name.substr(0, kLength)) + "\"";
}

std::string describe(const onnx::Node& node) {
  return "node " + shown(node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name) + " (" +
         core::printable(node.op.substr(0, 64)) + ")";
}

class Translator {
 public:
  // `open_batch`: a batch of 1 in the file is any number of images.
  Translator(const onnx::Model& model, const OpRegistry& ops, std::size_t file_bytes, bool open_batch)
      : model_(model), graph_(ops, budget(model, file_bytes)), open_batch_(open_batch) {}

  Result<Imported> run() {
    GRAPHRUN_TRY(check_head());
    for (const onnx::Tensor& tensor : model_.graph.initializers)
      values_.insert_or_assign(tensor.name, &tensor);
    for (const onnx::ValueInfo& input : model_.graph.inputs) {
      if (!values_.contains(input.name))
        GRAPHRUN_TRY(add_input(input).with_context("input " + shown(input.name)));
    }
    if (ports_.inputs.empty()) return {ErrorCode::unsupported, "the graph has no input"};
    std::size_t index = 0;
    for (const onnx::Node& node : model_.graph.nodes)
      GRAPHRUN_TRY(translate(node, index++).with_context(describe(node)));
    for (const onnx::ValueInfo& output : model_.graph.outputs)
      GRAPHRUN_TRY(add_output(output).with_context("output " + shown(output.name)));
    if (ports_.outputs.empty()) return {ErrorCode::unsupported, "the graph has no output"};
    GRAPHRUN_TRY(simplify(graph_));
    return finish();
  }

 private:
  // A byte that is dequantised becomes four, and a variable of four.
  static std::int64_t budget(const onnx::Model& model, std::size_t file_bytes) {
    const bool is_quantised =
        std::ranges::find(model.graph.nodes, "DequantizeLinear", &onnx::Node::op) != model.graph.nodes.end();
    return (is_quantised ? 9 : 4) * static_cast<std::int64_t>(file_bytes) + (std::int64_t{48} << 20);
  }

  Status check_head() {
    const auto opset = model_.opsets.find("");
    if (opset == model_.opsets.end())
      return {ErrorCode::unsupported, "the model uses none of ONNX's own ops"};
    opset_ = opset->second;
    if (opset_ < kFirstOpset || opset_ > kLastOpset) {
      return {ErrorCode::unsupported, "opset " + std::to_string(opset_) + "; read are " +
                                          std::to_string(kFirstOpset) + " to " + std::to_string(kLastOpset) +
                                          ": export it anew, or convert it with onnx.version_converter"};
    }
    if (model_.graph.nodes.size() > kMaxNodes)
      return {ErrorCode::unsupported, "more than " + std::to_string(kMaxNodes) + " nodes"};
    return {};
  }

  // Extents of the first input are N, H and W where they are not numbers; others have the names' symbols.
  Result<Dim> extent_of(const onnx::Extent& extent, std::size_t axis, std::size_t rank) {
    const bool first = ports_.inputs.empty();
    const auto* number = std::get_if<std::int64_t>(&extent);
    if (number != nullptr && !(*number == 1 && axis == 0 && rank == 4 && open_batch_)) {
      if (*number < 1) return {ErrorCode::invalid_file, "an extent of " + std::to_string(*number)};
      return Dim(*number);
    }
    constexpr std::string_view kSymbols[] = {"N", "", "H", "W"};
    const std::string name = number != nullptr ? "" : std::get<std::string>(extent);
    if (const auto known = symbols_.find(name); !first && !name.empty() && known != symbols_.end())
      return Dim::symbol(known->second);
    if (axis == 1 || (!first && axis != 0))
      return {ErrorCode::unsupported,
              "its extent " + std::to_string(axis) + " is not known: export it for a fixed size"};
    const std::string symbol(kSymbols[axis]);
    if (!name.empty()) symbols_.emplace(name, symbol);
    return Dim::symbol(symbol);
  }

  Status add_input(const onnx::ValueInfo& input) {
    const std::size_t rank = input.shape.size();
    if (input.type != onnx::ElementType::f32)
      return {ErrorCode::unsupported, "its elements are of type " + std::string(onnx::to_string(input.type)) +
                                          "; float is expected: leave out what comes before the first layer"};
    if (!input.has_shape || rank < 1 || rank > 4)
      return {ErrorCode::unsupported, "rank 1 to 4 is expected, such as (N, C, H, W)"};
    ValueType type{DType::f32, Layout::nhwc, {}};
    for (std::size_t axis = 0; axis < rank; ++axis) {
      GRAPHRUN_ASSIGN(type.shape.emplace_back(), extent_of(input.shape[axis], axis, rank));
    }
    type.shape.resize(4, Dim(1));
    const bool image =
        ports_.inputs.empty() && rank == 4 && type.shape[1].constant() <= model::kMaxImageChannels;
    const StepValue value = graph_.add_input(std::move(type));
    const std::string name = names_.unique(identifier_of(input.name));
    ports_.inputs.push_back({name, value, image && name != "image" ? "image" : ""});
    values_.insert_or_assign(input.name, Map{value, static_cast<int>(rank)});
    return {};
  }

  Status translate(const onnx::Node& node, std::size_t index) {
    if (!node.domain.empty())
      return {ErrorCode::unsupported,
              "it is of the domain " + shown(node.domain) + "; only ONNX's own ops are known"};
    const ImportNode import = find_import(node.op);
    if (import == nullptr) return unknown(node);
    std::string_view weight;
    if (node.inputs.size() > 1) {
      const auto found = values_.find(node.inputs[1]);
      if (found != values_.end() && std::holds_alternative<Constant>(found->second)) weight = node.inputs[1];
    }
    NodeImport context(node, opset_, values_, graph_, path_of(node, weight, index));
    GRAPHRUN_TRY(import(context));
    GRAPHRUN_TRY(graph_.check_memory());
    return context.all_asked();
  }

  static Status unknown(const onnx::Node& node) {
    const std::vector<std::string_view> known = imported_ops();
    const std::string near = nearest_name(node.op, known);
    std::string text = "the op is not known here.";
    if (!near.empty()) text = "the op is not known here; did you mean " + near + "?";
    return {ErrorCode::unsupported,
            text + " Cut the network before it, or write its graph by hand (doc/exchange.md lists the ops)"};
  }

  Status add_output(const onnx::ValueInfo& output) {
    const auto found = values_.find(output.name);
    if (found == values_.end()) return {ErrorCode::invalid_file, "no node writes it"};
    const Map* const map = std::get_if<Map>(&found->second);
    if (map == nullptr)
      return {ErrorCode::unsupported, "it is a constant or a shape; an activation is expected"};
    if (map->is_padded())
      return {ErrorCode::unsupported, "it is padded: zeros are added before convolutions alone"};
    const auto is_input = [&](const NamedPort& input) { return input.value == map->value; };
    StepValue value = map->value;
    if (std::ranges::any_of(ports_.inputs, is_input)) {
      GRAPHRUN_ASSIGN(value, graph_.add({"scale", "copy", {{"factor", Expr(1)}}, {value}, {}, kNoStepValue}));
    }
    const std::string name = output_names_.unique(identifier_of(output.name));
    ports_.outputs.push_back({name, value, role_of(name, *map)});
    graph_.outputs.push_back(value);
    return {};
  }

  // The first map that covers the image is the logits; a name alone makes none of a vector of scores.
  std::string role_of(const std::string& name, const Map& map) const {
    const bool covers = map.rank == 4 && covers_image(map.value);
    if (name == model::roles::kLogits) return covers ? "" : "scores";
    return covers && ports_.outputs.empty() ? std::string(model::roles::kLogits) : "";
  }

  // A number for each pixel of the image.
  bool covers_image(StepValue value) const {
    const std::vector<Dim>& image = graph_.type(ports_.inputs[0].value).shape;
    const std::vector<Dim>& map = graph_.type(value).shape;
    return map[0] == image[0] && map[1].is_constant() && map[2] == image[2] && map[3] == image[3];
  }

  Imported finish() {
    Names paths;
    for (Step& step : graph_.steps()) {
      if (!step.variables.empty()) step.path = paths.unique(step.path);
    }
    constexpr std::size_t kMaxDoc = 1000;
    ports_.doc = core::printable(model_.graph.doc.substr(0, kMaxDoc));
    read_metadata();
    Imported result{
        write_graph(graph_, ports_), {}, std::move(graph_), std::move(class_names_), std::move(palette_)};
    for (const Step& step : result.storage.steps()) {
      for (const StepVariable& variable : step.variables) {
        const std::string_view name = result.storage.definition(step).input(variable.input).name;
        const Shape shape(variable.tensor->dims);
        result.tensors.push_back({step.path + "." + std::string(name), TensorDesc::dense(DType::f32, shape),
                                  variable.tensor->bytes()});
      }
    }
    return result;
  }

  // What our exporter wrote; what does not look like that is left alone.
  void read_metadata() {
    if (const rapidjson::Document names = metadata("class_names"); names.IsArray()) {
      for (const auto& name : names.GetArray()) {
        if (name.IsString()) class_names_.emplace_back(name.GetString(), name.GetStringLength());
      }
    }
    if (const rapidjson::Document colours = metadata("class_colours"); colours.IsArray()) {
      for (const auto& colour : colours.GetArray()) {
        if (!colour.IsArray()) continue;
        for (const auto& value : colour.GetArray())
          palette_.push_back(static_cast<std::uint8_t>(value.IsUint() ? value.GetUint() & 255U : 0U));
      }
    }
    if (palette_.size() != 3 * class_names_.size()) palette_.clear();
    ports_.preprocess = preprocess();
  }

  rapidjson::Document metadata(const std::string& key) const {
    rapidjson::Document document;
    const auto found = model_.metadata.find(key);
    constexpr std::size_t kMaxText = 1 << 20;
    if (found != model_.metadata.end() && found->second.size() <= kMaxText)
      core::read_json(found->second, document);  // null where it is none
    return document;
  }

  // As a graph file has it, for as many channels as the image has.
  std::string preprocess() const {
    const rapidjson::Document found = metadata("preprocessing");
    if (!found.IsObject()) return {};
    const Dim& channels = graph_.type(ports_.inputs[0].value).shape[1];
    std::string text = "{";
    for (const char* key : {"value_scale", "mean", "std"}) {
      const auto member = found.FindMember(key);
      if (member == found.MemberEnd()) return {};
      const rapidjson::Value& value = member->value;
      if (text.size() > 1) text += ", ";
      text += "\"" + std::string(key) + "\": ";
      if (value.IsNumber() && text.find("mean") == std::string::npos) {
        text += number_text(value.GetDouble());
        continue;
      }
      if (!value.IsArray() || !(channels == Dim(static_cast<std::int64_t>(value.Size())))) return {};
      std::string list;
      for (const auto& number : value.GetArray()) {
        if (!number.IsNumber()) return {};
        list += (list.empty() ? "" : ", ") + number_text(number.GetDouble());
      }
      text += "[" + list + "]";
    }
    return text + "}";
  }

  const onnx::Model& model_;
  StepGraph graph_;
  bool open_batch_;
  std::int64_t opset_ = 0;
  Values values_;
  std::map<std::string, std::string, std::less<>> symbols_;  // of extents, by the file's names
  Names names_;
  Names output_names_;
  GraphText ports_;
  std::vector<std::string> class_names_;
  std::vector<std::uint8_t> palette_;
};

}  // namespace

Result<Imported> translate(const onnx::Model& model, const OpRegistry& ops, std::size_t file_bytes) {
  auto result = Translator(model, ops, file_bytes, true).run();
  if (result.ok() || result.status().code() != ErrorCode::unsupported) return result;
  // A shape inside the graph may hold the batch's size.
  auto fixed = Translator(model, ops, file_bytes, false).run();
  return fixed.ok() ? std::move(fixed) : std::move(result);
}

}  // namespace graphrun::exchange::from_onnx
