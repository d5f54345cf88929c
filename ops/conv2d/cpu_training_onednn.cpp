#include <algorithm>
#include <optional>

#include "ops/common/compute_type.h"
#include "ops/conv2d/cpu_training_kernels.h"
#include "runtime/cpu/onednn.h"

// conv2d_grad_weight by oneDNN. The library splits the sum over pixels among its threads: the result's last
// bits depend on their number.
namespace graphrun::ops::conv2d {
namespace {

// An activation in the layout that the primitive has chosen.
struct Operand {
  std::optional<cpu::Primitive> reorder;  // absent: the tensor is in that layout
  std::int64_t at = 0;
};

class LibraryGradWeight final : public Kernel {
 public:
  LibraryGradWeight(const KernelRequest& request, cpu::Convolution convolution,
                    std::optional<cpu::Primitive> x, std::optional<cpu::Primitive> gy, cpu::Primitive weight)
      : convolution_(std::move(convolution)),
        x_{std::move(x)},
        gy_{std::move(gy)},
        weight_(std::move(weight)),
        bias_(request.output_present[1]),
        threads_(request.threads) {
    std::int64_t library = std::max(convolution_.primitive.scratch_bytes(), weight_.scratch_bytes());
    for (const Operand* operand : {&x_, &gy_})
      if (operand->reorder) library = std::max(library, operand->reorder->scratch_bytes());
    ScratchPlan scratch;
    library_at_ = scratch.add(library);
    if (x_.reorder) x_.at = scratch.add(static_cast<std::int64_t>(convolution_.x.get_size()));
    if (gy_.reorder) gy_.at = scratch.add(static_cast<std::int64_t>(convolution_.y.get_size()));
    weight_at_ = scratch.add(static_cast<std::int64_t>(convolution_.weight.get_size()));
    if (bias_) bias_at_ = scratch.add(bias_scratch_bytes(request.inputs[0]));
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return convolution_.primitive.implementation(); }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }

  Status run(const KernelRun& run) override {
    if (run.outputs[0].data != nullptr) {
      void* const library = scratch_at(run.scratch, library_at_);
      GRAPHRUN_ASSIGN(void* const x, operand(x_, run.inputs[1], run.scratch));
      GRAPHRUN_ASSIGN(void* const gy, operand(gy_, run.inputs[0], run.scratch));
      void* const data[] = {x, scratch_at(run.scratch, weight_at_), gy};
      GRAPHRUN_TRY(convolution_.primitive.run(data, library));
      void* const result[] = {data[1], run.outputs[0].data};
      GRAPHRUN_TRY(weight_.run(result, library));
    }
    if (bias_)
      sum_pixels(run.inputs[0], run.outputs[1].as<float>(), scratch_at<double>(run.scratch, bias_at_),
                 threads_);
    return {};
  }

 private:
  Result<void*> operand(Operand& operand, const TensorView& tensor, void* scratch) {
    if (!operand.reorder) return tensor.data;
    void* const data[] = {tensor.data, scratch_at(scratch, operand.at)};
    GRAPHRUN_TRY(operand.reorder->run(data, scratch_at(scratch, library_at_)));
    return data[1];
  }

  cpu::Convolution convolution_;
  Operand x_, gy_;
  cpu::Primitive weight_;  // from the library's layout to the dense one
  bool bias_;
  int threads_;
  std::int64_t library_at_ = 0, weight_at_ = 0, bias_at_ = 0;
  std::int64_t scratch_bytes_ = 0;
};

Prepared prepare(const KernelRequest& request) {
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& x = request.inputs[1];
  const Geometry g = geometry_of(request.attrs, x, gy);
  GRAPHRUN_ASSIGN(const auto x_there, cpu::library_desc(x));
  GRAPHRUN_ASSIGN(const auto gy_there, cpu::library_desc(gy));
  Shape weight_shape = {g.o, g.c, g.kh, g.kw};
  if (g.groups > 1) weight_shape = {g.groups, g.group_outputs(), g.group_channels(), g.kh, g.kw};
  const TensorDesc weight_desc = TensorDesc::dense(DType::f32, weight_shape);
  GRAPHRUN_ASSIGN(const auto weight_there, cpu::library_desc(weight_desc));
  cpu::ConvolutionDesc desc;
  GRAPHRUN_ASSIGN(desc.weight, cpu::library_choice(weight_desc));
  constexpr std::int64_t kBlock = 16;
  if (x.dtype == DType::bf16) {
    // oneDNN 2.6 reads scratch memory that it has not written, or writes beside its own, in some of the cases
    // left out here.
    if (g.group_channels() % kBlock != 0 || g.group_outputs() % kBlock != 0)
      return {ErrorCode::declined, "bf16 gradients by oneDNN need whole blocks of channels"};
    if (g.sw > 1 && g.ow == 1)
      return {ErrorCode::declined, "bf16 gradients by oneDNN need more than one column with a stride"};
  }
  // The library's blocked layouts pay for their reorders in f32, unless the few channels of x would mostly be
  // filling.
  if (g.c >= kBlock && x.dtype == DType::f32) {
    GRAPHRUN_ASSIGN(desc.x, cpu::library_choice(x));
    GRAPHRUN_ASSIGN(desc.y, cpu::library_choice(gy));
  } else {
    GRAPHRUN_ASSIGN(desc.x, cpu::library_desc(TensorDesc::nhwc(x.dtype, x.shape)));
    GRAPHRUN_ASSIGN(desc.y, cpu::library_desc(TensorDesc::nhwc(gy.dtype, gy.shape)));
  }
  desc.stride = {g.sh, g.sw};
  desc.dilation = {g.dh, g.dw};
  desc.padding = {g.ph, g.pw};
  GRAPHRUN_ASSIGN(cpu::Convolution convolution,
                  cpu::make_convolution_backward_weights(desc, request.threads));
  std::optional<cpu::Primitive> x_reorder;
  std::optional<cpu::Primitive> gy_reorder;
  if (convolution.x != x_there) {
    GRAPHRUN_ASSIGN(x_reorder, cpu::make_reorder(x_there, convolution.x, request.threads));
  }
  if (convolution.y != gy_there) {
    GRAPHRUN_ASSIGN(gy_reorder, cpu::make_reorder(gy_there, convolution.y, request.threads));
  }
  GRAPHRUN_ASSIGN(cpu::Primitive weight,
                  cpu::make_reorder(convolution.weight, weight_there, request.threads));
  return std::unique_ptr<Kernel>(std::make_unique<LibraryGradWeight>(
      request, std::move(convolution), std::move(x_reorder), std::move(gy_reorder), std::move(weight)));
}

}  // namespace

Prepared prepare_grad_weight(const KernelRequest& request) {
  return for_activation_type(request, [&](auto) { return prepare(request); });
}

}  // namespace graphrun::ops::conv2d
