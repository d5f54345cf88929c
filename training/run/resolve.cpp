#include "training/run/resolve.h"

#include <algorithm>
#include <cmath>

#include "runtime/core/guard.h"

namespace graphrun::training {
namespace {

constexpr double kMaxDerived = 9007199254740992.0;  // 2^53: integers are exact up to there

// A setting's value, else the parameter's of that name.
std::optional<Number> number_of(const model::Model& model, const SettingTable& settings,
                                std::string_view name) {
  const auto spec = std::ranges::find(setting_specs(), name, &SettingSpec::name);
  if (spec != setting_specs().end() && settings.has_value(name)) {
    if (spec->kind == SettingKind::integer) return Number(Dim(settings.integer(name)));
    if (spec->kind == SettingKind::real) return Number(settings.real(name));
    if (spec->kind == SettingKind::boolean) return Number(Dim(settings.flag(name) ? 1 : 0));
  }
  return model.parameter_values()(name);
}

// Where a derived value comes from: the last setting that it depends on and that somebody set.
std::string source_of(const model::GraphParameter& parameter, const SettingTable& settings) {
  std::string source = "model";
  for (const std::string& symbol : parameter.from.symbols) {
    const bool is_setting =
        std::ranges::find(setting_specs(), symbol, &SettingSpec::name) != setting_specs().end();
    if (is_setting && settings.has_value(symbol)) source = settings.source(symbol);
  }
  return source;
}

// Parameters that follow from settings (GraphParameter::from), but for those that somebody chose: by a
// setting of their name, or in the model.
Status resolve_derived(const model::Model& model, SettingTable& settings) {
  for (const model::GraphParameter& parameter : model.parameters) {
    GRAPHRUN_ASSIGN(const std::optional<double> value, derived_value(parameter, model, settings));
    const auto spec = std::ranges::find(setting_specs(), parameter.name, &SettingSpec::name);
    if (!value || spec == setting_specs().end()) continue;
    GRAPHRUN_TRY(settings.set(
        parameter.name, to_string(parameter.integer ? Expr(static_cast<std::int64_t>(*value)) : Expr(*value)),
        source_of(parameter, settings)));
  }
  return {};
}

// What is ignored must not be a class. The default is one where there are more than 255: then it is the
// highest number.
Status resolve_ignore_label(const datasets::Descriptor& descriptor, SettingTable& settings) {
  const auto classes = static_cast<std::int64_t>(descriptor.classes.size());
  const std::int64_t ignored = settings.integer("ignore_label");
  if (ignored >= classes) return {};
  if (settings.is_explicit("ignore_label")) {
    const std::string& name = descriptor.classes[static_cast<std::size_t>(ignored)].name;
    return {ErrorCode::invalid_argument,
            settings.source("ignore_label") + ": ignore_label " + std::to_string(ignored) +
                " is the class \"" + name + "\" of data set " + descriptor.name +
                "; pixels of no class have an id from " + std::to_string(classes) + " on, such as 255"};
  }
  return settings.set("ignore_label", std::to_string(imaging::kIgnoredClass), "data set " + descriptor.name);
}

std::string text_of(double value, SettingKind kind) {
  const bool whole = kind != SettingKind::real && value == std::floor(value) && std::abs(value) < kMaxDerived;
  return to_string(whole ? Expr(static_cast<std::int64_t>(value)) : Expr(value));
}

// What nobody set is what the network has of it, where it has a parameter of that name.
Status take_model_defaults(const model::Model& model, SettingTable& settings) {
  for (const model::GraphParameter& parameter : model.parameters) {
    const auto spec = std::ranges::find(setting_specs(), parameter.name, &SettingSpec::name);
    if (parameter.structural || spec == setting_specs().end() || settings.is_explicit(parameter.name))
      continue;
    const std::optional<Number> value = model.parameter_values()(parameter.name);
    if (!value || !settings.has_value(parameter.name)) continue;
    GRAPHRUN_ASSIGN(const double number,
                    evaluate_real(Expr::symbol(parameter.name), model.parameter_values()));
    if (number == settings.real(parameter.name)) continue;
    GRAPHRUN_TRY(settings.set(parameter.name, text_of(number, spec->kind), "model " + model.name));
  }
  return {};
}

// -D of a parameter that is a setting too is that setting: data and losses must not differ about it.
Status take_definitions(const model::Bindings& definitions, SettingTable& settings) {
  for (const auto& [name, value] : definitions) {
    const auto spec = std::ranges::find(setting_specs(), name, &SettingSpec::name);
    if (spec == setting_specs().end()) continue;
    const Status status = settings.set(name, text_of(value, spec->kind), "-D");
    if (!status.ok()) return {ErrorCode::usage, status.message()};
  }
  return {};
}

}  // namespace

Result<std::optional<double>> derived_value(const model::GraphParameter& parameter, const model::Model& model,
                                            const SettingTable& settings) {
  if (parameter.from.tokens.empty() || parameter.structural || parameter.chosen)
    return std::optional<double>();
  const auto spec = std::ranges::find(setting_specs(), parameter.name, &SettingSpec::name);
  if (spec != setting_specs().end() && settings.has_value(parameter.name)) return std::optional<double>();
  const auto lookup = [&](std::string_view name) { return number_of(model, settings, name); };
  for (const std::string& symbol : parameter.from.symbols) {
    if (!lookup(symbol)) return std::optional<double>();
  }
  GRAPHRUN_ASSIGN(const double value,
                  evaluate_real(parameter.from, lookup).with_context("graph parameter " + parameter.name));
  if (parameter.integer && (value != std::floor(value) || std::abs(value) > kMaxDerived)) {
    return {ErrorCode::invalid_argument,
            "graph parameter " + parameter.name + ": " + to_string(parameter.from) + " gives no integer"};
  }
  return std::optional(value);
}

Result<SettingTable> resolve_settings(const model::Model& model, const datasets::Descriptor* descriptor,
                                      const SettingSources& sources) try {
  SettingTable settings;
  GRAPHRUN_TRY(settings.set_all(model.settings, "model " + model.name));
  if (descriptor != nullptr) {
    GRAPHRUN_TRY(settings.set_all(descriptor->settings, "data set " + descriptor->name));
    GRAPHRUN_TRY(settings.set_all(datasets::recipe_settings(*descriptor, model.name),
                                  "data set " + descriptor->name + ", recipe for " + model.name));
  }
  GRAPHRUN_TRY(settings.set_all(sources.stored, "stored with the model"));
  for (const std::string& path : sources.configs) GRAPHRUN_TRY(settings.set_from_file(path));
  for (const std::string& assignment : sources.sets) {
    const Status status = settings.set_assignment(assignment, "--set");
    if (!status.ok()) return {ErrorCode::usage, status.message()};
  }
  GRAPHRUN_TRY(take_definitions(sources.definitions, settings));
  for (const auto& [test, train] : {std::pair("test_h", "train_h"), std::pair("test_w", "train_w")}) {
    if (!settings.has_value(test) && settings.has_value(train)) {
      GRAPHRUN_TRY(settings.set(test, settings.json(train), settings.source(train)));
    }
  }
  GRAPHRUN_TRY(take_model_defaults(model, settings));
  if (descriptor != nullptr) GRAPHRUN_TRY(resolve_ignore_label(*descriptor, settings));
  GRAPHRUN_TRY(resolve_derived(model, settings));
  return settings;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
