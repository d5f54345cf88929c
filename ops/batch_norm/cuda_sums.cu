#include "ops/batch_norm/cuda_backward.cuh"
#include "ops/batch_norm/cuda_kernels.h"
#include "ops/common/function_kernel.h"

// Two sums of each channel over all pixels, in one pass over memory. A thread adds runs of kRun pixels in
// f32, the runs in f64; a block adds its threads in a fixed order; a second kernel adds the blocks. How the
// work is cut depends on shape and device alone, and so do the bits.
namespace graphrun::ops::batch_norm {
namespace {

constexpr std::size_t kX = 1;  // bn_grad_sums' input x
constexpr int kRun = 64;
// One block of a multiprocessor, so that few partial sums are left to be added.
constexpr int kSumThreads = 512;
// A map of at most that many tiles is left to one block: it takes less time than the start of another kernel.
constexpr int64_t kTilesOfOneBlock = 4;

// Where channel c's sums go.
struct Sink {
  double* sums;     // (3, C); null: unwanted
  float* gweight;   // null: unwanted
  float* gbias;     // null: unwanted
  double* partial;  // (blocks, 2, C); null: there is one block
  double pixels;
  int64_t channels;

  __device__ void finish(int64_t c, double first, double second) const {
    if (sums != nullptr) {
      sums[c] = pixels;
      sums[channels + c] = first;
      sums[2 * channels + c] = second;
    }
    if (gweight != nullptr) gweight[c] = static_cast<float>(second);
    if (gbias != nullptr) gbias[c] = static_cast<float>(first);
  }
};

// The f64 sums of a block's threads in shared memory: row k of 2 * kVector has one of each thread. Rows are
// as far apart as keeps both ways of reading them free of bank conflicts.
template <int kVector>
constexpr int kPitch = kSumThreads + 16 / kVector;
template <int kVector>
constexpr int kSharedBytes = 2 * kVector* kPitch<kVector>* static_cast<int>(sizeof(double));

// A thread's sums of a group of channels.
template <int kVector>
struct Sums {
  double* of_thread;  // kPitch apart
  float first[kVector];
  float second[kVector];
  int pixels;

