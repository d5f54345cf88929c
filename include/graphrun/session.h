#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "graphrun/api.h"
#include "graphrun/image.h"
#include "graphrun/program.h"
#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "graphrun/weights.h"

// One pass of a network at one size, for programs that make their own of its outputs. Whoever wants classes
// of an image of any size takes a Labeler instead.
//
//     auto session = graphrun::Session::create(*program, *weights, {.height = 481, .width = 641});
//     GRAPHRUN_TRY(session->set_image({rgb, 481, 641}));
//     GRAPHRUN_TRY(session->run());
//     std::vector<float> logits(...);
//     GRAPHRUN_TRY(session->get_output("logits", logits));
namespace graphrun {

struct SessionOptions {
  std::int64_t batch = 1;   // images at once
  std::int64_t height = 0;  // pixels; a size that the network takes (smallest_valid_size)
  std::int64_t width = 0;
  // bf16: activations are stored in bf16, and convolutions multiply bf16 and sum in f32. Inputs and outputs
  // are f32 in any case. s8 for int8: weights that are quantised (grun quantize) and activations between them
  // are stored in 8 bits and multiplied so.
  DType precision = DType::f32;
};

// A network bound to a size: all its memory is planned and taken, run() takes none. Used by one thread at a
// time; sessions that share weights may run at once, each on a thread of its own.
class GRAPHRUN_API Session {
 public:
  // Errors: shape: a size that the network does not take; unsupported: a precision or a node that the device
  // has no kernel for; invalid_argument: weights of another program; memory.
  static Result<Session> create(const Program& program, const Weights& weights,
                                const SessionOptions& options);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  // Image `sample` of the batch, of exactly the session's size, preprocessed as the model says; any device.
  // Errors: invalid_argument: no data, other channels or another element type, rows that overlap, a sample
  // that the batch has not; shape: another size.
  Status set_image(const ImageView& image, std::int64_t sample = 0);
  // All of an input as dense float32 in its logical order (N, C, H, W), as it goes into the network; any
  // device. Errors: not_found: an unknown name; invalid_argument: another count of numbers, one that is not
  // finite.
  Status set_input(std::string_view name, std::span<const float> values);

  // On a GPU the run is started; what reads an output waits.
  Status run();

  // Dense float32 in logical order (N, C, H, W); any device. Errors: as set_input().
  Status get_output(std::string_view name, std::span<float> values) const;
  // The class of each pixel of a sample, the first of equal ones, from the output "logits". Errors:
  // not_found: a model without logits; invalid_argument: a sample that the batch has not.
  Result<LabelMap> label_map(std::int64_t sample = 0) const;
  // The memory of an input or output where it is (TensorView::device); an output's is valid until the next
  // run. Errors: not_found.
  Result<TensorView> input(std::string_view name) const;
  Result<TensorView> output(std::string_view name) const;

  // Bytes of activations and scratch.
  std::int64_t arena_bytes() const;

  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace graphrun
