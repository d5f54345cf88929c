// Writes losses and gradients of one training step of a model, for comparison with the oracle's, and the
// losses of further steps on the same batch:
// write_gradients MODEL.fb WEIGHTS IMAGES.npy LABELS.npy OUT.safetensors [--parts] [--steps K] [--lr RATE]
// MODEL has the classes, masks and dropout that graphc -D gave it.
// IMAGES is (N, 3, H, W) f32, LABELS (N, H, W) i32; of arrays with one more axis in front, the first element
// is taken.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "ops/cpu_backend.h"
#include "ops/cpu_training.h"
#include "ops/registry.h"
#include "runtime/session/layout.h"
#include "runtime/session/train_session.h"
#include "runtime/weights/npy.h"
#include "runtime/weights/safetensors.h"

namespace {

using namespace graphrun;

Shape last_axes(const Shape& shape, int rank) {
  return Shape(shape.extents().subspan(static_cast<std::size_t>(shape.rank() - rank)));
}

struct Options {
  bool fuse = true;
  int steps = 1;
  double rate = 0;
};

Status write_gradients(char** argv, const Options& options) {
  GRAPHRUN_ASSIGN(const auto program, model::Program::load(argv[1], ops::op_registry()));
  GRAPHRUN_ASSIGN(auto backend, ops::make_cpu_backend(0, ops::with_training_kernels()));
  GRAPHRUN_ASSIGN(auto file, weights::TensorFile::open(argv[2]));
  GRAPHRUN_ASSIGN(auto weights, weights::Weights::initialise(*program, 0, backend));
  GRAPHRUN_TRY(status_of(weights->load(*file)));
  GRAPHRUN_ASSIGN(const weights::NpyArray images, weights::read_npy(argv[3]));
  GRAPHRUN_ASSIGN(const weights::NpyArray labels, weights::read_npy(argv[4]));
  const Shape shape = last_axes(images.desc.shape, 4);
  GRAPHRUN_ASSIGN(auto session, session::TrainSession::create(program, weights,
                                                              {shape[0], shape[2], shape[3], options.fuse}));
  session::nchw_to_nhwc(
      {reinterpret_cast<const float*>(images.bytes.data()), static_cast<std::size_t>(shape.count())},
      session->image());
  std::memcpy(session->label().data, labels.bytes.data(),
              static_cast<std::size_t>(session->label().desc.bytes()));
  GRAPHRUN_TRY(session->compute({}));
  for (const model::Port& port : program->model().signature.outputs) {
    if (port.method == model::methods::kTrain && port.rank == 0)
      std::printf("%s %.9g\n", port.name.c_str(), *session->scalar(port.name));
  }
  std::vector<weights::NamedTensor> tensors;
  for (const model::Variable& variable : program->model().variables) {
    if (variable.kind != VariableKind::parameter) continue;
    const TensorView view = session->gradient(variable.name);
    tensors.push_back({variable.name,
                       view.desc,
                       {view.as<const std::byte>(), static_cast<std::size_t>(view.desc.bytes())}});
  }
  GRAPHRUN_TRY(weights::write_safetensors(argv[5], tensors, {}));
  for (int step = 1; step < options.steps; ++step) {
    GRAPHRUN_TRY(session->update(options.rate));
    GRAPHRUN_TRY(session->compute({}));
    std::printf("step %d %.9g\n", step, *session->scalar("loss"));
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6)
    return std::fputs(
               "usage: write_gradients MODEL.fb WEIGHTS IMAGES.npy LABELS.npy OUT.safetensors [--parts] "
               "[--steps K] [--lr RATE]\n",
               stderr),
           2;
  Options options;
  for (int i = 6; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--parts") options.fuse = false;
    if (option == "--steps" && i + 1 < argc) options.steps = std::atoi(argv[++i]);
    if (option == "--lr" && i + 1 < argc) options.rate = std::atof(argv[++i]);
  }
  const graphrun::Status status = write_gradients(argv, options);
  if (!status.ok()) return std::fprintf(stderr, "error: %s\n", status.message().c_str()), 1;
  return 0;
}
