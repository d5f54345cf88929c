// Trains in a loop of its own: batches, learning rate and the end are this program's, gradients and weights
// are graphrun's. (graphrun::Trainer is the loop with augmentation, validation and checkpoints; see
// ../train.)
//
//     train_loop MODEL.fb shapes STEPS OUT.safetensors
#include <graphrun/dataset.h>
#include <graphrun/train_session.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

namespace {

using graphrun::Status;

constexpr std::int64_t kBatch = 4;

// The next images of the split, over and over.
Status fill(graphrun::TrainSession& session, const graphrun::Samples& samples, std::int64_t step) {
  for (std::int64_t n = 0; n < kBatch; ++n) {
    const std::int64_t index = (step * kBatch + n) % samples.size();
    GRAPHRUN_ASSIGN(const graphrun::Image image, samples.image(index));
    GRAPHRUN_ASSIGN(const graphrun::LabelMap label, samples.label(index));
    GRAPHRUN_TRY(session.set_image(image, n));
    GRAPHRUN_TRY(session.set_label(label, n));
  }
  return {};
}

Status train(const std::string& model, const std::string& data, std::int64_t steps, const std::string& path) {
  GRAPHRUN_ASSIGN(const auto dataset, graphrun::Dataset::open(data));
  GRAPHRUN_ASSIGN(const std::shared_ptr<const graphrun::Samples> samples, dataset.split("train"));
  const auto classes = static_cast<double>(dataset.classes().size());
  GRAPHRUN_ASSIGN(const auto program, graphrun::Program::load(model, {{"classes", classes}}));
  GRAPHRUN_ASSIGN(const auto device, graphrun::Device::open("auto"));
  GRAPHRUN_ASSIGN(const graphrun::Image first, samples->image(0));  // all are of one size here
  GRAPHRUN_ASSIGN(
      auto session,
      graphrun::TrainSession::create(
          program, device, {.batch = kBatch, .height = first.height, .width = first.width, .seed = 1}));
  for (std::int64_t step = 0; step < steps; ++step) {
    GRAPHRUN_TRY(fill(session, *samples, step));
    GRAPHRUN_ASSIGN(const graphrun::Losses losses, session.compute(step));
    std::cout << "step " << step + 1 << " loss " << losses.main << "\n";
    const double left = 1 - static_cast<double>(step) / static_cast<double>(steps);
    GRAPHRUN_TRY(session.update(0.02 * std::pow(left, 0.9)));
  }
  return session.save(path);
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t steps = argc == 5 ? std::atol(argv[3]) : 0;
  if (steps < 1) return std::cerr << "usage: train_loop MODEL.fb DATASET STEPS OUT.safetensors\n", 2;
  const Status status = train(argv[1], argv[2], steps, argv[4]);
  if (!status.ok()) std::cerr << "error: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
