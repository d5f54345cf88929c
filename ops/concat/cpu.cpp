#include "graphrun/kernel/kernel.h"
#include "ops/common/copy_pixels.h"

namespace graphrun::ops::concat {
namespace {

// A producer that wrote into its slice of the concatenation has left nothing to copy.
class Concat final : public Kernel {
 public:
  explicit Concat(int threads) : threads_(threads) {}
  std::string_view name() const override { return "concat"; }
  Status run(const KernelRun& run) override {
    const TensorDesc& y = run.outputs[0].desc;
    const auto size = static_cast<std::int64_t>(size_of(y.dtype));
    auto* to = run.outputs[0].as<std::byte>();
    for (const TensorView& x : run.inputs) {
      copy_pixels(x.desc, x.data, x.desc.pixel_stride, to, y.pixel_stride, threads_);
      to += x.desc.c() * size;
    }
    return {};
  }

 private:
  int threads_;
};

Result<std::unique_ptr<Kernel>> prepare_concat(const KernelRequest& request) {
  for (const TensorDesc& x : request.inputs) {
    if (x.dtype != request.outputs[0].dtype || x.quantisation != request.outputs[0].quantisation)
      return {ErrorCode::declined, "inputs differ in their type or scale"};
  }
  return std::unique_ptr<Kernel>(std::make_unique<Concat>(request.threads));
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"concat", "concat", prepare_concat}, {"concat", "bytes", prepare_concat, {}, true}};
}

}  // namespace graphrun::ops::concat
