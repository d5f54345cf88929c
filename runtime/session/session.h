#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "runtime/session/bound_method.h"

namespace graphrun::session {

// The `eval` method of a program at one image size. Cheap beside its weights: make one for each size and
// thread. Several sessions may share weights and run at the same time; one session is used by one thread at a
// time.
class Session {
 public:
  struct Options {
    std::int64_t n = 1;  // of the image, whose channels the model's signature gives
    std::int64_t h = 0;  // pixels
    std::int64_t w = 0;
    bool fuse = true;  // false: composites run as their parts (for comparisons)
    // Logits as they are before a last resize to the image's size, where the method ends with one: smaller,
    // for whoever interpolates them himself (interpolation()).
    bool low_res_logits = false;
    std::function<Result<std::shared_ptr<model::Buffer>>(std::int64_t bytes)> arena{};  // as in MethodOptions
    // f32, or bf16: activations are stored in bf16, and convolutions multiply bf16 and sum in f32; input and
    // outputs are f32. s8: 8 bits where weights that are quantised say so. Refused where the device has no
    // instructions for it (check_precision()).
    DType precision = DType::f32;
    // In s8: what is stored in 8 bits, a part of what the weights have so, perhaps nothing; null: all of
    // that.
    const weights::QuantisedValues* quantised = nullptr;
    std::int64_t max_table_bytes = std::numeric_limits<std::int64_t>::max();  // as in MethodOptions
    // Shapes of inputs by name, in the logical order of the model. Needed are those whose extents do not
    // follow from the image's, and all of a model without an image; the image's own stands for n, h and w.
    InputShapes inputs{};
  };
  // Errors: a size that the model's requirements refuse, a node no kernel takes, an image or logits that are
  // not as described below, memory.
  static Result<std::unique_ptr<Session>> create(std::shared_ptr<const model::Program> program,
                                                 std::shared_ptr<weights::Weights> weights,
                                                 const Options& options);

  // The first half of create(): all of a session but its memory. No weights are seen: s8 needs
  // options.quantised.
  static Result<PlannedMethod> prepare(const model::Program& program, const model::Backend& backend,
                                       const Options& options);
  // The other half, of what prepare() gave for this program, the weights' device and these options.
  static Result<std::unique_ptr<Session>> create(std::shared_ptr<const model::Program> program,
                                                 std::shared_ptr<weights::Weights> weights,
                                                 const Options& options, PlannedMethod planned);

  // What create() would take; nothing is allocated. As for prepare().
  static Result<MemoryRequirements> plan(const model::Program& program, const model::Backend& backend,
                                         const Options& options);
  // The options with the smallest size (of rows and columns added) that is no smaller and that the model's
  // requirements accept. Errors: none with up to 128 more of each.
  static Result<Options> smallest_valid_size(const model::Program& program, const Options& options);

  // The image's memory on its device (N, channels, H, W in NHWC), to be filled before run(); it keeps its
  // content. data is null in a model without an image.
  TensorView input() const { return method_->input(image_); }
  // Any input's. Errors: a name that the method has not.
  Result<TensorView> input(std::string_view name) const;
  // Memory of the logits on their device, valid until the next run: (N, classes, H, W) in NHWC, where not
  // taken before a resize. Errors: a model without logits.
  Result<TensorView> logits() const;
  // How logits that were taken before a resize are brought to the image's size; others have it.
  numeric::Interpolation interpolation() const {
    return method_->left_out().value_or(numeric::Interpolation::aligned_corners);
  }
  // Any output's. Errors: a name that the method has not.
  Result<TensorView> output(std::string_view name) const;
  // The image, on any device: NCHW float32 on the host. Errors: a span of another size than the tensor's.
  Status set_input_nchw(std::span<const float> image);
  // Any input, on any device, from a dense tensor of the host in the logical order of the model. Errors:
  // another element type or shape.
  Status set_input(std::string_view name, const TensorView& from);
  Status get_output_nchw(std::string_view name, std::span<float> out) const;

  // On a device other than the host the run is started, and copies from it wait. With an observer, step by
  // step.
  Status run(StepObserver* observer = nullptr) { return method_->run(observer); }

  // Bytes of activations and scratch, planned before the first run.
  std::int64_t arena_bytes() const { return method_->arena_bytes(); }

 private:
  Session(std::unique_ptr<BoundMethod> method, std::shared_ptr<model::Backend> backend)
      : method_(std::move(method)), backend_(std::move(backend)) {}
  std::unique_ptr<BoundMethod> method_;
  std::shared_ptr<model::Backend> backend_;
  std::string image_;   // name of that input; empty: none
  std::string logits_;  // name of that output; empty: none
};

}  // namespace graphrun::session
