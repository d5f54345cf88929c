#include "graphrun/program.h"

#include "api/impl.h"
#include "ops/registry.h"
#include "runtime/core/guard.h"
#include "runtime/session/session.h"

namespace graphrun {
namespace {

void list_ports(const model::Method& method, Program::Impl& impl) {
  for (const model::Value& value : method.values) {
    if (value.origin == model::Origin::input) impl.inputs.push_back(value.name);
  }
  for (const model::NamedValue& output : method.outputs) impl.outputs.push_back(output.name);
}

}  // namespace

namespace api {

Result<std::shared_ptr<const Program::Impl>> open_program(const std::string& path,
                                                          const Parameters& parameters,
                                                          const OpLibraries& ops) {
  Program::Impl impl;
  GRAPHRUN_ASSIGN(impl.ops, ops::op_registry_with(ops));
  GRAPHRUN_ASSIGN(impl.source, weights::open_model(path, *impl.ops));
  const model::Bindings bindings(parameters.begin(), parameters.end());
  GRAPHRUN_ASSIGN(impl.source.program, impl.source.program->bind(bindings).with_context(path));
  const model::Model& model = impl.source.program->model();
  impl.class_names = model.class_names;
  for (std::size_t i = 0; i + 2 < model.palette.size(); i += 3)
    impl.palette.push_back({model.palette[i], model.palette[i + 1], model.palette[i + 2]});
  if (const model::Method* const eval = model.method(model::methods::kEval)) list_ports(*eval, impl);
  return std::shared_ptr<const Program::Impl>(std::make_shared<Program::Impl>(std::move(impl)));
}

}  // namespace api

Result<Program> Program::load(const std::string& path, const Parameters& parameters,
                              const OpLibraries& ops) try {
  GRAPHRUN_ASSIGN(std::shared_ptr<const Impl> impl, api::open_program(path, parameters, ops));
  return Program(std::move(impl));
} catch (...) {
  return core::caught();
}

const std::string& Program::name() const { return impl_->source.program->model().name; }
const std::vector<std::string>& Program::class_names() const { return impl_->class_names; }
const std::vector<Color>& Program::palette() const { return impl_->palette; }
const std::vector<std::string>& Program::input_names() const { return impl_->inputs; }
const std::vector<std::string>& Program::output_names() const { return impl_->outputs; }
std::int64_t Program::image_channels() const {
  return std::ssize(impl_->source.program->model().preprocess.mean);
}
bool Program::has_weights() const { return impl_->source.is_bundle(); }

Result<ImageSize> Program::smallest_valid_size(const ImageSize& size) const try {
  GRAPHRUN_ASSIGN(
      const session::Session::Options options,
      session::Session::smallest_valid_size(*impl_->source.program, {1, size.height, size.width}));
  return ImageSize{options.h, options.w};
} catch (...) {
  return core::caught();
}

}  // namespace graphrun
