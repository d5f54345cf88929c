#include "ops/common/cuda_vectors.cuh"

// Copies of whole elements, whatever their type: a thread moves the largest unit of 16 bytes or less that all
// pixels and slices are made of.
namespace graphrun::ops::concat {
namespace {

constexpr int kSlices = 8;  // of one launch

struct Slice {
  const void* from;
  int64_t from_stride;  // units from pixel to pixel
  int64_t to;           // units from the pixel's begin
  uint32_t begin;       // number of its first unit among those of the launch
};

template <class Unit, class Index>
struct CopySlices {
  Slice slices[kSlices];  // those that are not used begin behind the last unit
  Index units;            // of a pixel
  int64_t to_stride;
  Unit* to;

  __device__ void operator()(int64_t i) const {
    const auto pixel = static_cast<int64_t>(static_cast<Index>(i) / units);
    const auto unit = static_cast<uint32_t>(static_cast<Index>(i) % units);
    Slice slice = slices[0];
#pragma unroll
    for (int k = 1; k < kSlices; ++k)
      if (unit >= slices[k].begin) slice = slices[k];
    const uint32_t at = unit - slice.begin;
    to[pixel * to_stride + slice.to + at] =
        static_cast<const Unit*>(slice.from)[pixel * slice.from_stride + at];
  }
};

// What of each pixel is copied from where.
struct Part {
  std::size_t input;
  int64_t from, to, bytes;  // `from` and `to`: bytes from the begin of the pixel
};

class CopyKernel final : public Kernel {
 public:
  CopyKernel(const KernelRequest& request, std::vector<Part> parts)
      : device_(device_of(request)),
        parts_(std::move(parts)),
        pixels_(request.outputs[0].pixels()),
        size_(static_cast<int64_t>(size_of(request.outputs[0].dtype))) {
    const auto divides = [](int64_t unit, int64_t bytes) { return bytes % unit == 0; };
    const auto fits = [&](int64_t unit) {
      bool all = divides(unit, request.outputs[0].pixel_stride * size_);
      for (const Part& part : parts_) {
        all = all && divides(unit, part.from) && divides(unit, part.to) && divides(unit, part.bytes) &&
              divides(unit, request.inputs[part.input].pixel_stride * size_);
      }
      return all;
    };
    while (!fits(unit_)) unit_ /= 2;
  }
  std::string_view name() const override { return "cuda"; }
  Status run(const KernelRun& run) override {
    switch (unit_) {
      case 16:
        return copy<cuda::Vector<uint32_t, 4>>(run);
      case 8:
        return copy<cuda::Vector<uint32_t, 2>>(run);
      case 4:
        return copy<uint32_t>(run);
      case 2:
        return copy<uint16_t>(run);
      default:
        return copy<uint8_t>(run);
    }
  }

 private:
  template <class Unit>
  Status copy(const KernelRun& run) const {
    std::vector<Slice> slices;
    uint32_t units = 0;
    for (const Part& part : parts_) {
      const TensorView& x = run.inputs[part.input];
      const int64_t x_stride = x.desc.pixel_stride * size_,
                    y_stride = run.outputs[0].desc.pixel_stride * size_;
      const std::byte* const from = x.as<const std::byte>() + part.from;
      // A producer that wrote into its slice of the concatenation has left nothing to copy.
      if (from == run.outputs[0].as<std::byte>() + part.to && x_stride == y_stride) continue;
      slices.push_back({from, x_stride / unit_, part.to / unit_, units});
      units += static_cast<uint32_t>(part.bytes / unit_);
      if (slices.size() == kSlices) {
        GRAPHRUN_TRY(launch<Unit>(slices, units, run.outputs[0]));
        slices.clear();
        units = 0;
      }
    }
    return slices.empty() ? Status() : launch<Unit>(slices, units, run.outputs[0]);
  }

  template <class Unit>
  Status launch(const std::vector<Slice>& slices, uint32_t units, const TensorView& y) const {
    const int64_t count = pixels_ * units;
    return with_index(count, [&]<class Index>(Index) {
      CopySlices<Unit, Index> copy{};
      for (std::size_t i = 0; i < kSlices; ++i)
        copy.slices[i] = i < slices.size() ? slices[i] : Slice{nullptr, 0, 0, UINT32_MAX};
      copy.units = units;
      copy.to_stride = y.desc.pixel_stride * size_ / unit_;
      copy.to = static_cast<Unit*>(y.data);
      return cuda::for_each(device_.stream(), count, copy, "concat");
    });
  }

  cuda::Device& device_;
  std::vector<Part> parts_;
  int64_t pixels_;
  int64_t size_;       // of an element
  int64_t unit_ = 16;  // bytes
};

Result<std::unique_ptr<Kernel>> prepare_concat(const KernelRequest& request) {
  const auto size = static_cast<int64_t>(size_of(request.outputs[0].dtype));
  std::vector<Part> parts;
  int64_t to = 0;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    if (request.inputs[i].dtype != request.outputs[0].dtype)
      return {ErrorCode::declined, "inputs differ in their type"};
    parts.push_back({i, 0, to, request.inputs[i].c() * size});
    to += parts.back().bytes;
  }
  return std::unique_ptr<Kernel>(std::make_unique<CopyKernel>(request, std::move(parts)));
}

Result<std::unique_ptr<Kernel>> prepare_slice(const KernelRequest& request) {
  const TensorDesc& y = request.outputs[0];
  if (request.inputs[0].dtype != y.dtype) return {ErrorCode::declined, "x and y differ in their type"};
  const auto size = static_cast<int64_t>(size_of(y.dtype));
  std::vector<Part> parts{{0, request.attrs.integer("begin") * size, 0, y.c() * size}};
  return std::unique_ptr<Kernel>(std::make_unique<CopyKernel>(request, std::move(parts)));
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"concat", "cuda", prepare_concat}, {"slice_channels", "cuda", prepare_slice}};
}

}  // namespace graphrun::ops::concat
