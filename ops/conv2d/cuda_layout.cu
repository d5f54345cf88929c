#include "ops/conv2d/cuda_layout.h"

#include <algorithm>

#include "graphrun/bfloat16.h"
#include "ops/conv2d/body.h"
#include "runtime/cuda/launch.cuh"

// Weights are variables (O, C, KH, KW), and libraries want (O, taps, C) with filling. Read in one order and
// written in the other, one of the two would scatter over memory. So a block stages what it moves in shared
// memory:
//
// - pack, unpack: one output channel and a range of input channels with all their taps, which is
//   contiguous in the variable; a row of neighbouring channels is written for each tap. Batch norm is
//   folded in on the way.
// - flip: 32 output by 32 input channels with all taps, written with outputs innermost and taps from
//   the last to the first. Windows of too many taps for that go element by element (TurnEach).
// - windows of one tap without filling need another type alone (is_flat).
//
// Pixels with gaps, or with channels that are no multiple of 16 bytes, are copied by PackPixels; FinishPixels
// does what follows a convolution and the library cannot do. Both move 16 bytes a thread where alignment
// allows it. A bias's gradient adds pieces of 128 pixels in double precision, in a fixed order: the same bits
// each time.
namespace graphrun::ops::conv2d::gpu {
namespace {

using cuda::kThreads;

// Floats of a block's shared memory that hold one output channel's weights.
constexpr std::int64_t kTileFloats = 8192;
constexpr std::int64_t kMaxChannels = 256;

std::int64_t channels_of_tile(std::int64_t taps) {
  return std::clamp<std::int64_t>(kTileFloats / taps, 1, kMaxChannels);
}

__device__ double fold_scale(const Fold& fold, int64_t o) {
  return fold.weight == nullptr
             ? 1.0
             : static_cast<double>(fold.weight[o]) / sqrt(static_cast<double>(fold.variance[o]) + fold.eps);
}

template <class T>
T* at(void* data) {
  return static_cast<T*>(data);
}

// A block has one output channel's weights of a range of channels: contiguous in the variable, rows of
// neighbouring channels in the form.
template <class T>
__global__ void __launch_bounds__(kThreads)
    pack(const WeightLayout form, const Fold fold, const int32_t tile, const float* weight, T* to) {
  extern __shared__ float row[];  // (channels, taps)
  const int64_t tiles = (form.form_channels + tile - 1) / tile;
  const int64_t o = blockIdx.x / tiles;
  const int64_t first = blockIdx.x % tiles * tile;
  const auto taps = static_cast<int32_t>(form.taps);
  const int64_t left = form.channels - first;
  const auto real = o < form.outputs && left > 0 ? static_cast<int32_t>(left < tile ? left : tile) : 0;
  const float* const from = weight + (o * form.all_channels + form.first_channel + first) * form.taps;
  for (int32_t i = threadIdx.x; i < real * taps; i += kThreads) row[i] = from[i];
  __syncthreads();
  const double scale = real > 0 ? fold_scale(fold, o) : 0;
  const int64_t wide = form.form_channels - first;
  const auto channels = static_cast<int32_t>(wide < tile ? wide : tile);
  T* const out = to + o * form.output_stride + first;
  for (int32_t i = threadIdx.x; i < channels * taps; i += kThreads) {
    const int32_t tap = i / channels;
    const int32_t c = i - tap * channels;
    const float value = c < real ? row[c * taps + tap] : 0.0f;
    const float scaled =
        fold.weight == nullptr ? value : static_cast<float>(static_cast<double>(value) * scale);
    out[tap * form.tap_stride + c] = static_cast<T>(scaled);
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    unpack(const WeightLayout form, const int32_t tile, const T* from, float* weight) {
  extern __shared__ float row[];
  const int64_t tiles = (form.channels + tile - 1) / tile;
  const int64_t o = blockIdx.x / tiles;
  const int64_t first = blockIdx.x % tiles * tile;
  const auto taps = static_cast<int32_t>(form.taps);
  const int64_t left = form.channels - first;
  const auto channels = static_cast<int32_t>(left < tile ? left : tile);
  const T* const in = from + o * form.output_stride + first;
  for (int32_t i = threadIdx.x; i < channels * taps; i += kThreads) {
    const int32_t tap = i / channels;
    const int32_t c = i - tap * channels;
    row[c * taps + tap] = static_cast<float>(in[tap * form.tap_stride + c]);
  }
  __syncthreads();
  float* const to = weight + (o * form.all_channels + form.first_channel + first) * form.taps;
  for (int32_t i = threadIdx.x; i < channels * taps; i += kThreads) to[i] = row[i];
}

// Windows of one tap lie in the form as in the variable where there is no filling. Variables lie one after
// the other without gaps: only some begin at a multiple of 16 bytes.
bool is_flat(const WeightLayout& form, const float* variable) {
  return reinterpret_cast<std::uintptr_t>(variable) % 16 == 0 && form.taps == 1 &&
         form.channels == form.all_channels && form.form_channels == form.channels &&
         form.form_outputs == form.outputs && form.output_stride == form.channels &&
         form.outputs * form.channels % 4 == 0;
}
template <class From, class To>
struct ConvertFour {
  const From* from;
  To* to;
  __device__ void operator()(int64_t i) const {
    const auto values = cuda::load<4>(from + i * 4);
    cuda::Vector<To, 4> result;
#pragma unroll
    for (int k = 0; k < 4; ++k) result.element[k] = static_cast<To>(static_cast<float>(values.element[k]));
    cuda::store(to + i * 4, result);
  }
};

template <class T>
Status pack_as(cudaStream_t stream, const WeightLayout& form, const Fold& fold, const float* weight, T* to) {
  if (is_flat(form, weight) && fold.weight == nullptr)
    return cuda::for_each(stream, form.outputs * form.channels / 4, ConvertFour<float, T>{weight, to},
                          "weights");
  const std::int64_t tile = channels_of_tile(form.taps);
  const std::int64_t blocks = (form.form_channels + tile - 1) / tile * form.form_outputs;
  const auto shared = static_cast<std::size_t>(tile * form.taps) * sizeof(float);
  pack<<<static_cast<unsigned>(blocks), kThreads, shared, stream>>>(form, fold, static_cast<int32_t>(tile),
                                                                    weight, to);
  return cuda::check_launch("weights");
}

template <class T>
Status unpack_as(cudaStream_t stream, const WeightLayout& form, const T* from, float* weight) {
  if (is_flat(form, weight))
    return cuda::for_each(stream, form.outputs * form.channels / 4, ConvertFour<T, float>{from, weight},
                          "gradient of weights");
  const std::int64_t tile = channels_of_tile(form.taps);
  const std::int64_t blocks = (form.channels + tile - 1) / tile * form.outputs;
  const auto shared = static_cast<std::size_t>(tile * form.taps) * sizeof(float);
  unpack<<<static_cast<unsigned>(blocks), kThreads, shared, stream>>>(form, static_cast<int32_t>(tile), from,
                                                                      weight);
  return cuda::check_launch("gradient of weights");
}

// A tile of kTile output and kTile input channels, all taps of which fit into shared memory.
constexpr int kTile = 32;
constexpr std::int64_t kTurnedTaps = 9;

template <class T>
__global__ void __launch_bounds__(kThreads) flip(const WeightLayout form, const float* weight, T* to) {
  __shared__ float tile[kTile][kTile * kTurnedTaps + 1];  // (outputs, channels and taps)
  const int64_t rows = (form.form_outputs + kTile - 1) / kTile;
  const int64_t first_o = blockIdx.x % rows * kTile;
  const int64_t first_c = blockIdx.x / rows * kTile;
  const auto taps = static_cast<int32_t>(form.taps);
  const int64_t left = (form.channels - first_c) * taps;
  const auto real = static_cast<int32_t>(left < 0 ? 0 : (left < kTile * taps ? left : kTile * taps));
  for (int32_t i = threadIdx.x; i < kTile * kTile * taps; i += kThreads) {
    const int32_t o = i / (kTile * taps);
    const int32_t k = i - o * (kTile * taps);
    const bool inside = k < real && first_o + o < form.outputs;
    tile[o][k] = inside ? weight[((first_o + o) * form.channels + first_c) * taps + k] : 0.0f;
  }
  __syncthreads();
  for (int32_t i = threadIdx.x; i < kTile * kTile * taps; i += kThreads) {
    const int32_t o = i % kTile;
    const int32_t k = i / kTile;  // channel and tap
    const int32_t c = k / taps;
    if (first_o + o >= form.form_outputs || first_c + c >= form.form_channels) continue;
    const int32_t tap = taps - 1 - (k - c * taps);
    to[((first_c + c) * taps + tap) * form.form_outputs + first_o + o] = static_cast<T>(tile[o][k]);
  }
}

template <class T>
struct TurnEach {
  WeightLayout form;
  const float* weight;
  T* to;
  __device__ void operator()(int64_t i) const {
    const int64_t o = i % form.form_outputs;
    const int64_t tap = i / form.form_outputs % form.taps;
    const int64_t c = i / (form.form_outputs * form.taps);
    const bool inside = o < form.outputs && c < form.channels;
    to[i] = static_cast<T>(inside ? weight[(o * form.channels + c) * form.taps + form.taps - 1 - tap] : 0.0f);
  }
};

template <class T>
Status turn_as(cudaStream_t stream, const WeightLayout& form, const float* weight, T* to) {
  if (form.taps > kTurnedTaps)
    return cuda::for_each(stream, form.form_outputs * form.taps * form.form_channels,
                          TurnEach<T>{form, weight, to}, "turned weights");
  const std::int64_t blocks =
      (form.form_outputs + kTile - 1) / kTile * ((form.form_channels + kTile - 1) / kTile);
  flip<<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(form, weight, to);
  return cuda::check_launch("turned weights");
}

struct PackBias {
  Fold fold;
  const float* bias;
  float* to;
  BFloat16* narrow;
  __device__ void operator()(int64_t o) const {
    double value = bias != nullptr ? static_cast<double>(bias[o]) : 0.0;
    if (fold.weight != nullptr)
      value = static_cast<double>(fold.bias[o]) +
              (value - static_cast<double>(fold.mean[o])) * fold_scale(fold, o);
    to[o] = static_cast<float>(value);
    if (narrow != nullptr) narrow[o] = BFloat16(static_cast<float>(value));
  }
};

// 16 bytes of the result a thread.
template <class From, class To>
struct PackPixels {
  static constexpr int kVector = 16 / sizeof(To);
  const From* from;
  int64_t stride;
  int32_t channels, groups;  // groups of kVector in a pixel of the result
  bool wide;                 // source vectors are aligned
  To* to;

  __device__ void operator()(int64_t i) const {
    const int64_t pixel = i / groups;
    const auto first = static_cast<int32_t>(i - pixel * groups) * kVector;
    const From* const source = from + pixel * stride + first;
    cuda::Vector<To, kVector> result;
    if (wide && first + kVector <= channels) {
      constexpr int kPieces = sizeof(From) * kVector / 16;
      constexpr int kPiece = kVector / kPieces;
#pragma unroll
      for (int piece = 0; piece < kPieces; ++piece) {
        const auto values = cuda::load<kPiece>(source + piece * kPiece);
#pragma unroll
        for (int k = 0; k < kPiece; ++k)
          result.element[piece * kPiece + k] = static_cast<To>(static_cast<float>(values.element[k]));
      }
    } else {
#pragma unroll
      for (int k = 0; k < kVector; ++k)
        result.element[k] = static_cast<To>(first + k < channels ? static_cast<float>(source[k]) : 0.0f);
    }
    cuda::store(to + i * kVector, result);
  }
};

template <class From, class To>
Status pack_pixels_as(cudaStream_t stream, const TensorView& from, std::int64_t channels, void* to) {
  constexpr std::int64_t kVector = PackPixels<From, To>::kVector;
  const TensorDesc& desc = from.desc;
  const PackPixels<From, To> body{from.as<const From>(),
                                  desc.pixel_stride,
                                  static_cast<int32_t>(desc.c()),
                                  static_cast<int32_t>(channels / kVector),
                                  desc.pixel_stride % kVector == 0,
                                  static_cast<To*>(to)};
  return cuda::for_each(stream, desc.pixels() * body.groups, body, "pixels without gaps");
}

template <class T, int kVector>
struct FinishPixels {
  const T* from;
  int64_t from_stride;
  const float* bias;
  const T* residual;
  int64_t residual_stride;
  bool relu;
  T* to;
  int64_t to_stride;
  int32_t groups;

  __device__ void operator()(int64_t i) const {
    const int64_t pixel = i / groups;
    const auto first = static_cast<int32_t>(i - pixel * groups) * kVector;
    const auto values = cuda::load<kVector>(from + pixel * from_stride + first);
    float sum[kVector];
#pragma unroll
    for (int k = 0; k < kVector; ++k) sum[k] = static_cast<float>(values.element[k]);
    if (bias != nullptr) {
#pragma unroll
      for (int k = 0; k < kVector; ++k) sum[k] += bias[first + k];
    }
    if (residual != nullptr) {
      const auto more = cuda::load<kVector>(residual + pixel * residual_stride + first);
#pragma unroll
      for (int k = 0; k < kVector; ++k) sum[k] += static_cast<float>(more.element[k]);
    }
    cuda::Vector<T, kVector> result;
#pragma unroll
    for (int k = 0; k < kVector; ++k) result.element[k] = static_cast<T>(relu && sum[k] < 0 ? 0.0f : sum[k]);
    cuda::store(to + pixel * to_stride + first, result);
  }
};

template <class T, int kVector>
Status finish_by(cudaStream_t stream, const void* from, std::int64_t from_stride, const Epilogue& epilogue,
                 const TensorView& to) {
  const FinishPixels<T, kVector> body{static_cast<const T*>(from),
                                      from_stride,
                                      epilogue.bias,
                                      static_cast<const T*>(epilogue.residual),
                                      epilogue.residual_stride,
                                      epilogue.relu,
                                      to.as<T>(),
                                      to.desc.pixel_stride,
                                      static_cast<int32_t>(to.desc.c() / kVector)};
  return cuda::for_each(stream, to.desc.pixels() * body.groups, body, "what follows a convolution");
}

template <class T>
Status finish_as(cudaStream_t stream, const void* from, std::int64_t from_stride, const Epilogue& epilogue,
                 const TensorView& to) {
  constexpr std::int64_t kVector = 16 / sizeof(T);
  const bool wide = to.desc.c() % kVector == 0 && to.desc.pixel_stride % kVector == 0 &&
                    from_stride % kVector == 0 && epilogue.residual_stride % kVector == 0;
  return wide ? finish_by<T, kVector>(stream, from, from_stride, epilogue, to)
              : finish_by<T, 1>(stream, from, from_stride, epilogue, to);
}

// Pixels of one partial sum.
constexpr std::int64_t kPiece = 128;

// A block adds the partial sums of one channel.
__global__ void __launch_bounds__(kThreads)
    add_pieces(const double* partial, const int64_t pieces, const int64_t channels, float* gbias) {
  __shared__ double sums[kThreads / 32];
  double sum = 0;
  for (int64_t i = threadIdx.x; i < pieces; i += kThreads) sum += partial[i * channels + blockIdx.x];
  sum = cuda::warp_sum(sum);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  sum = 0;
  for (int i = 0; i < kThreads / 32; ++i) sum += sums[i];
  gbias[blockIdx.x] = static_cast<float>(sum);
}

std::int64_t pieces_of(const TensorDesc& gy) { return (gy.pixels() + kPiece - 1) / kPiece; }

template <class T>
Status sum_pieces(cudaStream_t stream, const TensorView& gy, double* partial) {
  const TensorDesc& desc = gy.desc;
  const SumPixels<1, T> body{desc.pixels(),     kPiece,           desc.c(), desc.c(),
                             desc.pixel_stride, gy.as<const T>(), partial};
  return cuda::for_each(stream, pieces_of(desc) * desc.c(), body, "gradient of the bias");
}

}  // namespace

WeightLayout weight_form(std::int64_t outputs, std::int64_t channels, std::int64_t taps,
                         std::int64_t form_outputs, std::int64_t form_channels) {
  return {outputs,      channels, taps, channels, 0, form_outputs, form_channels, taps * form_channels,
          form_channels};
}

Status require_taps(std::int64_t taps) {
  if (taps <= kTileFloats) return {};
  return {ErrorCode::declined, "a window of " + std::to_string(taps) + " taps is too large to be reordered"};
}

Status pack_weights(cudaStream_t stream, const WeightLayout& form, const Fold& fold, const float* weight,
                    DType type, void* to) {
  return type == DType::bf16 ? pack_as(stream, form, fold, weight, at<BFloat16>(to))
                             : pack_as(stream, form, fold, weight, at<float>(to));
}

Status turn_weights(cudaStream_t stream, const WeightLayout& form, const float* weight, DType type,
                    void* to) {
  return type == DType::bf16 ? turn_as(stream, form, weight, at<BFloat16>(to))
                             : turn_as(stream, form, weight, at<float>(to));
}

Status unpack_weights(cudaStream_t stream, const WeightLayout& form, DType type, const void* from,
                      float* weight) {
  return type == DType::bf16 ? unpack_as(stream, form, static_cast<const BFloat16*>(from), weight)
                             : unpack_as(stream, form, static_cast<const float*>(from), weight);
}

Status pack_bias(cudaStream_t stream, const Fold& fold, const float* bias, std::int64_t outputs, float* to,
                 void* narrow) {
  return cuda::for_each(stream, outputs, PackBias{fold, bias, to, at<BFloat16>(narrow)}, "bias");
}

Status pack_pixels(cudaStream_t stream, const TensorView& from, std::int64_t channels, DType type, void* to) {
  if (type == DType::f32) return pack_pixels_as<float, float>(stream, from, channels, to);
  return from.desc.dtype == DType::f32 ? pack_pixels_as<float, BFloat16>(stream, from, channels, to)
                                       : pack_pixels_as<BFloat16, BFloat16>(stream, from, channels, to);
}

Status finish_pixels(cudaStream_t stream, const void* from, std::int64_t from_stride,
                     const Epilogue& epilogue, const TensorView& to) {
  return to.desc.dtype == DType::bf16 ? finish_as<BFloat16>(stream, from, from_stride, epilogue, to)
                                      : finish_as<float>(stream, from, from_stride, epilogue, to);
}

std::int64_t pixel_sum_bytes(const TensorDesc& gy) {
  return pieces_of(gy) * gy.c() * static_cast<std::int64_t>(sizeof(double));
}

Status sum_over_pixels(cudaStream_t stream, const TensorView& gy, void* partial, float* gbias) {
  auto* const sums = at<double>(partial);
  GRAPHRUN_TRY(gy.desc.dtype == DType::bf16 ? sum_pieces<BFloat16>(stream, gy, sums)
                                            : sum_pieces<float>(stream, gy, sums));
  add_pieces<<<static_cast<unsigned>(gy.desc.c()), kThreads, 0, stream>>>(sums, pieces_of(gy.desc),
                                                                          gy.desc.c(), gbias);
  return cuda::check_launch("gradient of the bias");
}

}  // namespace graphrun::ops::conv2d::gpu
