#include "graphrun/compile.h"

#include <utility>

#include "compiler/compile.h"
#include "ops/registry.h"
#include "runtime/core/guard.h"
#include "runtime/model/model_file.h"

namespace graphrun {

struct CompiledModel::Impl {
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
  return compiler::print(impl_->model, ops::op_registry());
} catch (...) {
  return core::caught();
}

Result<Compilation> compile(const std::string& path, const CompileOptions& options) try {
  std::vector<compiler::Definition> definitions;
  for (const auto& [name, value] : options.parameters) definitions.push_back({name, value, 0});
  compiler::Compiled compiled = compiler::compile(path, definitions, ops::op_registry(),
                                                  {{}, options.rate_multipliers, options.freeze});
  Compilation result;
  result.parameters_fit = compiled.definitions_fit;
  result.diagnostics = std::move(compiled.diagnostics);
  if (compiled.model) {
    result.model.emplace(
        std::make_shared<const CompiledModel::Impl>(CompiledModel::Impl{*std::move(compiled.model)}));
  }
  if (!result.model && result.diagnostics.empty()) return Status::no_memory();
  return result;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun
