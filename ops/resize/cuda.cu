#include "ops/common/compute_type.h"
#include "ops/common/cuda_channels.cuh"
#include "ops/common/cuda_sampling.h"
#include "ops/common/function_kernel.h"
#include "ops/common/interpolation.h"
#include "ops/common/sampling_tables.h"

namespace graphrun::ops::resize {
namespace {

constexpr int kRun = 8;  // neighbouring pixels of a row that a thread writes

// Mixes kRun pixels of an output row, kVector channels a thread. Neighbours that lie between the same source
// pixels share what was read of them.
template <int kVector, class T>
struct ResizeRun {
  const numeric::InterpolationWeights* rows;
  const numeric::InterpolationWeights* columns;
  int in_h, in_w, out_h, out_w;
  unsigned vectors;  // of a pixel
  const T* x;
  T* y;
  int64_t x_stride, y_stride;

  // The row of the output, counted over all images, and the thread's number within it.
  __device__ void operator()(unsigned out_row, unsigned i) const {
    const unsigned run = i / vectors;
    const int first = static_cast<int>(run) * kRun;
    if (first >= out_w) return;
    const int channel = static_cast<int>(i - run * vectors) * kVector;
    const unsigned image = out_row / static_cast<unsigned>(out_h);
    const numeric::InterpolationWeights row = rows[out_row - image * static_cast<unsigned>(out_h)];
    const T* above = x + (static_cast<int64_t>(image) * in_h + row.first) * in_w * x_stride + channel;
    const T* below = x + (static_cast<int64_t>(image) * in_h + row.second) * in_w * x_stride + channel;
    T* to = y + (static_cast<int64_t>(out_row) * out_w + first) * y_stride + channel;
    const int last = min(first + kRun, out_w);
    int held_left = -1, held_right = -1;
    float left[kVector], right[kVector];
    for (int at = first; at < last; ++at, to += y_stride) {
      const numeric::InterpolationWeights column = columns[at];
      if (column.first != held_left) mix(row, above, below, held_left = column.first, left);
      if (column.second != held_right) mix(row, above, below, held_right = column.second, right);
      cuda::Vector<T, kVector> mixed;
#pragma unroll
      for (int k = 0; k < kVector; ++k)
        mixed.element[k] = static_cast<T>(column.first_weight * left[k] + column.second_weight * right[k]);
      cuda::store(to, mixed);
    }
  }

 private:
  __device__ void mix(const numeric::InterpolationWeights& row, const T* above, const T* below, int column,
                      float* mixed) const {
    const auto a = cuda::load<kVector>(above + column * x_stride);
    const auto b = cuda::load<kVector>(below + column * x_stride);
#pragma unroll
    for (int k = 0; k < kVector; ++k)
      mixed[k] = row.first_weight * static_cast<float>(a.element[k]) +
                 row.second_weight * static_cast<float>(b.element[k]);
  }
};

template <int kVector, class T>
__global__ void __launch_bounds__(cuda::kThreads) resize_rows(const ResizeRun<kVector, T> body) {
  body(blockIdx.x, blockIdx.y * cuda::kThreads + threadIdx.x);
}

Result<std::unique_ptr<Kernel>> prepare_forward(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    cuda::Device& device = device_of(request);
    const TensorDesc& x = request.inputs[0];
    const TensorDesc& y = request.outputs[0];
    const numeric::Interpolation rule = interpolation_of(request.attrs);
    GRAPHRUN_TRY(take_sampling_tables(request, x, y));
    GRAPHRUN_ASSIGN(DeviceSampling rows,
                    DeviceSampling::upload(device, numeric::sampling(rule, x.h(), y.h())));
    GRAPHRUN_ASSIGN(DeviceSampling columns,
                    DeviceSampling::upload(device, numeric::sampling(rule, x.w(), y.w())));
    auto run = [&device, rows = std::move(rows), columns = std::move(columns),
                vector = channel_vector({x, y})](const KernelRun& io) {
      const TensorDesc& from = io.inputs[0].desc;
      const TensorDesc& to = io.outputs[0].desc;
      return for_vector<T>(vector, [&]<int kVector>() {
        const auto vectors = static_cast<unsigned>(to.c() / kVector);
        const ResizeRun<kVector, T> body{rows.taps.data(),
                                         columns.taps.data(),
                                         static_cast<int>(from.h()),
                                         static_cast<int>(from.w()),
                                         static_cast<int>(to.h()),
                                         static_cast<int>(to.w()),
                                         vectors,
                                         io.inputs[0].template as<const T>(),
                                         io.outputs[0].template as<T>(),
                                         from.pixel_stride,
                                         to.pixel_stride};
        const dim3 grid(static_cast<unsigned>(to.n() * to.h()),
                        cuda::blocks_for((to.w() + kRun - 1) / kRun * vectors));
        resize_rows<<<grid, cuda::kThreads, 0, device.stream()>>>(body);
        return cuda::check_launch("resize");
      });
    };
    return make_function_kernel("cuda", 0, std::move(run));
  });
}

