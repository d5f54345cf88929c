#include "training/run/backbone.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/core/guard.h"
#include "runtime/weights/convert.h"
#include "training/run/rename_rules.h"

namespace graphrun::training {
namespace {

// What the rules say of the tensors that do not have the shapes of the model's variables.
std::string hints_for(const RenameRules& rules, const weights::TensorFile& file,
                      const model::Program& program, const weights::Weights& weights) {
  const std::vector<model::Variable>& variables = program.model().variables;
  std::string text;
  for (const auto& [name, hint] : rules.hints) {
    const auto tensor = std::ranges::find(file.tensors(), name, &weights::NamedTensor::name);
    const auto variable = std::ranges::find(variables, rules.apply(name), &model::Variable::name);
    if (tensor == file.tensors().end() || variable == variables.end()) continue;
    const auto index = static_cast<std::size_t>(variable - variables.begin());
    if (!(tensor->desc.shape == weights.variable(index).desc.shape)) text += "; " + hint;
  }
  return text;
}

constexpr std::int64_t kColors = 3;

// (out, 3, height, width) as (out, channels, height, width).
std::vector<float> widen(const weights::NamedTensor& tensor, std::int64_t channels) {
  const Shape& shape = tensor.desc.shape;
  const std::int64_t window = shape[2] * shape[3];
  std::vector<float> from(static_cast<std::size_t>(shape.count()));
  weights::convert_to_f32(tensor, from);
  std::vector<float> to(static_cast<std::size_t>(shape[0] * channels * window));
  const auto value = [&](std::int64_t out, std::int64_t color, std::int64_t i) {
    return from[static_cast<std::size_t>((out * kColors + color) * window + i)];
  };
  for (std::int64_t out = 0; out < shape[0]; ++out) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t color = c % kColors;
      const auto sharers = static_cast<float>((channels - color + kColors - 1) / kColors);
      for (std::int64_t i = 0; i < window; ++i) {
        to[static_cast<std::size_t>((out * channels + c) * window + i)] =
            channels < kColors
                ? (value(out, 0, i) + value(out, 1, i) + value(out, 2, i)) / static_cast<float>(channels)
                : value(out, color, i) / sharers;
      }
    }
  }
  return to;
}

// Tensors of a file, of which first convolutions have as many channels as the image.
struct Widened {
  std::vector<weights::NamedTensor> tensors;
  std::vector<std::vector<float>> memory;
  std::vector<std::string> names;  // of variables
};

Result<Widened> widen_first(const weights::TensorFile& file, const model::Program& program,
                            const RenameRules& rules) {
  const std::vector<model::Variable>& variables = program.model().variables;
  const auto channels = std::ssize(program.model().preprocess.mean);
  Widened widened{{file.tensors().begin(), file.tensors().end()}, {}, {}};
  if (channels == kColors) return widened;
  for (weights::NamedTensor& tensor : widened.tensors) {
    const std::string name = rules.apply(tensor.name);
    const auto variable = std::ranges::find(variables, name, &model::Variable::name);
    const Shape shape = tensor.desc.shape;
    if (variable == variables.end() || shape.rank() != 4 || shape[1] != kColors ||
        !is_real(tensor.desc.dtype))
      continue;
    const Shape wanted{shape[0], channels, shape[2], shape[3]};
    if (!(program.variable_shape(static_cast<std::size_t>(variable - variables.begin())) == wanted)) continue;
    const std::vector<float>& values = widened.memory.emplace_back(widen(tensor, channels));
    tensor.desc = TensorDesc::dense(DType::f32, wanted);
    tensor.bytes = std::as_bytes(std::span(values));
    widened.names.push_back(name);
  }
  return widened;
}

}  // namespace

Result<BackboneReport> load_backbone(const std::string& path, const model::Program& program,
                                     weights::Weights& weights, const weights::TensorChoice& choice) try {
  GRAPHRUN_ASSIGN(const std::vector<RenameRules> all, all_rules("backbones"));
  weights::TensorChoice chosen = weights::choice_for(program, choice);
  chosen.wants = [&all, known = chosen.wants](std::string_view name) {
    return std::ranges::any_of(all, [&](const RenameRules& rules) { return known(rules.apply(name)); });
  };
  GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                  weights::TensorFile::open(path, chosen));
  const auto matches = [&](const RenameRules& rules) {
    return std::ranges::count_if(file->tensors(), [&](const weights::NamedTensor& tensor) {
      return program.model().variable(rules.apply(tensor.name)) != nullptr;
    });
  };
  const auto best = std::ranges::max_element(all, {}, matches);
  if (best == all.end() || matches(*best) == 0) {
    return {ErrorCode::invalid_file,
            path + ": no rules in graphs/backbones/ name its tensors after the model's"};
  }
  BackboneReport report;
  report.rules = best->name;
  const auto rename = [&](std::string_view tensor) { return best->apply(tensor); };
  GRAPHRUN_ASSIGN(Widened widened, widen_first(*file, program, *best));
  report.widened = std::move(widened.names);
  report.channels = std::ssize(program.model().preprocess.mean);
  Result<std::vector<std::string>> taken = weights.load_some(widened.tensors, rename).with_context(path);
  if (!taken.ok()) {
    return {taken.status().code(), taken.status().message() + hints_for(*best, *file, program, weights)};
  }
  report.taken = *std::move(taken);
  std::ranges::sort(report.taken);
  for (const weights::NamedTensor& tensor : file->tensors()) {
    if (!std::ranges::binary_search(report.taken, rename(tensor.name)))
      report.not_taken.push_back(tensor.name);
  }
  for (const model::Variable& variable : program.model().variables) {
    const bool in_backbone = best->may_give(variable.name);
    const bool loadable = variable.kind == VariableKind::parameter || variable.kind == VariableKind::buffer;
    if (loadable && in_backbone && !std::ranges::binary_search(report.taken, variable.name)) {
      report.unset.push_back(variable.name);
    }
  }
  return report;
} catch (...) {
  return core::caught();
}

namespace {

std::string list_of_widened(const BackboneReport& report) {
  std::string text;
  for (const std::string& name : report.widened) {
    text += fmt::format(
        "\n  {} has {} channels for the file's three: {}, so that the sum over channels stays", name,
        report.channels,
        report.channels < kColors
            ? "each takes their mean, scaled"
            : "each takes the weights of red, green or blue in turn, divided by how many channels take them");
  }
  return text;
}

}  // namespace

std::string format_report(const BackboneReport& report, bool all_names) {
  const auto list = [all_names](const char* title, const std::vector<std::string>& names) {
    constexpr std::size_t kFew = 8;
    std::string text = fmt::format("\n  {} {}", names.size(), title);
    const std::size_t shown = all_names ? names.size() : std::min(names.size(), kFew);
    for (std::size_t i = 0; i < shown; ++i) text += "\n    " + names[i];
    if (shown < names.size())
      text += fmt::format("\n    ... and {} more (-v lists all)", names.size() - shown);
    return text;
  };
  return "backbone by the rules \"" + report.rules +
         "\":" + fmt::format("\n  {} tensors taken", report.taken.size()) + list_of_widened(report) +
         list("tensors of the file not taken", report.not_taken) +
         list("backbone variables keep their random start", report.unset);
}

}  // namespace graphrun::training