  __device__ explicit Sums(double* shared) : of_thread(shared + threadIdx.x), pixels(0) {
#pragma unroll
    for (int v = 0; v < kVector; ++v) {
      first[v] = second[v] = 0;
      of_thread[v * kPitch<kVector>] = of_thread[(kVector + v) * kPitch<kVector>] = 0;
    }
  }
  // Ends a run.
  __device__ void fold() {
#pragma unroll
    for (int v = 0; v < kVector; ++v) {
      of_thread[v * kPitch<kVector>] += static_cast<double>(first[v]);
      of_thread[(kVector + v) * kPitch<kVector>] += static_cast<double>(second[v]);
      first[v] = second[v] = 0;
    }
    pixels = 0;
  }
  __device__ void count(int more) {
    pixels += more;
    if (pixels >= kRun) fold();
  }
};

// The sums of the block's channels over its rows: first[0..width), then second[0..width) at the start of
// `shared`, where width = columns * kVector. Each is added by several threads, and those in order.
template <int kVector>
__device__ void add_rows(double* shared, const RowGrid& grid) {
  const int width = grid.columns * kVector;
  const int sums = 2 * width;
  static_assert(2 * kMaxColumns * kVector <= kSumThreads);
  const int thread = static_cast<int>(threadIdx.x);
  const int parts = kSumThreads / sums;
  const int part = thread / sums;
  const int which = thread - part * sums;
  const int in_half = which < width ? which : which - width;
  const int column = in_half / kVector;
  const int k = in_half - column * kVector + (which < width ? 0 : kVector);
  __syncthreads();
  double total = 0;
  if (part < parts) {
    for (int row = part; row < grid.rows; row += parts)
      total += shared[k * kPitch<kVector> + row * grid.columns + column];
  }
  __syncthreads();
  if (part < parts) shared[thread] = total;
  __syncthreads();
  total = 0;
  if (thread < sums) {
    for (int i = thread; i < parts * sums; i += sums) total += shared[i];
  }
  __syncthreads();
  if (thread < sums) shared[thread] = total;
  __syncthreads();
}

// `raw(i, c, first, second)` turns the block's sums of its channel i, which is the map's channel c, into what
// is added up over blocks.
template <int kVector, class Raw>
__device__ void end_block(double* shared, const RowGrid& grid, const Sink& sink, const Raw& raw) {
  add_rows<kVector>(shared, grid);
  const int width = grid.columns * kVector;
  const int i = static_cast<int>(threadIdx.x);
  const int64_t c = static_cast<int64_t>(blockIdx.x) * width + i;
  if (i >= width || c >= grid.channels) return;
  double first = shared[i];
  double second = shared[width + i];
  raw(i, c, first, second);
  if (sink.partial == nullptr) {
    sink.finish(c, first, second);
  } else {
    double* const to = sink.partial + 2 * sink.channels * blockIdx.y;
    to[c] = first;
    to[sink.channels + c] = second;
  }
}

// The blocks' sums: kAddColumns channels by kAddRows threads each.
constexpr int kAddColumns = 32;
constexpr int kAddRows = 16;
__global__ void __launch_bounds__(kAddColumns* kAddRows) add_blocks(const Sink sink, const int blocks) {
  __shared__ double shared[2][kAddRows][kAddColumns];
  const int64_t c = static_cast<int64_t>(blockIdx.x) * kAddColumns + threadIdx.x;
  double first = 0;
  double second = 0;
  if (c < sink.channels) {
    const double* const from = sink.partial + c;
#pragma unroll 8
    for (int block = static_cast<int>(threadIdx.y); block < blocks; block += kAddRows) {
      first += from[2 * sink.channels * block];
      second += from[2 * sink.channels * block + sink.channels];
    }
  }
  shared[0][threadIdx.y][threadIdx.x] = first;
  shared[1][threadIdx.y][threadIdx.x] = second;
  __syncthreads();
  if (threadIdx.y != 0 || c >= sink.channels) return;
#pragma unroll
  for (int row = 1; row < kAddRows; ++row) {
    first += shared[0][row][threadIdx.x];
    second += shared[1][row][threadIdx.x];
  }
  sink.finish(c, first, second);
}

// Pixels that the calling block walks over.
__device__ inline int64_t pixels_of_block(const RowGrid& grid, int unroll) {
  const int64_t height = static_cast<int64_t>(grid.rows) * unroll;
  if (blockIdx.y >= grid.tiles) return 0;
  const int64_t count = (grid.tiles - 1 - blockIdx.y) / gridDim.y + 1;
  // Backwards: the first block begins with the last tile, which may be short.
  return count * height - (blockIdx.y == 0 ? grid.tiles * height - grid.pixels : 0);
}

// A point near the channel's values: the mean of at most 8 pixels from all over the map. Sums about it keep
// the digits that raw sums of a channel with a large mean lose. Its roundings are written out, since all
// threads must mean the same number.
template <class T>
__device__ inline float pivot_of(const T* x, int64_t stride, int64_t pixels) {
  const int count = static_cast<int>(pixels < 8 ? pixels : 8);
  const float share = __fdiv_rn(1.0f, static_cast<float>(count));
  float samples[8];
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const int64_t pixel = count < 8 ? i : (2 * i + 1) * pixels / 16;
    samples[i] = i < count ? static_cast<float>(x[pixel * stride]) : 0;
  }
  float pivot = 0;
#pragma unroll
  for (int i = 0; i < 8; ++i) pivot = __fadd_rn(pivot, __fmul_rn(samples[i], share));
  return pivot;
}

// Pixels in flight a thread: 8 loads.
constexpr int kMomentsUnroll = 8;

// Both kernels of sums walk backwards: the end of what was written last is still in the cache, and the pass
// that follows starts where this one ends.
template <class T, int kVector>
__global__ void __launch_bounds__(kSumThreads, 1)
    moments(const T* x, const int64_t stride, const RowGrid grid, const Sink sink) {
  extern __shared__ double shared[];
  __shared__ float pivots[kMaxColumns * kVector];
  const Place place = place_in<kVector>(grid);
  float pivot[1][kVector];
  load_constants(grid, place, pivot, [&](int c, float(&values)[1]) {
    values[0] = pivot_of(x + c, stride, grid.pixels);
    pivots[c - static_cast<int>(blockIdx.x) * grid.columns * kVector] = values[0];
  });
  Sums<kVector> sums(shared);
  if (place.active) {
    const auto load = [&](int64_t pixel) {
      return load_group<T, kVector>(x + pixel * stride + place.channel);
    };
    const auto use = [&](const Group<T, kVector>& values, int64_t) {
#pragma unroll
      for (int v = 0; v < kVector; ++v) {
        const float distance = __fsub_rn(values[v], pivot[0][v]);
        sums.first[v] += distance;
        sums.second[v] += distance * distance;
      }
    };
    walk<kMomentsUnroll, true>(grid, place.row, load, use, [&] { sums.count(kMomentsUnroll); });
    sums.fold();
  }
  end_block<kVector>(shared, grid, sink, [&](int i, int64_t, double& first, double& second) {
    const double about = pivots[i];
    const auto count = static_cast<double>(pixels_of_block(grid, kMomentsUnroll));
    second += 2 * about * first + count * about * about;
    first += count * about;
  });
}

// Pixels in flight a thread: 8 loads, 9 with a mask from y.
constexpr int grad_unroll(Mask mask) { return mask == Mask::from_y ? 3 : 4; }

// Sums of gz and of gz * (x - mean), which inv_std makes gz * xhat.
template <class T, int kVector, Mask kMask>
__global__ void __launch_bounds__(kSumThreads, 1)
    grad_sums(const Backward<T> args, const RowGrid grid, const Sink sink) {
  extern __shared__ double shared[];
  const Place place = place_in<kVector>(grid);
  float constants[3][kVector];
  load_constants(grid, place, constants, [&](int c, float(&values)[3]) {
    values[0] = args.mean[c];
    values[1] = scale_of(args.inv_std[c], args.weight[c]);
    values[2] = args.bias[c];
  });
  Sums<kVector> sums(shared);
  if (place.active) {
    const auto load = [&](int64_t pixel) {
      return load_backward<kMask, kVector>(args, pixel, place.channel);
    };
    const auto use = [&](const BackwardValues<T, kVector>& values, int64_t) {
#pragma unroll
      for (int v = 0; v < kVector; ++v) {
        const float gz =
            before_activation<kMask>(values, v, constants[0][v], constants[1][v], constants[2][v]);
        sums.first[v] += gz;
        sums.second[v] += gz * __fsub_rn(values.x[v], constants[0][v]);
      }
    };
    walk<grad_unroll(kMask), true>(grid, place.row, load, use, [&] { sums.count(grad_unroll(kMask)); });
    sums.fold();
  }
  end_block<kVector>(shared, grid, sink, [&](int, int64_t c, double&, double& second) {
    second *= static_cast<double>(args.inv_std[c]);
  });
}

// How many blocks share a map.
struct Cut {
  RowGrid grid;
  dim3 blocks;

