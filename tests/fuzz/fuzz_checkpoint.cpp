#include <memory>

#include "ops/cpu_backend.h"
#include "ops/registry.h"
#include "runtime/model/program.h"
#include "runtime/weights/tensor_file.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/relu_model.h"
#include "training/checkpoint.h"

namespace {

using namespace graphrun;

// One parameter with a state, so that it is mostly the run's figures that are read.
std::shared_ptr<const model::Program> relu() {
  model::Model model = fuzz::relu_model();
  model::Variable& weight = model.variables.emplace_back();
  weight.name = "w";
  weight.shape = {Expr(1)};
  model::Variable state = weight;
  state.name = "momentum:w";
  state.kind = VariableKind::optimizer_state;
  state.of = 0;
  model.variables.push_back(state);
  return *model::Program::make(std::move(model), ops::op_registry());
}

}  // namespace

// A checkpoint of a run that is resumed. What is taken is written, and taken again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::shared_ptr<weights::Weights> weights =
      *weights::Weights::initialise(*relu(), 1, *ops::make_cpu_backend(1));
  const fuzz::InputFile file(data, size);
  const auto state = training::read_checkpoint(file.path(), *weights);
  if (!state.ok()) return 0;
  fuzz::require(state->iteration >= 0 && state->epoch >= 0 && state->best.epoch >= 0);
  std::int64_t pixels = 0;
  for (const std::int64_t count : state->sums.confusion) pixels += count;
  fuzz::require(pixels >= 0 && pixels <= std::int64_t{1} << 50);
  const fuzz::InputFolder folder("checkpoint", nullptr, 0);
  const std::filesystem::path written = folder.path() + "/checkpoints/again.safetensors";
  const auto opened = weights::TensorFile::open(file.path());
  fuzz::require(opened.ok());
  if (!training::write_checkpoint(written, (*opened)->tensors(), *state).ok())
    return 0;  // names that are not UTF-8
  const auto again = training::read_checkpoint(written, *weights);
  fuzz::require(again.ok() && again->iteration == state->iteration && again->epoch == state->epoch &&
                again->seed == state->seed);
  return 0;
}
