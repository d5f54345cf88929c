#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <optional>
#include <vector>

#include "ops/registry.h"
#include "runtime/core/random.h"
#include "runtime/cpu/tile_products.h"
#include "runtime/model/eight_bits.h"
#include "tests/ops/conv2d/windows.h"
#include "tests/ops/test_backend.h"
#include "tests/skip.h"

// conv2d and conv2d_bn of u8 and s8 against sums of the same integers in double.
namespace graphrun::test {
namespace {

struct ByteCase {
  Window v;
  Quantisation x{0.02F, 0};
  std::optional<Quantisation> y{{0.05F, 0}};  // else y is f32
  std::optional<Quantisation> residual{};
  bool relu = false;
  bool batch_norm = true;
  bool bias = false;
  int threads = 2;
  bool by_tiles = false;  // must be computed by the matrix units where there are some
};

std::ostream& operator<<(std::ostream& out, const ByteCase& c) {
  return out << c.v << ", zero points " << c.x.zero_point << " and " << (c.y ? c.y->zero_point : -1)
             << (c.residual ? ", residual" : "") << (c.relu ? ", relu" : "");
}

HostTensor integers(const Shape& shape, double low, double high, core::Random& random) {
  HostTensor tensor = HostTensor::zeros(shape);
  for (double& value : tensor.values) value = std::floor(low + (high - low + 1) * random.next_double());
  return tensor;
}
HostTensor reals(const Shape& shape, double low, double high, core::Random& random) {
  HostTensor tensor = HostTensor::zeros(shape);
  for (double& value : tensor.values)
    value = static_cast<double>(static_cast<float>(low + (high - low) * random.next_double()));
  return tensor;
}

TensorDesc with(TensorDesc desc, const Quantisation& q, std::int64_t gap) {
  desc.quantisation = q;
  desc.pixel_stride += gap;
  return desc;
}

// Operands in the order of conv2d_bn.
struct Operands {
  std::vector<TensorDesc> descs;
  std::vector<HostTensor> values;
  std::vector<float> scales;  // of the weight
  void add(const TensorDesc& desc, HostTensor value) {
    descs.push_back(desc);
    values.push_back(std::move(value));
  }
  void skip() { add(TensorDesc(), {.present = false, .shape = {}, .values = {}}); }
};

Operands draw(const ByteCase& c, core::Random& random) {
  const Window& v = c.v;
  const Shape vector{v.o};
  Operands in;
  in.add(with(TensorDesc::nhwc(DType::u8, v.x()), c.x, v.gap), integers(v.x(), 0, 255, random));
  in.add(TensorDesc::dense(DType::s8, v.weight()), integers(v.weight(), -127, 127, random));
  for (std::int64_t o = 0; o < v.o; ++o) in.scales.push_back(0.001F * static_cast<float>(1 + o % 7));
  if (c.bias) {
    in.add(TensorDesc::dense(DType::f32, vector), reals(vector, -1, 1, random));
  } else {
    in.skip();
  }
  if (!c.batch_norm) return in;
  for (const auto& [low, high] : {std::pair{-0.5, 1.0}, {-1.0, 1.0}, {-1.0, 1.0}, {0.5, 2.0}})
    in.add(TensorDesc::dense(DType::f32, vector), reals(vector, low, high, random));
  if (c.residual) {
    in.add(with(TensorDesc::nhwc(DType::u8, v.y()), *c.residual, v.gap), integers(v.y(), 0, 255, random));
  } else {
    in.skip();
  }
  return in;
}

double real(const Quantisation& q, double integer) {
  return static_cast<double>(q.scale) * (integer - q.zero_point);
}

// In reals, before y is stored.
HostTensor expected(const ByteCase& c, const Operands& in) {
  const Window& v = c.v;
  HostTensor x = in.values[0];
  for (double& value : x.values) value -= c.x.zero_point;
  HostTensor y = convolve(v, x, in.values[1], {.present = false, .shape = {}, .values = {}});
  constexpr double kEps = 1e-5;
  for (std::int64_t i = 0; i < y.shape.count(); ++i) {
    const auto o = static_cast<std::size_t>(i / (v.oh() * v.ow()) % v.o);
    double& value = y.values[static_cast<std::size_t>(i)];
    value *= static_cast<double>(c.x.scale) * static_cast<double>(in.scales[o]);
    if (c.bias) value += in.values[2].values[o];
    if (c.batch_norm) {
      value = (value - in.values[5].values[o]) * in.values[3].values[o] /
                  std::sqrt(in.values[6].values[o] + kEps) +
              in.values[4].values[o];
    }
    if (c.residual) value += real(*c.residual, in.values[7].values[static_cast<std::size_t>(i)]);
    if (c.relu) value = std::max(value, 0.0);
  }
  return y;
}

void check_against(const ByteCase& c, const HostTensor& reals, const HostTensor& actual) {
  std::int64_t near = 0;
  for (std::size_t i = 0; i < reals.values.size(); ++i) {
    if (!c.y) {
      BOOST_TEST_REQUIRE(std::abs(actual.values[i] - reals.values[i]) <=
                         1e-4 * (1 + std::abs(reals.values[i])));
      continue;
    }
    const double exact =
        std::clamp(reals.values[i] / static_cast<double>(c.y->scale) + c.y->zero_point, 0.0, 255.0);
    BOOST_TEST_REQUIRE(std::abs(actual.values[i] - exact) <= 0.5 + 1e-3,
                       actual.values[i] << " for " << exact);
    near += exact > 0 && exact < 255 ? 1 : 0;
  }
  if (c.y) BOOST_TEST(near * 4 > std::ssize(reals.values), "most results are at the ends of the range");
}

// The first kernel for 8 bits that takes it.
Result<std::unique_ptr<Kernel>> byte_kernel(const model::Backend& backend, const KernelRequest& request) {
  std::string reasons;
  for (const KernelEntry& entry : backend.candidates(request.def.name)) {
    if (!entry.eight_bits) continue;
    auto kernel = entry.prepare(request);
    if (kernel.ok()) return kernel;
    reasons += kernel.status().message() + "; ";
  }
  return {ErrorCode::declined, reasons};
}

HostTensor run(const ByteCase& c, Operands in) {
  const auto backend = test_backend(c.threads);
  const OpDef& def = *ops::op_registry().find(c.batch_norm ? "conv2d_bn" : "conv2d");
  AttrMap values = c.v.attrs();
  values["out_channels"] = Expr(c.v.o);
  if (c.batch_norm) values["activation"] = std::string(c.relu ? "relu" : "none");
  if (!c.batch_norm) values["bias"] = Expr(c.bias ? 1 : 0);
  const Result<Attributes> evaluated = Attributes::evaluate(def.attrs, values, {});
  BOOST_TEST_REQUIRE(evaluated.ok());
  const Attributes& attrs = *evaluated;
  const TensorDesc y_desc = c.y ? with(TensorDesc::nhwc(DType::u8, c.v.y()), *c.y, c.v.gap)
                                : with(TensorDesc::nhwc(DType::f32, c.v.y()), {}, c.v.gap);
  std::vector<bool> present, constant;
  for (const TensorDesc& desc : in.descs) {
    present.push_back(desc.shape.rank() > 0);
    constant.push_back(present.back() && desc.layout == Layout::dense);
  }
  const TensorDesc outputs[] = {y_desc};
  auto chosen = byte_kernel(
      *backend, {def, attrs, in.descs, outputs, present, {true}, constant, c.threads, backend->context()});
  if (!chosen.ok()) BOOST_FAIL(chosen.status().message());
  Kernel& kernel = **chosen;
  if (c.by_tiles && cpu::has_tile_products(cpu::TileType::bytes))
    BOOST_TEST_REQUIRE(kernel.name() == "tiles");
  std::vector<MemoryTensor> memory;
  for (std::size_t i = 0; i < in.descs.size(); ++i) {
    memory.emplace_back(present[i] ? in.descs[i] : TensorDesc::dense(DType::u8, {1}));
    if (present[i]) memory.back().write(in.values[i]);
  }
  std::vector<TensorView> views;
  for (std::size_t i = 0; i < in.descs.size(); ++i)
    views.push_back(present[i] ? memory[i].view() : TensorView());
  views[1].channel_scales = in.scales.data();
  MemoryTensor y(y_desc), scratch(TensorDesc::dense(DType::u8, {kernel.scratch_bytes() + 1})),
      packed(TensorDesc::dense(DType::u8, {kernel.packed_bytes()}));
  BOOST_TEST_REQUIRE(kernel.pack_constants(views, packed.view().data).ok());
  const TensorView to[] = {y.view()};
  BOOST_TEST_REQUIRE(kernel.run({views, to, scratch.view().data, packed.view().data}).ok());
  for (const MemoryTensor* own : {&y, &scratch, &packed}) BOOST_TEST(own->gaps_untouched());
  return y.read();
}

void check(const ByteCase& c) {
  BOOST_TEST_CONTEXT(c) {
    core::Random random(1 + seed_offset(), core::RandomPurpose::test);
    Operands in = draw(c, random);
    const HostTensor reals = expected(c, in);
    const HostTensor two = run(c, in);
    check_against(c, reals, two);
    ByteCase one = c;
    one.threads = 1;
    const HostTensor other = run(one, std::move(in));
    BOOST_TEST(other.values == two.values, "other integers with another number of threads");
  }
}

bool has_bytes() { return model::check_precision(*test_backend(), DType::s8).ok(); }

}  // namespace

BOOST_AUTO_TEST_CASE(windows_of_bytes, *needs("int8")) {
  if (!has_bytes()) return skip("the device has no products of 8 bits");
  const Window windows[] = {
      {.n = 2, .c = 32, .h = 9, .w = 11, .o = 48},
      {.n = 1, .c = 19, .h = 8, .w = 7, .o = 21},
      {.n = 1, .c = 3, .h = 17, .w = 15, .o = 16, .sh = 2, .sw = 2},
      {.n = 1, .c = 64, .h = 13, .w = 13, .o = 64, .ph = 4, .pw = 4, .dh = 4, .dw = 4},
      {.n = 2, .c = 40, .h = 6, .w = 5, .o = 33, .kh = 1, .kw = 1, .ph = 0, .pw = 0, .gap = 3},
      {.n = 1, .c = 24, .h = 12, .w = 1, .o = 24, .kw = 1, .pw = 0},
      {.n = 1, .c = 24, .h = 1, .w = 12, .o = 24, .kh = 1, .ph = 0},
      {.n = 1, .c = 64, .h = 9, .w = 9, .o = 32, .sh = 2, .sw = 2, .groups = 2},
      {.n = 1, .c = 37, .h = 10, .w = 10, .o = 37, .groups = 37},
      {.n = 1, .c = 48, .h = 10, .w = 9, .o = 48, .sh = 2, .sw = 2, .groups = 48},
  };
  for (const Window& v : windows) {
    check({.v = v, .y = {{0.1F, 0}}, .relu = true});
    check({.v = v, .y = {{0.2F, 128}}});
    check({.v = v, .y = std::nullopt});
    if (v.groups == 1) check({.v = v, .y = {{0.2F, 120}}, .batch_norm = false, .bias = true});
  }
}

BOOST_AUTO_TEST_CASE(residuals_and_zero_points_of_bytes, *needs("int8")) {
  if (!has_bytes()) return skip("the device has no products of 8 bits");
  const Window block{.n = 1, .c = 32, .h = 7, .w = 9, .o = 72, .kh = 1, .kw = 1, .ph = 0, .pw = 0};
  for (const Quantisation& x : {Quantisation{0.02F, 0}, Quantisation{0.02F, 117}}) {
    for (const Quantisation& residual : {Quantisation{0.04F, 0}, Quantisation{0.03F, 90}}) {
      check({.v = block, .x = x, .y = {{0.05F, 0}}, .residual = residual, .relu = true});
      check({.v = block, .x = x, .y = {{0.1F, 101}}, .residual = residual});
    }
  }
}

// Blocks of 32 pixels and channels: rows that end within one, windows that lie in the padding as a whole,
// runs of bytes across columns, weights that no core's cache holds, fewer blocks than threads.
BOOST_AUTO_TEST_CASE(blocks_of_bytes, *needs("int8")) {
  if (!has_bytes()) return skip("the device has no products of 8 bits");
  const Window windows[] = {
      {.n = 2, .c = 64, .h = 9, .w = 11, .o = 64},
      {.n = 2, .c = 128, .h = 7, .w = 40, .o = 96, .kh = 1, .kw = 1, .ph = 0, .pw = 0},
      {.n = 1, .c = 192, .h = 5, .w = 37, .o = 32, .kh = 1, .kw = 1, .ph = 0, .pw = 0, .gap = 3},
      {.n = 2, .c = 64, .h = 33, .w = 35, .o = 64, .kh = 1, .kw = 1, .sh = 2, .sw = 2, .ph = 0, .pw = 0},
      {.n = 2, .c = 3, .h = 37, .w = 35, .o = 32, .kh = 7, .kw = 7, .sh = 2, .sw = 2, .ph = 3, .pw = 3},
      {.n = 1, .c = 40, .h = 9, .w = 70, .o = 32, .gap = 1},
      {.n = 2, .c = 64, .h = 40, .w = 1, .o = 64, .kw = 1, .pw = 0},
      {.n = 1, .c = 64, .h = 5, .w = 6, .o = 32, .ph = 7, .pw = 7, .dh = 7, .dw = 7},
      {.n = 1, .c = 64, .h = 3, .w = 3, .o = 32, .ph = 9, .pw = 2, .dh = 4, .dw = 1},
      {.n = 1, .c = 384, .h = 4, .w = 9, .o = 384, .gap = 5},
      {.n = 1, .c = 1024, .h = 6, .w = 11, .o = 1056, .kh = 1, .kw = 1, .ph = 0, .pw = 0},
  };
  for (const Window& v : windows) {
    for (const std::int32_t zero : {0, 117}) {
      check({.v = v, .x = {0.004F, zero}, .y = {{0.1F, 0}}, .relu = true, .by_tiles = true});
      check({.v = v, .x = {0.004F, zero}, .y = {{0.2F, 128}}, .residual = {{0.03F, 90}}, .by_tiles = true});
      check({.v = v, .x = {0.004F, zero}, .y = {{0.1F, 100}}, .batch_norm = false, .by_tiles = true});
    }
  }
}

// Padding stands for 0, which is another integer.
BOOST_AUTO_TEST_CASE(padding_of_another_zero, *needs("int8")) {
  if (!has_bytes()) return skip("the device has no products of 8 bits");
  const Window windows[] = {
      {.n = 2, .c = 32, .h = 9, .w = 11, .o = 48},
      {.n = 1, .c = 19, .h = 8, .w = 7, .o = 21, .sh = 2, .sw = 2, .gap = 3},
      {.n = 1, .c = 3, .h = 17, .w = 15, .o = 16, .sh = 2, .sw = 2},
      {.n = 1, .c = 64, .h = 13, .w = 13, .o = 64, .ph = 4, .pw = 4, .dh = 4, .dw = 4},
      {.n = 1, .c = 24, .h = 12, .w = 1, .o = 24, .kw = 1, .pw = 0},
      {.n = 1, .c = 24, .h = 1, .w = 12, .o = 24, .kh = 1, .ph = 0},
      {.n = 1, .c = 37, .h = 10, .w = 10, .o = 37, .groups = 37},
      {.n = 2, .c = 16, .h = 3, .w = 2, .o = 16, .ph = 6, .pw = 5},
  };
  for (const Window& v : windows) {
    for (const std::int32_t zero : {1, 117, 255}) {
      check({.v = v, .x = {0.02F, zero}, .y = {{0.1F, 0}}, .relu = true});
      check({.v = v, .x = {0.02F, zero}, .y = {{0.2F, 128}}});
      check({.v = v, .x = {0.02F, zero}, .y = std::nullopt});
    }
  }
}

// Rectified y share scales with others that are not.
BOOST_AUTO_TEST_CASE(relu_ends_at_the_zero_point, *needs("int8")) {
  if (!has_bytes()) return skip("the device has no products of 8 bits");
  for (const std::int32_t zero : {1, 60}) {
    check({.v = {.n = 2, .c = 32, .h = 9, .w = 11, .o = 48}, .y = {{0.1F, zero}}, .relu = true});
    check({.v = {.n = 1, .c = 32, .h = 7, .w = 9, .o = 72, .kh = 1, .kw = 1, .ph = 0, .pw = 0},
           .y = {{0.05F, zero}},
           .residual = {{0.03F, 90}},
           .relu = true});
  }
}

}  // namespace graphrun::test
