#include <cstring>

#include "runtime/cpu/parallel.h"
#include "runtime/model/kernel.h"

namespace graphrun::ops::concat {
namespace {

// Copies `bytes` of each pixel; strides in bytes. A producer that wrote into its slice of the concatenation
// has left nothing to copy.
void copy_pixels(int threads, std::int64_t pixels, std::int64_t bytes, const std::byte* from,
                 std::int64_t from_stride, std::byte* to, std::int64_t to_stride) {
  if (from == to && from_stride == to_stride) return;
  constexpr std::int64_t kBytesOfPiece = 131072;
  cpu::parallel_for(threads, pixels, kBytesOfPiece / bytes, [=](std::int64_t begin, std::int64_t end) {
    if (bytes == from_stride && bytes == to_stride) {
      std::memcpy(to + begin * bytes, from + begin * bytes, static_cast<std::size_t>((end - begin) * bytes));
      return;
    }
    for (std::int64_t pixel = begin; pixel < end; ++pixel)
      std::memcpy(to + pixel * to_stride, from + pixel * from_stride, static_cast<std::size_t>(bytes));
  });
}

class Concat final : public Kernel {
 public:
  explicit Concat(int threads) : threads_(threads) {}
  std::string_view name() const override { return "concat"; }
  Status run(const KernelRun& run) override {
    const TensorDesc& y = run.outputs[0].desc;
    const auto size = static_cast<std::int64_t>(size_of(y.dtype));
    auto* to = run.outputs[0].as<std::byte>();
    for (const TensorView& x : run.inputs) {
      copy_pixels(threads_, y.pixels(), x.desc.c() * size, x.as<const std::byte>(),
                  x.desc.pixel_stride * size, to, y.pixel_stride * size);
      to += x.desc.c() * size;
    }
    return {};
  }

 private:
  int threads_;
};

class SliceChannels final : public Kernel {
 public:
  SliceChannels(std::int64_t begin, int threads) : begin_(begin), threads_(threads) {}
  std::string_view name() const override { return "slice_channels"; }
  Status run(const KernelRun& run) override {
    const TensorView& x = run.inputs[0];
    const TensorView& y = run.outputs[0];
    const auto size = static_cast<std::int64_t>(size_of(y.desc.dtype));
    copy_pixels(threads_, y.desc.pixels(), y.desc.c() * size, x.as<const std::byte>() + begin_ * size,
                x.desc.pixel_stride * size, y.as<std::byte>(), y.desc.pixel_stride * size);
    return {};
  }

 private:
  std::int64_t begin_;
  int threads_;
};

Result<std::unique_ptr<Kernel>> prepare_concat(const KernelRequest& request) {
  for (const TensorDesc& x : request.inputs) {
    if (x.dtype != request.outputs[0].dtype) return {ErrorCode::declined, "inputs differ in their type"};
  }
  return std::unique_ptr<Kernel>(std::make_unique<Concat>(request.threads));
}

Result<std::unique_ptr<Kernel>> prepare_slice(const KernelRequest& request) {
  if (request.inputs[0].dtype != request.outputs[0].dtype)
    return {ErrorCode::declined, "x and y differ in their type"};
  return std::unique_ptr<Kernel>(
      std::make_unique<SliceChannels>(request.attrs.integer("begin"), request.threads));
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"concat", "concat", prepare_concat}, {"slice_channels", "slice_channels", prepare_slice}};
}

}  // namespace graphrun::ops::concat