// The gradient along one axis: each source index sums over the outputs that read it. A tensor is
// (outer, axis, inner) pixels.
template <int kVector, class From, class To>
struct SumAxis {
  const numeric::InterpolationWeights* taps;
  const int32_t* readers;
  int in, out;  // extents of the axis: of the source and of the gradient that comes
  int inner;
  int vectors;  // of a pixel
  const From* gy;
  To* gx;
  int64_t gy_stride, gx_stride;

  __device__ void operator()(int64_t i) const {
    const int64_t pixel = i / vectors;
    const int channel = static_cast<int>(i - pixel * vectors) * kVector;
    const int64_t line = pixel / inner;
    const int64_t outer = line / in;
    const int at = static_cast<int>(line - outer * in);
    const From* from = gy + (outer * out * inner + (pixel - line * inner)) * gy_stride + channel;
    float sum[kVector] = {};
    const int end = readers[at + 1];
#pragma unroll 4
    for (int reader = readers[at > 0 ? at - 1 : 0]; reader < end; ++reader) {
      const auto values = cuda::load<kVector>(from + static_cast<int64_t>(reader) * inner * gy_stride);
      const float weight = taps[reader].weight_of(at);
#pragma unroll
      for (int k = 0; k < kVector; ++k) sum[k] += weight * static_cast<float>(values.element[k]);
    }
    cuda::Vector<To, kVector> result;
#pragma unroll
    for (int k = 0; k < kVector; ++k) result.element[k] = static_cast<To>(sum[k]);
    cuda::store(gx + pixel * gx_stride + channel, result);
  }
};

// First along the rows, into floats without gaps, then along the columns.
Result<std::unique_ptr<Kernel>> prepare_backward(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    cuda::Device& device = device_of(request);
    const TensorDesc& gy = request.inputs[0];
    const TensorDesc& gx = request.outputs[0];
    const numeric::Interpolation rule = interpolation_of(request.attrs);
    GRAPHRUN_TRY(take_sampling_tables(request, gx, gy));
    GRAPHRUN_ASSIGN(DeviceSampling rows,
                    DeviceSampling::upload(device, numeric::sampling(rule, gx.h(), gy.h())));
    GRAPHRUN_ASSIGN(DeviceSampling columns,
                    DeviceSampling::upload(device, numeric::sampling(rule, gx.w(), gy.w())));
    auto run = [&device, rows = std::move(rows), columns = std::move(columns),
                vector = channel_vector({gy, gx})](const KernelRun& io) {
      const TensorDesc& from = io.inputs[0].desc;
      const TensorDesc& to = io.outputs[0].desc;
      auto* narrow = static_cast<float*>(io.scratch);
      return for_vector<T>(vector, [&]<int kVector>() -> Status {
        const auto vectors = static_cast<int>(to.c() / kVector);
        const SumAxis<kVector, T, float> along_rows{columns.taps.data(),
                                                    columns.readers.data(),
                                                    static_cast<int>(to.w()),
                                                    static_cast<int>(from.w()),
                                                    1,
                                                    vectors,
                                                    io.inputs[0].template as<const T>(),
                                                    narrow,
                                                    from.pixel_stride,
                                                    to.c()};
        GRAPHRUN_TRY(cuda::for_each(device.stream(), from.n() * from.h() * to.w() * vectors, along_rows,
                                    "resize_grad"));
        const SumAxis<kVector, float, T> along_columns{rows.taps.data(),
                                                       rows.readers.data(),
                                                       static_cast<int>(to.h()),
                                                       static_cast<int>(from.h()),
                                                       static_cast<int>(to.w()),
                                                       vectors,
                                                       narrow,
                                                       io.outputs[0].template as<T>(),
                                                       to.c(),
                                                       to.pixel_stride};
        return cuda::for_each(device.stream(), to.pixels() * vectors, along_columns, "resize_grad");
      });
    };
    return make_function_kernel("cuda", gy.n() * gy.h() * gx.w() * gx.c() * 4, std::move(run));
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"resize", "cuda", prepare_forward}, {"resize_grad", "cuda", prepare_backward}};
}

}  // namespace graphrun::ops::resize
