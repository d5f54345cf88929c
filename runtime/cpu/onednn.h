#pragma once

#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "graphrun/tensor.h"

// The way to oneDNN 2.6 and 3.x. Nothing here throws; ErrorCode::declined says that the library does not
// offer what was asked for.
namespace graphrun::cpu {

// While it lives, OpenMP regions that this thread opens have `threads` threads. oneDNN takes its number of
// threads from OpenMP, both when a primitive is made and when it runs, and the two must agree.
class ThreadScope {
 public:
  explicit ThreadScope(int threads);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

// Version and build of the library, and the instructions that it uses here.
std::string library_identity();
// Those instructions by the library's name for them, e.g. "avx512_core_amx".
std::string library_instructions();
// The library multiplies bf16 by the CPU's matrix units (AMX).
bool uses_matrix_units();
// The library has products of u8 and s8 that do not saturate (VNNI, AMX).
bool multiplies_bytes();
// It has products of bf16 that are not made of others.
bool multiplies_bf16();

// The tensor as the library sees it, strides and all.
Result<dnnl::memory::desc> library_desc(const TensorDesc& desc);
// A descriptor of these extents and type in whatever layout the library likes best.
Result<dnnl::memory::desc> library_choice(const TensorDesc& desc);
// Logical order of `shape` with these strides in elements.
Result<dnnl::memory::desc> strided_desc(DType dtype, const Shape& shape,
                                        std::span<const std::int64_t> strides);
// Text that is equal for equal layouts. Declined for layouts that the library does not describe.
Result<std::string> layout_key(const dnnl::memory::desc& desc);

// A primitive of the library with what it needs to run without allocation. Movable.
class Primitive {
 public:
  struct Argument {
    int index;  // DNNL_ARG_...
    dnnl::memory::desc desc;
  };
  // Keeps the implementation that `desc` stands for. May throw dnnl::error; made by the functions below.
  Primitive(const dnnl::primitive_desc_base& desc, std::span<const Argument> arguments, int threads);

  // The library's name of the code it has chosen, e.g. "brgconv:avx512_core".
  const std::string& implementation() const { return implementation_; }
  std::int64_t scratch_bytes() const { return scratch_bytes_; }
  // data[i] is the memory of argument i; scratch is 64-byte aligned. One thread at a time.
  Status run(std::span<void* const> data, void* scratch);

 private:
  dnnl::primitive primitive_;
  dnnl::stream stream_;
  std::vector<dnnl::memory> memories_;  // of the arguments; the last is the scratchpad
  std::vector<dnnl_exec_arg_t> arguments_;
  std::string implementation_;
  std::int64_t scratch_bytes_ = 0;
  int threads_ = 1;
};

// Copies from one layout to another; arguments: from, to.
Result<Primitive> make_reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to, int threads);

struct ConvolutionDesc {
  dnnl::memory::desc x;
  dnnl::memory::desc weight;
  dnnl::memory::desc y;
  dnnl::memory::desc bias;      // zero: none
  dnnl::memory::dims stride;    // vertical, horizontal
  dnnl::memory::dims dilation;  // 1: dense
  dnnl::memory::dims padding;   // above and below, left and right
  bool add_to_y = false;        // y += convolution; forward only
  bool relu = false;            // after all that: what is below relu_end becomes that; forward only
  float relu_end = 0;
  // y = scale of the channel (convolution + bias) + sum_scale y, in that order: for products of integers,
  // with one more argument, f32 for each channel of y. Forward only.
  bool channel_scales = false;
  float sum_scale = 1;  // where it is added to y
};

struct Convolution {
  Primitive primitive;  // arguments: x, weight, y and, where there are, bias and scales, in each of the three
  dnnl::memory::desc x;
  dnnl::memory::desc weight;
  dnnl::memory::desc y;
};

// y from x and weight; the gradient of x from weight and y's; the gradient of weight from x and y's. All are
// declined where the library has nothing but its reference implementation.
Result<Convolution> make_convolution_forward(const ConvolutionDesc& desc, int threads);
Result<Convolution> make_convolution_backward_data(const ConvolutionDesc& desc, int threads);
Result<Convolution> make_convolution_backward_weights(const ConvolutionDesc& desc, int threads);

// The convolution of 1x1 windows that takes `pixels` of `channels` to `outputs` sums in f32. The library
// makes little code for it and chooses the weights' layout; its matrix product spends milliseconds on code
// that fits any size.
Result<Convolution> make_pixel_product(DType type, std::int64_t pixels, std::int64_t channels,
                                       std::int64_t outputs, int threads);

// c (m, n) = a (m, k) b (k, n), all with strides of their own; bf16 is summed in f32. Arguments: a, b, c.
// Declined where the library has nothing but its reference implementation.
Result<Primitive> make_matrix_product(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                      const dnnl::memory::desc& c, int threads);

struct MatrixOperand {
  const float* data;
  std::int64_t row;         // elements from row to row in memory
  bool transposed = false;  // memory holds the transposed matrix
};

// The product of a (m, k) and b (k, n), row-major, plus beta times what c holds.
struct MatrixProduct {
  std::int64_t m, n, k;
  MatrixOperand a, b;
  float beta = 0;
};

// Into c (m, n), whose rows are c_row elements apart.
Status matrix_product(const MatrixProduct& product, float* c, std::int64_t c_row, int threads);

}  // namespace graphrun::cpu
