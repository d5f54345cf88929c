#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/api.h"
#include "graphrun/device.h"
#include "graphrun/image.h"
#include "graphrun/program.h"
#include "graphrun/status.h"
#include "graphrun/weights.h"

// Steps of training for loops of one's own; Trainer is the loop that graphrun has. Component: training.
//
//     const graphrun::TrainSessionOptions options{.batch = 4, .height = 121, .width = 121};
//     auto session = graphrun::TrainSession::create(*program, *device, options);
//     for (std::int64_t i = 0; i < steps; ++i) {
//       for (std::int64_t n = 0; n < 4; ++n) {
//         GRAPHRUN_TRY(session->set_image(images[n], n));
//         GRAPHRUN_TRY(session->set_label(labels[n], n));
//       }
//       GRAPHRUN_ASSIGN(const graphrun::Losses losses, session->compute(i));
//       GRAPHRUN_TRY(session->update(0.01));
//     }
//     GRAPHRUN_TRY(session->save("trained.safetensors"));
namespace graphrun {

struct TrainSessionOptions {
  std::int64_t batch = 1;
  std::int64_t height = 0;  // of images and labels, pixels; a size that the network takes
  std::int64_t width = 0;
  // bf16: activations and their gradients are stored in bf16; parameters, their gradients and losses stay
  // f32.
  DType precision = DType::f32;
  std::uint64_t seed = 0;  // of the first weights, and of what random ops draw
  // Bytes: what would be computed again in the backward pass is kept as far as it fits. 0: the least memory.
  std::int64_t memory_budget = 0;
};

struct Losses {
  double total = 0;  // what is differentiated
  double main = 0;   // of the main output, where the model tells them apart; else as total
  double auxiliary = 0;
};

// The methods train and update of a program for one batch size and crop, with weights of its own. Used by one
// thread at a time.
class GRAPHRUN_API TrainSession {
 public:
  // Weights are drawn as the model says. Errors: a model without losses and optimiser, a size or precision
  // that does not fit, memory.
  static Result<TrainSession> create(const Program& program, const Device& device,
                                     const TrainSessionOptions& options);
  TrainSession(TrainSession&&) noexcept;
  TrainSession& operator=(TrainSession&&) noexcept;
  ~TrainSession();

  // Parameters and running statistics from .safetensors or .pth; the optimiser's state too where the file has
  // it (save() writes it). Errors: those of Weights::load; nothing changes then.
  Status load(const std::string& path);
  // Writes all of that as .safetensors, whole or not at all.
  Status save(const std::string& path) const;
  // The weights as they are, for sessions that look at the network meanwhile: valid as long as this is, and
  // not to be used while compute() or update() runs.
  const Weights& weights() const;

  // Image `sample` of the batch, of exactly the session's size, preprocessed as the model says. Errors:
  // invalid_argument, shape, as of Session::set_image.
  Status set_image(const ImageView& image, std::int64_t sample);
  // The sample's label: classes, or kUnlabelled. Errors: a sample that the batch has not, another size, an id
  // that is no class.
  Status set_label(const LabelMap& label, std::int64_t sample);
  // The whole batch at once: dense f32 (N, C, H, W) as it goes into the network, and ids (N, H, W) as its
  // losses take them. Errors: another count of numbers.
  Status set_images(std::span<const float> values);
  Status set_labels(std::span<const std::int32_t> ids);
  // Weights of the classes in the losses, one a class; all 1 until this is called.
  Status set_class_weights(std::span<const float> weights);

  // Computes losses and gradients of the batch and updates running statistics. Dropout is drawn from seed and
  // iteration alone. Errors: a loss that is not finite.
  Result<Losses> compute(std::int64_t iteration);
  // One optimiser step with these gradients.
  Status update(double learning_rate);

  // The gradient of a parameter after compute(), dense f32 in the parameter's logical order. Errors:
  // not_found.
  Result<std::vector<float>> gradient(std::string_view parameter) const;
  // The names of the parameters that are trained.
  const std::vector<std::string>& parameter_names() const;

  // All memory of the device that a step needs, weights included.
  std::int64_t planned_bytes() const;

 private:
  struct Impl;
  explicit TrainSession(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace graphrun
