#include "graphrun/weights.h"

#include "api/impl.h"
#include "runtime/core/guard.h"
#include "runtime/weights/safetensors.h"

namespace graphrun {

Result<Weights> Weights::load(const Program& program, const Device& device, const std::string& path) try {
  const weights::ModelSource& source = program.impl().source;
  if (path.empty() && !source.is_bundle()) {
    return {ErrorCode::invalid_argument, source.path + " has no weights in it: give the path of some"};
  }
  std::shared_ptr<const weights::TensorFile> file = source.weights;
  if (!path.empty()) {
    GRAPHRUN_ASSIGN(file, weights::TensorFile::open(path, weights::choice_for(*source.program)));
  }
  GRAPHRUN_ASSIGN(std::shared_ptr<weights::Weights> weights,
                  weights::Weights::map(*source.program, std::move(file), device.impl().backend)
                      .with_context(path.empty() ? source.path : path));
  return Weights(std::make_shared<const Impl>(Impl{device, source.program, std::move(weights)}));
} catch (...) {
  return core::caught();
}

Result<Weights> Weights::random(const Program& program, const Device& device, std::uint64_t seed) try {
  const std::shared_ptr<const model::Program>& model = program.impl().source.program;
  GRAPHRUN_ASSIGN(std::shared_ptr<weights::Weights> weights,
                  weights::Weights::initialise(*model, seed, device.impl().backend));
  return Weights(std::make_shared<const Impl>(Impl{device, model, std::move(weights)}));
} catch (...) {
  return core::caught();
}

Status Weights::save(const std::string& path) const try {
  std::vector<std::byte> storage;
  GRAPHRUN_ASSIGN(const std::vector<weights::NamedTensor> tensors, impl_->values->snapshot(false, storage));
  return weights::write_safetensors(path, tensors, {});
} catch (...) {
  return core::caught();
}

const Device& Weights::device() const { return impl_->device; }

}  // namespace graphrun
