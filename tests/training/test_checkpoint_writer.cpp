#include <algorithm>

#include "runtime/collective/self.h"
#include "tests/datasets/scratch.h"
#include "tests/session/compiled.h"
#include "training/checkpoint_writer.h"

// Checkpoints that are written while training goes on.
using namespace graphrun;
using namespace graphrun::test;

namespace {

struct Run {
  Scratch folder;
  std::shared_ptr<const model::Program> program = tiny_program(0);
  std::shared_ptr<weights::Weights> weights =
      take(weights::Weights::initialise(*program, 5, take(ops::make_cpu_backend())));
  std::unique_ptr<collective::Communicator> self = collective::make_self();
  training::CheckpointWriter writer;

  Run() { std::filesystem::create_directories(folder.path() / "checkpoints"); }
  std::filesystem::path path(int epoch) const { return training::epoch_checkpoint(folder.path(), epoch); }
  Status save(int epoch) {
    training::CheckpointContent content = take(training::gather_checkpoint(*program, *weights, *self, {}));
    training::TrainState state;
    state.iteration = epoch * 10;
    state.epoch = epoch;
    return writer.start(path(epoch), std::move(content), state);
  }
  // All values, as an optimiser's step would.
  void change(float value) {
    for (std::size_t i = 0; i < program->model().variables.size(); ++i) {
      const TensorView& view = weights->variable(i);
      if (view.data == nullptr || view.desc.dtype != DType::f32) continue;
      std::fill_n(view.as<float>(), view.desc.shape.count(), value);
    }
    weights->touch();
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_checkpoint_is_of_the_moment_it_was_begun_in) {
  Run run;
  for (int epoch = 1; epoch <= 3; ++epoch) {
    run.change(static_cast<float>(epoch));
    require_ok(run.save(epoch));
    run.change(-1);
  }
  BOOST_TEST((take(run.writer.written(true)) == run.path(3)));
  BOOST_TEST(!take(run.writer.written(true)).has_value());
  for (int epoch = 1; epoch <= 3; ++epoch) {
    const training::TrainState state = take(training::read_checkpoint(run.path(epoch), *run.weights));
    BOOST_TEST(state.iteration == epoch * 10);
    const auto values = floats(run.weights->variable(0));
    BOOST_TEST(std::ranges::count(values, static_cast<float>(epoch)) == std::ssize(values));
  }
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_cannot_be_written_is_told_once) {
  Run run;
  std::filesystem::remove(run.folder / "checkpoints");
  require_ok(core::write_file(run.folder / "checkpoints", "a file where the folder should be"));
  require_ok(run.save(1));
  const auto written = run.writer.written(true);
  BOOST_TEST_REQUIRE(!written.ok());
  BOOST_TEST(written.status().message().find("checkpoints") != std::string::npos, written.status().message());
  BOOST_TEST(!take(run.writer.written(true)).has_value());
}
