#include "training/jobs/bind.h"

#include <algorithm>
#include <optional>

#include "runtime/model/parameter_names.h"
#include "training/run/resolve.h"

namespace graphrun::training {

Result<std::shared_ptr<const model::Program>> bind_program(const model::Program& program,
                                                           const std::string& path,
                                                           const BindingSources& sources) {
  model::Bindings bindings = sources.chosen;
  const SettingTable* const settings = sources.settings;
  for (const model::GraphParameter& parameter : program.model().parameters) {
    if (parameter.structural) continue;
    const auto spec = std::ranges::find(setting_specs(), parameter.name, &SettingSpec::name);
    const bool is_setting = settings != nullptr && spec != setting_specs().end();
    if (is_setting && settings->is_explicit(parameter.name) && settings->has_value(parameter.name)) {
      bindings.try_emplace(parameter.name, settings->real(parameter.name));
    }
    if (settings != nullptr) {
      GRAPHRUN_ASSIGN(const std::optional<double> derived,
                      derived_value(parameter, program.model(), *settings));
      if (derived) bindings.try_emplace(parameter.name, *derived);
    }
    if (sources.descriptor != nullptr && parameter.name == model::parameter_names::kClasses) {
      bindings.try_emplace(parameter.name, static_cast<double>(sources.descriptor->classes.size()));
    }
  }
  auto bound = program.bind(bindings);
  if (bound.ok() || sources.chosen.empty()) return std::move(bound).with_context(path);
  // Whatever is wrong with chosen values is wrong with the command line.
  const ErrorCode code = bound.status().code();
  return {code == ErrorCode::invalid_argument ? ErrorCode::usage : code,
          path + ": " + bound.status().message()};
}

Result<weights::ModelSource> open_source(const std::string& path, const OpRegistry& ops,
                                         const model::Bindings& chosen) {
  GRAPHRUN_ASSIGN(weights::ModelSource source, weights::open_model(path, ops));
  GRAPHRUN_ASSIGN(source.program, bind_program(*source.program, path, {chosen}));
  return source;
}

}  // namespace graphrun::training
