#include "graphrun/kernel/kernel.h"
#include "ops/common/copy_pixels.h"

namespace graphrun::ops::concat {
namespace {

class SliceChannels final : public Kernel {
 public:
  SliceChannels(std::int64_t begin, int threads) : begin_(begin), threads_(threads) {}
  std::string_view name() const override { return "slice_channels"; }
  Status run(const KernelRun& run) override {
    const TensorView& x = run.inputs[0];
    const TensorView& y = run.outputs[0];
    const auto size = static_cast<std::int64_t>(size_of(y.desc.dtype));
    copy_pixels(y.desc, x.as<const std::byte>() + begin_ * size, x.desc.pixel_stride, y.data,
                y.desc.pixel_stride, threads_);
    return {};
  }

 private:
  std::int64_t begin_;
  int threads_;
};

Result<std::unique_ptr<Kernel>> prepare_slice(const KernelRequest& request) {
  if (request.inputs[0].dtype != request.outputs[0].dtype)
    return {ErrorCode::declined, "x and y differ in their type"};
  return std::unique_ptr<Kernel>(
      std::make_unique<SliceChannels>(request.attrs.integer("begin"), request.threads));
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"slice_channels", "slice_channels", prepare_slice}};
}

}  // namespace graphrun::ops::concat
