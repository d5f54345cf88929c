#include "graphrun/compile.h"

#include <utility>

#include "compiler/compile.h"
#include "ops/registry.h"
#include "runtime/core/guard.h"
#include "runtime/model/model_file.h"

namespace graphrun {

struct CompiledModel::Impl {
  std::shared_ptr<const OpRegistry> ops;
  model::Model model;
};

CompiledModel::CompiledModel(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

const std::string& CompiledModel::name() const { return impl_->model.name; }

Status CompiledModel::write(const std::string& path) const try {
  return model::write_model(impl_->model, path);
} catch (...) {
  return core::caught();
}

Result<std::vector<std::byte>> CompiledModel::bytes() const try {
  return model::serialize(impl_->model);
} catch (...) {
  return core::caught();
}

Result<std::string> CompiledModel::text() const try {
  return compiler::print(impl_->model, *impl_->ops);
} catch (...) {
  return core::caught();
}

Result<Compilation> compile(const std::string& path, const CompileOptions& options) try {
  GRAPHRUN_ASSIGN(const std::shared_ptr<const OpRegistry> ops, ops::op_registry_with(options.ops));
  std::vector<compiler::Definition> definitions;
  for (const auto& [name, value] : options.parameters) definitions.push_back({name, value, 0});
  compiler::Compiled compiled = compiler::compile(
      path, definitions, *ops, {options.optimizer, options.rate_multipliers, options.freeze});
  GRAPHRUN_TRY(compiled.status);
  Compilation result;
  result.parameters_fit = compiled.definitions_fit;
  result.diagnostics = std::move(compiled.diagnostics);
  if (compiled.model) {
    result.model.emplace(
        std::make_shared<const CompiledModel::Impl>(CompiledModel::Impl{ops, *std::move(compiled.model)}));
  }
  return result;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun
