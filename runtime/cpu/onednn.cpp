#include "runtime/cpu/onednn.h"

#include <omp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <array>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "runtime/core/build_id.h"
#include "runtime/cpu/onednn_version.h"

namespace graphrun::cpu {
namespace {

// The status where something cannot be made: what the library cannot do or does not accept, another kernel
// may.
Status failure(dnnl_status_t status, std::string_view what) {
  const std::string message = "oneDNN: " + std::string(what);
  switch (status) {
    case dnnl_unimplemented:
    case dnnl_invalid_arguments:
      return {ErrorCode::declined, message};
    case dnnl_out_of_memory:
      return {ErrorCode::out_of_memory, message};
    default:
      return {ErrorCode::internal, message};
  }
}

Status outcome(dnnl_status_t status, std::string_view what) {
  if (status == dnnl_success) return {};
  const ErrorCode code = status == dnnl_out_of_memory ? ErrorCode::out_of_memory : ErrorCode::internal;
  return {code, "oneDNN: " + std::string(what) + " failed with status " + std::to_string(status)};
}

template <class T>
struct AsResult {
  using type = Result<T>;
};
template <class T>
struct AsResult<Result<T>> {
  using type = Result<T>;
};

// The value of f(), or what it throws, as a Result.
template <class F>
auto guarded(const F& f) -> typename AsResult<std::invoke_result_t<F>>::type {
  try {
    return f();
  } catch (const dnnl::error& error) {
    return failure(error.status, error.message);
  } catch (const std::bad_alloc&) {
    return failure(dnnl_out_of_memory, "no memory for a primitive");
  }
}

bool is_limited(int resource) {
  rlimit limit{};
  return getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0 ||
         limit.rlim_cur != RLIM_INFINITY;
}

// The library does not look whether it has memory for the code that it generates. Address space is what there
// must be; nothing is touched. Where no limit of the process can be met, mapping is left out: giving the
// memory back would stop the other threads for a moment, once for each kernel.
Status require_code_memory() {
  if (!is_limited(RLIMIT_AS) && !is_limited(RLIMIT_DATA)) return {};
  constexpr std::size_t kMax = std::size_t{16} << 20;  // of one primitive, with room to spare
  void* const memory = mmap(nullptr, kMax, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return {ErrorCode::out_of_memory,
            "the system has not the " + std::to_string(kMax >> 20) +
                " MB of memory in which code for kernels is generated (ulimit -v?)"};
  }
  munmap(memory, kMax);
  return {};
}

// The value of f(), which makes a primitive that will run on so many threads.
template <class F>
auto made(int threads, const F& f) -> typename AsResult<std::invoke_result_t<F>>::type {
  GRAPHRUN_TRY(require_code_memory());
  const ThreadScope scope(threads);
  return guarded(f);
}

// The library's handle of the CPU. It must outlive all that is made with it, the library's own cache
// included. Sessions hold the primitives they use, so that the cache need not: its 1024 would keep 150 MB of
// code for sizes that are gone, and look through all of it for the oldest.
const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine = [] {
    constexpr int kCachedPrimitives = 128;
    dnnl::set_primitive_cache_capacity(kCachedPrimitives);
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return engine;
}

dnnl::primitive_attr own_scratch() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

Result<dnnl::memory::data_type> library_type(DType type) {
  switch (type) {
    case DType::f32:
      return dnnl::memory::data_type::f32;
    case DType::bf16:
      return dnnl::memory::data_type::bf16;
    case DType::u8:
      return dnnl::memory::data_type::u8;
    case DType::s8:
      return dnnl::memory::data_type::s8;
    default:
      return {ErrorCode::declined, "oneDNN: no kernels for " + std::string(to_string(type))};
  }
}

dnnl::memory::dims dims_of(const Shape& shape) { return {shape.extents().begin(), shape.extents().end()}; }

// `indices` are the arguments that x, weight and y are.
template <class Desc>
Result<Convolution> make_convolution(const Desc& pd, const dnnl::memory::desc& x,
                                     const dnnl::memory::desc& weight, const dnnl::memory::desc& y,
                                     const dnnl::memory::desc& bias, std::span<const int> indices,
                                     int threads, const dnnl::memory::desc& scales = {}) {
  const std::string name = pd.impl_info_str();
  if (name.find("ref") != std::string::npos)
    return {ErrorCode::declined, "oneDNN: only a reference implementation"};
  std::vector<Primitive::Argument> arguments{{indices[0], x}, {indices[1], weight}, {indices[2], y}};
  if (!bias.is_zero()) arguments.push_back({DNNL_ARG_BIAS, bias});
  if (!scales.is_zero()) arguments.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, scales});
  return Convolution{Primitive(pd, arguments, threads), x, weight, y};
}

}  // namespace