  Cut(const KernelRequest& request, const TensorDesc& map, int vector, int unroll)
      : grid(map, vector, kSumThreads, unroll),
        blocks(grid.tiles <= kTilesOfOneBlock ? dim3(grid.column_blocks)
                                              : grid.blocks(device_of(request).multiprocessors())) {}
  int64_t scratch_bytes() const {
    return blocks.y == 1 ? 0 : int64_t{blocks.y} * 2 * grid.channels * static_cast<int64_t>(sizeof(double));
  }
  // Outputs beside `sums` are set by the caller.
  Sink sink(const KernelRun& io) const {
    Sink result{};
    result.sums = io.outputs[0].as<double>();
    result.partial = blocks.y == 1 ? nullptr : static_cast<double*>(io.scratch);
    result.pixels = static_cast<double>(grid.pixels);
    result.channels = grid.channels;
    return result;
  }
  Status add(const Sink& sink, cudaStream_t stream, std::string_view what) const {
    GRAPHRUN_TRY(cuda::check_launch(what));
    if (blocks.y == 1) return {};
    add_blocks<<<cuda::blocks_for(grid.channels, kAddColumns), dim3(kAddColumns, kAddRows), 0, stream>>>(
        sink, static_cast<int>(blocks.y));
    return cuda::check_launch(what);
  }
};

template <class Function>
Status allow_shared_memory(Function kernel, int bytes) {
  return cuda::check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
                     "shared memory of sums");
}

template <class T, int kVector>
Result<std::unique_ptr<Kernel>> prepare_moments(const KernelRequest& request) {
  auto* const kernel = moments<T, kVector>;
  GRAPHRUN_TRY(allow_shared_memory(kernel, kSharedBytes<kVector>));
  const Cut cut(request, request.inputs[0], kVector, kMomentsUnroll);
  const auto run = [cut, kernel, stream = device_of(request).stream()](const KernelRun& io) {
    const Sink sink = cut.sink(io);
    kernel<<<cut.blocks, kSumThreads, kSharedBytes<kVector>, stream>>>(
        io.inputs[0].as<const T>(), io.inputs[0].desc.pixel_stride, cut.grid, sink);
    return cut.add(sink, stream, "bn_moments");
  };
  return make_function_kernel("bn_moments", cut.scratch_bytes(), run);
}

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_cuda_moments(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) {
    const int64_t strides[] = {request.inputs[0].pixel_stride};
    return is_wide<T>(request.inputs[0], strides) ? prepare_moments<T, 16 / sizeof(T)>(request)
                                                  : prepare_moments<T, 1>(request);
  });
}

Result<std::unique_ptr<Kernel>> prepare_cuda_grad_sums(const KernelRequest& request) {
  const auto prepare = [&]<class T, int kVector, Mask kMask>() -> Result<std::unique_ptr<Kernel>> {
    auto* const kernel = grad_sums<T, kVector, kMask>;
    GRAPHRUN_TRY(allow_shared_memory(kernel, kSharedBytes<kVector>));
    const Cut cut(request, request.inputs[kX], kVector, grad_unroll(kMask));
    const auto run = [cut, kernel, stream = device_of(request).stream()](const KernelRun& io) {
      Sink sink = cut.sink(io);
      sink.gweight = io.outputs[1].as<float>();
      sink.gbias = io.outputs[2].as<float>();
      kernel<<<cut.blocks, kSumThreads, kSharedBytes<kVector>, stream>>>(bind_backward<kMask, T>(io, kX),
                                                                         cut.grid, sink);
      return cut.add(sink, stream, "bn_grad_sums");
    };
    return make_function_kernel("bn_grad_sums", cut.scratch_bytes(), run);
  };
  return for_backward(request, kX, prepare);
}

}  // namespace graphrun::ops::batch_norm