ThreadScope::ThreadScope(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
ThreadScope::~ThreadScope() { omp_set_num_threads(before_); }

std::string library_identity() {
  const dnnl_version_t& version = *dnnl_version();
  return "oneDNN " + std::to_string(version.major) + "." + std::to_string(version.minor) + "." +
         std::to_string(version.patch) + " " + core::build_id(reinterpret_cast<const void*>(&dnnl_version)) +
         ", instructions " + std::to_string(static_cast<int>(dnnl::get_effective_cpu_isa()));
}

std::string library_instructions() {
  const auto used = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  constexpr std::array<std::pair<std::string_view, dnnl::cpu_isa>, 7> kNames{
      {{"avx512_core_amx", dnnl::cpu_isa::avx512_core_amx},
       {"avx512_core_bf16", dnnl::cpu_isa::avx512_core_bf16},
       {"avx512_core_vnni", dnnl::cpu_isa::avx512_core_vnni},
       {"avx512_core", dnnl::cpu_isa::avx512_core},
       {"avx2", dnnl::cpu_isa::avx2},
       {"avx", dnnl::cpu_isa::avx},
       {"sse41", dnnl::cpu_isa::sse41}}};
  for (const auto& [name, instructions] : kNames) {
    const auto bits = static_cast<unsigned>(instructions);
    if ((used & bits) == bits) return std::string(name);
  }
  return "of no name";
}

namespace {

// A set of bits: later instructions have those of earlier ones and more.
bool uses(dnnl::cpu_isa instructions) {
  const auto bits = static_cast<unsigned>(instructions);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

}  // namespace

bool uses_matrix_units() { return uses(dnnl::cpu_isa::avx512_core_amx); }
bool multiplies_bytes() { return uses(dnnl::cpu_isa::avx512_core_vnni); }
bool multiplies_bf16() { return uses(dnnl::cpu_isa::avx512_core_bf16); }

Result<dnnl::memory::desc> strided_desc(DType dtype, const Shape& shape,
                                        std::span<const std::int64_t> strides) {
  GRAPHRUN_ASSIGN(const auto type, library_type(dtype));
  return guarded([&] {
    return dnnl::memory::desc(dims_of(shape), type, dnnl::memory::dims(strides.begin(), strides.end()));
  });
}

Result<dnnl::memory::desc> library_desc(const TensorDesc& desc) {
  std::vector<std::int64_t> strides(static_cast<std::size_t>(desc.shape.rank()), 1);
  if (desc.layout == Layout::nhwc) {
    const std::int64_t row = desc.w() * desc.pixel_stride;
    strides = {desc.h() * row, 1, row, desc.pixel_stride};
  } else {
    for (std::size_t axis = strides.size(); axis-- > 1;)
      strides[axis - 1] = strides[axis] * desc.shape[static_cast<int>(axis)];
  }
  return strided_desc(desc.dtype, desc.shape, strides);
}

Result<dnnl::memory::desc> library_choice(const TensorDesc& desc) {
  GRAPHRUN_ASSIGN(const auto type, library_type(desc.dtype));
  return guarded(
      [&] { return dnnl::memory::desc(dims_of(desc.shape), type, dnnl::memory::format_tag::any); });
}

Result<std::string> layout_key(const dnnl::memory::desc& desc) {
  GRAPHRUN_ASSIGN(std::string text, guarded([&] { return version::layout_text(desc); }));
  if (text.empty()) return {ErrorCode::declined, "oneDNN: a layout without description"};
  return text;
}

Primitive::Primitive(const dnnl::primitive_desc_base& desc, std::span<const Argument> arguments, int threads)
    : primitive_(desc.get()), implementation_(desc.impl_info_str()), threads_(threads) {
  const dnnl::engine& engine = cpu_engine();
  stream_ = dnnl::stream(engine);
  const auto add = [&](int index, const dnnl::memory::desc& memory_desc) {
    memories_.emplace_back(memory_desc, engine, static_cast<void*>(nullptr));
    arguments_.push_back({index, memories_.back().get()});
  };
  for (const Argument& argument : arguments) add(argument.index, argument.desc);
  const dnnl::memory::desc scratch = desc.scratchpad_desc();
  add(DNNL_ARG_SCRATCHPAD, scratch);
  scratch_bytes_ = static_cast<std::int64_t>(scratch.get_size());
}

Status Primitive::run(std::span<void* const> data, void* scratch) {
  for (std::size_t i = 0; i < arguments_.size(); ++i) {
    void* const memory = i < data.size() ? data[i] : scratch;
    GRAPHRUN_TRY(outcome(dnnl_memory_set_data_handle(arguments_[i].memory, memory), implementation_));
  }
  const ThreadScope scope(threads_);
  return outcome(dnnl_primitive_execute(primitive_.get(), stream_.get(), static_cast<int>(arguments_.size()),
                                        arguments_.data()),
                 implementation_);
}

Result<Primitive> make_reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to, int threads) {
  return made(threads, [&] {
    const dnnl::engine& engine = cpu_engine();
    const dnnl::reorder::primitive_desc pd(engine, from, engine, to, own_scratch());
    const Primitive::Argument arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    return Primitive(pd, arguments, threads);
  });
}

Result<Convolution> make_convolution_forward(const ConvolutionDesc& desc, int threads) {
  return made(threads, [&] {
    dnnl::post_ops ops;
    dnnl::memory::desc scales;
    if (desc.channel_scales) {
      // As an operation afterwards: the library's own scales must be known when its code is generated, which
      // convolutions that are alike share.
      scales = {
          {1, version::channels(desc.y), 1, 1}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::nchw};
      ops.append_binary(dnnl::algorithm::binary_mul, scales);
    }
    if (desc.add_to_y) ops.append_sum(desc.sum_scale);
    if (desc.relu) version::append_relu(ops, desc.relu_end);
    dnnl::primitive_attr attr = own_scratch();
    attr.set_post_ops(ops);
    const auto pd = version::forward(cpu_engine(), desc, attr);
    const int indices[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    return make_convolution(pd, pd.src_desc(), pd.weights_desc(), pd.dst_desc(), desc.bias, indices, threads,
                            scales);
  });
}

Result<Convolution> make_pixel_product(DType type, std::int64_t pixels, std::int64_t channels,
                                       std::int64_t outputs, int threads) {
  ConvolutionDesc desc;
  GRAPHRUN_ASSIGN(desc.x, library_desc(TensorDesc::nhwc(type, {1, channels, 1, pixels})));
  GRAPHRUN_ASSIGN(desc.y, library_desc(TensorDesc::nhwc(DType::f32, {1, outputs, 1, pixels})));
  GRAPHRUN_ASSIGN(desc.weight, library_choice(TensorDesc::dense(type, {outputs, channels, 1, 1})));
  desc.stride = {1, 1};
  desc.dilation = {1, 1};
  desc.padding = {0, 0};
  return make_convolution_forward(desc, threads);
}

Result<Convolution> make_convolution_backward_data(const ConvolutionDesc& desc, int threads) {
  return made(threads, [&] {
    const auto pd = version::backward_data(cpu_engine(), desc, own_scratch());
    const int indices[] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST};
    return make_convolution(pd, pd.diff_src_desc(), pd.weights_desc(), pd.diff_dst_desc(),
                            dnnl::memory::desc(), indices, threads);
  });
}

Result<Convolution> make_convolution_backward_weights(const ConvolutionDesc& desc, int threads) {
  return made(threads, [&] {
    const auto pd = version::backward_weights(cpu_engine(), desc, own_scratch());
    const int indices[] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST};
    return make_convolution(pd, pd.src_desc(), pd.diff_weights_desc(), pd.diff_dst_desc(),
                            dnnl::memory::desc(), indices, threads);
  });
}

Result<Primitive> make_matrix_product(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                      const dnnl::memory::desc& c, int threads) {
  return made(threads, [&]() -> Result<Primitive> {
    const auto pd = version::matrix_product(cpu_engine(), a, b, c, own_scratch());
    const std::string name = pd.impl_info_str();
    if (name.find("ref") != std::string::npos)
      return {ErrorCode::declined, "oneDNN: only a reference implementation"};
    const Primitive::Argument arguments[] = {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
    return Primitive(pd, arguments, threads);
  });
}

Status matrix_product(const MatrixProduct& p, float* c, std::int64_t c_row, int threads) {
  // The first product generates the code of all.
  static const Status ready = require_code_memory();
  GRAPHRUN_TRY(ready);
  const ThreadScope scope(threads);
  return outcome(dnnl_sgemm(p.a.transposed ? 'T' : 'N', p.b.transposed ? 'T' : 'N', p.m, p.n, p.k, 1.0f,
                            p.a.data, p.a.row, p.b.data, p.b.row, p.beta, c, c_row),
                 "matrix product");
}

}  // namespace graphrun::cpu
