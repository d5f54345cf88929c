#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>

#include "runtime/cpu/instructions.h"
#include "runtime/cpu/tile_products.h"
#include "tests/ops/conv2d/windows.h"
#include "tests/ops/test_backend.h"
#include "tests/skip.h"

namespace graphrun::test {
namespace {

// Every kind of layer that the networks have, at sizes that a naive reference bears.
const Window kWindows[] = {
    {.n = 2, .c = 3, .h = 17, .w = 14, .o = 16, .sh = 2, .sw = 2},
    {.n = 1, .c = 3, .h = 23, .w = 23, .o = 16, .kh = 7, .kw = 7, .sh = 2, .sw = 2, .ph = 3, .pw = 3},
    {.n = 1, .c = 16, .h = 9, .w = 11, .o = 33},
    {.n = 2, .c = 33, .h = 7, .w = 6, .o = 19, .gap = 5},
    {.n = 2, .c = 64, .h = 6, .w = 5, .o = 40, .kh = 1, .kw = 1, .ph = 0, .pw = 0},
    {.n = 2, .c = 40, .h = 6, .w = 5, .o = 64, .kh = 1, .kw = 1, .ph = 0, .pw = 0, .gap = 16},
    {.n = 1, .c = 48, .h = 9, .w = 7, .o = 32, .kh = 1, .kw = 1, .sh = 2, .sw = 2, .ph = 0, .pw = 0},
    {.n = 1, .c = 16, .h = 8, .w = 8, .o = 16, .sh = 2, .sw = 2},
    {.n = 2, .c = 16, .h = 13, .w = 1, .o = 32, .kh = 3, .kw = 1, .ph = 1, .pw = 0},
    {.n = 2, .c = 32, .h = 1, .w = 13, .o = 16, .kh = 1, .kw = 3, .ph = 0, .pw = 1, .gap = 3},
    {.n = 1, .c = 16, .h = 9, .w = 8, .o = 16, .ph = 2, .pw = 2, .dh = 2, .dw = 2},
    {.n = 1, .c = 16, .h = 10, .w = 11, .o = 16, .ph = 4, .pw = 4, .dh = 4, .dw = 4},
    {.n = 1, .c = 16, .h = 12, .w = 12, .o = 16, .ph = 8, .pw = 8, .dh = 8, .dw = 8},
    {.n = 1, .c = 16, .h = 9, .w = 20, .o = 16, .ph = 16, .pw = 16, .dh = 16, .dw = 16},
    {.n = 1, .c = 5, .h = 6, .w = 7, .o = 7, .sh = 2, .sw = 3, .ph = 0, .pw = 3, .dh = 2, .dw = 1},
    {.n = 1, .c = 8, .h = 1, .w = 1, .o = 8},
    {.n = 1, .c = 24, .h = 30, .w = 30, .o = 24, .ph = 4, .pw = 4, .dh = 4, .dw = 4},
    {.n = 1, .c = 16, .h = 30, .w = 1, .o = 16, .sh = 2, .sw = 2},
};
// Enough channels for matrix products of 3x3 windows.
const Window kWideWindows[] = {
    {.n = 2, .c = 128, .h = 7, .w = 6, .o = 136},
    {.n = 2, .c = 144, .h = 6, .w = 7, .o = 128, .gap = 16},
    {.n = 1, .c = 128, .h = 7, .w = 7, .o = 128, .sh = 2, .sw = 2},
    {.n = 2, .c = 128, .h = 6, .w = 9, .o = 128, .ph = 4, .pw = 4, .dh = 4, .dw = 4},
    {.n = 1, .c = 128, .h = 5, .w = 9, .o = 128, .ph = 16, .pw = 16, .dh = 16, .dw = 16},
    {.n = 2, .c = 128, .h = 9, .w = 1, .o = 128, .kh = 3, .kw = 1, .ph = 1, .pw = 0},
    {.n = 2, .c = 128, .h = 9, .w = 8, .o = 150, .kh = 1, .kw = 1, .ph = 0, .pw = 0, .gap = 3},
    {.n = 1, .c = 150, .h = 40, .w = 1, .o = 128, .kh = 1, .kw = 1, .ph = 0, .pw = 0},
};

// Enough tiles for Winograd's filtering, of all kinds: at the borders, of dilated grids, for conv2d_bn in two
// portions.
const Window kTiledWindows[] = {
    {.n = 1, .c = 64, .h = 33, .w = 30, .o = 72},
    {.n = 2, .c = 70, .h = 29, .w = 35, .o = 64, .ph = 4, .pw = 4, .dh = 4, .dw = 4, .gap = 5},
    {.n = 1, .c = 64, .h = 37, .w = 34, .o = 64, .ph = 0, .pw = 3, .dh = 2, .dw = 2},
    {.n = 2, .c = 64, .h = 50, .w = 45, .o = 64},
};
// Blocks of 32 pixels and channels, as the matrix units take them: rows that end within one, gaps, strides,
// windows that lie in the padding as a whole, weights that no core's cache holds.
const Window kBlockWindows[] = {
    {.n = 2, .c = 96, .h = 7, .w = 40, .o = 96, .kh = 1, .kw = 1, .ph = 0, .pw = 0},
    {.n = 1, .c = 32, .h = 5, .w = 37, .o = 32, .kh = 1, .kw = 1, .ph = 0, .pw = 0, .gap = 3},
    {.n = 2, .c = 64, .h = 33, .w = 35, .o = 64, .kh = 1, .kw = 1, .sh = 2, .sw = 2, .ph = 0, .pw = 0},
    {.n = 2, .c = 64, .h = 40, .w = 1, .o = 64, .kw = 1, .pw = 0},
    {.n = 1, .c = 32, .h = 5, .w = 6, .o = 32, .ph = 7, .pw = 7, .dh = 7, .dw = 7},
    {.n = 1, .c = 32, .h = 3, .w = 3, .o = 32, .ph = 9, .pw = 2, .dh = 4, .dw = 1},
    {.n = 2, .c = 32, .h = 17, .w = 19, .o = 64, .kh = 7, .kw = 7, .sh = 2, .sw = 2, .ph = 3, .pw = 3},
    {.n = 1, .c = 256, .h = 4, .w = 9, .o = 288, .gap = 5},
    {.n = 1, .c = 1024, .h = 6, .w = 11, .o = 544, .kh = 1, .kw = 1, .ph = 0, .pw = 0},
};
// In two portions of tiles and two blocks of channels, for the kernels of training.
const Window kPortionedWindows[] = {{.n = 1, .c = 132, .h = 58, .w = 57, .o = 132}};

// As many groups as channels: windows of the widths with loops of their own and of others, rows shorter than
// a run of pixels, channels that are no whole number of lanes.
const Window kDepthwiseWindows[] = {
    {.n = 2, .c = 35, .h = 9, .w = 13, .o = 35, .gap = 5, .groups = 35},
    {.n = 1, .c = 24, .h = 12, .w = 11, .o = 24, .sh = 2, .sw = 2, .groups = 24},
    {.n = 1, .c = 16, .h = 14, .w = 15, .o = 16, .ph = 2, .pw = 2, .dh = 2, .dw = 2, .groups = 16},
    {.n = 1, .c = 40, .h = 11, .w = 17, .o = 40, .kh = 5, .kw = 5, .ph = 2, .pw = 2, .groups = 40},
    {.n = 2,
     .c = 17,
     .h = 13,
     .w = 12,
     .o = 17,
     .kh = 5,
     .kw = 5,
     .sh = 2,
     .sw = 2,
     .ph = 4,
     .pw = 4,
     .dh = 2,
     .dw = 2,
     .groups = 17},
    {.n = 1, .c = 48, .h = 10, .w = 16, .o = 48, .kh = 7, .kw = 7, .ph = 3, .pw = 3, .groups = 48},
    {.n = 1,
     .c = 9,
     .h = 5,
     .w = 6,
     .o = 9,
     .kh = 2,
     .kw = 4,
     .sh = 1,
     .sw = 3,
     .ph = 1,
     .pw = 0,
     .groups = 9},
    {.n = 1, .c = 32, .h = 3, .w = 3, .o = 32, .ph = 4, .pw = 4, .groups = 32},
    {.n = 2, .c = 8, .h = 1, .w = 21, .o = 8, .kh = 1, .kw = 3, .ph = 0, .pw = 1, .gap = 3, .groups = 8},
    {.n = 1, .c = 12, .h = 6, .w = 9, .o = 12, .sh = 3, .sw = 2, .ph = 0, .pw = 0, .groups = 12},
};
// Several groups of several channels each.
const Window kGroupedWindows[] = {
    {.n = 2, .c = 64, .h = 9, .w = 7, .o = 32, .groups = 2},
    {.n = 1, .c = 64, .h = 8, .w = 9, .o = 128, .sh = 2, .sw = 2, .groups = 4},
    {.n = 1, .c = 96, .h = 6, .w = 5, .o = 96, .kh = 1, .kw = 1, .ph = 0, .pw = 0, .groups = 3},
};
// Outputs that are a multiple of the channels, and groups that fill no vector.
const Window kNarrowGroups[] = {
    {.n = 2, .c = 12, .h = 7, .w = 6, .o = 24, .groups = 12},
    {.n = 1, .c = 15, .h = 6, .w = 7, .o = 10, .ph = 2, .pw = 2, .dh = 2, .dw = 2, .gap = 2, .groups = 5},
};

// Which of these tables a window is in decides on its kernels; kPortionedWindows are tiled too.
enum class Table { usual, wide, tiled, depthwise };

template <class Check>
void for_each(std::span<const Window> windows, const Check& check) {
  for (const Window& window : windows) {
    BOOST_TEST_CONTEXT(window) { check(window); }
  }
}

// check(window, its table)
template <class Check>
void for_all_tables(const Check& check) {
  for_each(kWindows, [&](const Window& window) { check(window, Table::usual); });
  for_each(kWideWindows, [&](const Window& window) { check(window, Table::wide); });
  for_each(kTiledWindows, [&](const Window& window) { check(window, Table::tiled); });
  for_each(kDepthwiseWindows, [&](const Window& window) { check(window, Table::depthwise); });
  for_each(kGroupedWindows, [&](const Window& window) { check(window, Table::usual); });
}

// Without AVX-512 the library computes dilated windows as a product of matrices, the sums of which it divides
// among its threads.
bool has_same_bits(const Window& v) { return (v.dh == 1 && v.dw == 1) || cpu::has_wide_vectors(); }

std::vector<KernelChoice> depthwise_kernels() {
  return {{.type = DType::f32, .names = {"depthwise", "body"}},
          {.type = DType::bf16, .names = {"depthwise"}},
          {.device = "cuda", .names = {"depthwise"}}};
}

// Constant weights of bf16 are multiplied by the matrix units in blocks of 32 pixels and channels.
std::vector<std::string_view> constant_halves(const Window& v) {
  const bool whole_pixels = v.kh == 1 && v.kw == 1 && v.ph == 0 && v.pw == 0;
  const bool by_tiles = cpu::has_tile_products(cpu::TileType::halves) && v.groups == 1 && v.c % 32 == 0 &&
                        v.o % 32 == 0 && (!whole_pixels || 31 * v.sw < v.n * v.h * v.w);
  return by_tiles ? std::vector<std::string_view>{"tiles", "onednn"}
                  : std::vector<std::string_view>{"onednn"};
}

std::vector<KernelChoice> forward_kernels(const Window& v, Table table) {
  std::vector<KernelChoice> choices{
      {.type = DType::f32, .constant = true, .names = {"onednn", "body"}},
      {.type = DType::f32, .constant = false, .names = {"onednn", "body"}},
      {.type = DType::bf16, .constant = true, .names = constant_halves(v)},
      {.type = DType::bf16, .constant = false, .names = {"onednn"}},
      {.device = "cuda", .names = {"library"}},
  };
  if (table == Table::tiled) choices[1].names = {"winograd", "onednn", "body"};
  return table == Table::depthwise ? depthwise_kernels() : choices;
}

std::vector<KernelChoice> grad_data_kernels(const Window& v, Table table) {
  const bool one_apart = v.sh == 1 && v.sw == 1;
  const std::vector<std::string_view> usual =
      one_apart ? std::vector<std::string_view>{"turned", "onednn"} : std::vector<std::string_view>{"onednn"};
  std::vector<KernelChoice> choices{{.type = DType::f32, .constant = true, .names = usual},
                                    {.type = DType::f32, .constant = false, .names = usual},
                                    {.type = DType::bf16, .names = usual},
                                    {.device = "cuda", .names = {"library"}}};
  if (table == Table::tiled) choices[1].names = {"winograd", "turned", "onednn", "body"};
  return table == Table::depthwise ? depthwise_kernels() : choices;
}

std::vector<KernelChoice> grad_weight_kernels(const Window& v, Table table) {
  if (table == Table::depthwise) return depthwise_kernels();
  const bool pixels = v.kh == 1 && v.kw == 1 && v.sh == 1 && v.ph == 0;
  const bool products = v.groups == 1 && (table != Table::usual || (v.kh == 1 && v.kw == 1));
  KernelChoice wide{.type = DType::f32, .names = {"onednn", "body"}};
  if (products) wide.names = {"products", "onednn", "body"};
  if (table == Table::tiled) wide.names = {"winograd", "onednn", "body"};
  // In bf16 the library is asked for whole blocks of channels alone, and not for one column with a stride.
  const std::int64_t block = 16 * v.groups;
  KernelChoice narrow{.type = DType::bf16};
  if (pixels && table == Table::wide) narrow.names = {"pixels"};
  if (v.c % block == 0 && v.o % block == 0 && (v.sw == 1 || v.ow() > 1)) narrow.names.push_back("onednn");
  return {wide, narrow, {.device = "cuda", .names = {"library"}}};
}

Case forward_case(const Window& v, bool bias, Table table = Table::usual) {
  Case test{.op = "conv2d",
            .attrs = v.attrs(),
            .inputs = {activation(v.x(), normal(), v.gap), dense(v.weight(), normal(0, 0.1)),
                       bias ? dense({v.o}) : absent()}};
  test.attrs["out_channels"] = Expr(v.o);
  test.attrs["bias"] = Expr(bias ? 1 : 0);
  test.output_gap = v.gap;
  test.same_bits = has_same_bits(v);
  test.kernels = forward_kernels(v, table);
  return test;
}

Reference forward_reference(const Window& v) {
  return [v](const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
    out[0] = convolve(v, in[0], in[1], in[2]);
  };
}

void check_forward(const Window& v, Table table) {
  const OpHarness harness;
  for (const bool bias : {false, true}) harness.check(forward_case(v, bias, table), forward_reference(v));
}

void check_grad_data(const Window& v, Table table) {
  const Case test{
      .op = "conv2d_grad_data",
      .attrs = v.attrs(),
      .inputs = {activation(v.y(), normal(), v.gap), dense(v.weight(), normal(0, 0.1)), activation(v.x())},
      .output_gap = v.gap,
      .same_bits = has_same_bits(v),
      .kernels = grad_data_kernels(v, table)};
  const auto reference = [v](const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                             const Attributes&) {
    out[0] = HostTensor::zeros(v.x());
    double* const sums = out[0].values.data();
    const double* const above = in[0].values.data();
    const double* const taps = in[1].values.data();
    visit_products(v, [=](auto y, auto x, auto tap) { sums[x] += above[y] * taps[tap]; });
  };
  OpHarness().check(test, reference);
}

void check_grad_weight(const Window& v, Table table, bool bias) {
  Case test{
      .op = "conv2d_grad_weight",
      .attrs = v.attrs(),
      .inputs = {activation(v.y(), normal(), v.gap), activation(v.x(), normal(), v.gap), dense(v.weight())}};
  test.kernels = grad_weight_kernels(v, table);
  if (!bias) test.unwanted = {1};
  test.same_bits = false;               // the library's own kernel splits the sum among its threads
  if (on_gpu()) test.tolerance = 3e-5;  // cuDNN sums thousands of pixels in f32, one after the other
  const auto reference = [v](const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                             const Attributes&) {
    out[0] = HostTensor::zeros(v.weight());
    double* const sums = out[0].values.data();
    const double* const above = in[0].values.data();
    const double* const pixels = in[1].values.data();
    visit_products(v, [=](auto y, auto x, auto tap) { sums[tap] += above[y] * pixels[x]; });
    out[1] = HostTensor::zeros({v.o});
    for (std::int64_t i = 0; i < v.y().count(); ++i)
      out[1].values[static_cast<std::size_t>(i / (v.oh() * v.ow()) % v.o)] +=
          in[0].values[static_cast<std::size_t>(i)];
  };
  OpHarness().check(test, reference);
}

// The kernels fold constant variables; the parts serve others.
std::vector<KernelChoice> batch_norm_kernels(const Window& v, Table table) {
  if (table == Table::depthwise) {
    return {{.type = DType::f32, .names = {"depthwise"}},
            {.type = DType::bf16, .names = {"depthwise"}},
            {.device = "cuda", .names = {"depthwise"}}};
  }
  KernelChoice f32{.type = DType::f32, .constant = true, .names = {"onednn"}};
  if (table == Table::tiled) f32.names = {"winograd", "onednn"};
  return {{.constant = false, .names = {}},
          f32,
          {.type = DType::bf16, .constant = true, .names = constant_halves(v)},
          {.device = "cuda", .constant = true, .names = {"library"}}};
}

Case batch_norm_case(const Window& v, bool bias, bool residual, bool relu, Table table = Table::usual) {
  Case test{
      .op = "conv2d_bn",
      .attrs = v.attrs(),
      .inputs = {activation(v.x(), normal(), v.gap), dense(v.weight(), normal(0, 0.1)),
                 bias ? dense({v.o}) : absent(), dense({v.o}, uniform(0.5, 2)), dense({v.o}), dense({v.o}),
                 dense({v.o}, uniform(0.1, 2)), residual ? activation(v.y(), normal(), v.gap) : absent()},
      .output_gap = v.gap,
      .same_bits = has_same_bits(v),
      .kernels = batch_norm_kernels(v, table)};
  test.attrs["out_channels"] = Expr(v.o);
  test.attrs["eps"] = Expr(1e-3);
  test.attrs["activation"] = relu ? "relu" : "none";
  return test;
}

Reference batch_norm_reference(const Window& v, bool relu) {
  return [v, relu](const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
    HostTensor y = convolve(v, in[0], in[1], in[2]);
    for (std::size_t i = 0; i < y.values.size(); ++i) {
      const auto o = i / static_cast<std::size_t>(v.oh() * v.ow()) % static_cast<std::size_t>(v.o);
      double& value = y.values[i];
      value =
          (value - in[5].values[o]) / std::sqrt(in[6].values[o] + 1e-3) * in[3].values[o] + in[4].values[o];
      if (in[7].present) value += in[7].values[i];
      if (relu) value = std::max(value, 0.0);
    }
    out[0] = std::move(y);
  };
}

}  // namespace

BOOST_AUTO_TEST_CASE(convolution) {
  for_all_tables(check_forward);
  for_each(kPortionedWindows, [](const Window& window) {
    OpHarness().check(forward_case(window, true, Table::tiled), forward_reference(window));
  });
}

BOOST_AUTO_TEST_CASE(blocks_of_pixels_and_channels) {
  for_each(kBlockWindows, [](const Window& window) {
    OpHarness().check(forward_case(window, true), forward_reference(window));
    for (const bool residual : {false, true}) {
      OpHarness().check(batch_norm_case(window, true, residual, !residual),
                        batch_norm_reference(window, !residual));
    }
  });
}

BOOST_AUTO_TEST_CASE(gradient_of_x) {
  for_all_tables(check_grad_data);
  for_each(kPortionedWindows, [](const Window& window) { check_grad_data(window, Table::tiled); });
}

BOOST_AUTO_TEST_CASE(gradient_of_weight_and_bias) {
  for (const bool bias : {false, true})
    for_all_tables([bias](const Window& window, Table table) { check_grad_weight(window, table, bias); });
  for_each(kPortionedWindows, [](const Window& window) { check_grad_weight(window, Table::tiled, true); });
}

// Everything above in bf16 is a part of its case; this one shows where the CPU leaves that out.
BOOST_AUTO_TEST_CASE(products_in_bf16, *needs("bf16")) {
  const Status has_bf16 = test_backend()->check_precision(DType::bf16);
  if (!has_bf16.ok()) return skip(has_bf16.message());
  check_forward(kWindows[3], Table::usual);
  check_grad_data(kWindows[3], Table::usual);
  check_grad_weight(kWideWindows[6], Table::wide, true);
}

BOOST_AUTO_TEST_CASE(gradients_are_those_of_the_function) {
  const Window windows[] = {kWindows[0],          kWindows[3],          kWindows[10],    kDepthwiseWindows[0],
                            kDepthwiseWindows[4], kDepthwiseWindows[9], kNarrowGroups[0]};
  for_each(windows, [](const Window& window) {
    OpHarness().check_gradient(forward_case(window, true), forward_reference(window));
  });
}

BOOST_AUTO_TEST_CASE(convolution_and_batch_norm) {
  for_each(kWindows, [](const Window& window) {
    for (const bool residual : {false, true}) {
      for (const bool relu : {false, true})
        OpHarness().check(batch_norm_case(window, relu, residual, relu), batch_norm_reference(window, relu));
    }
  });
}

BOOST_AUTO_TEST_CASE(depthwise_convolution_and_batch_norm) {
  for_each(kDepthwiseWindows, [](const Window& window) {
    for (const bool residual : {false, true}) {
      for (const bool relu : {false, true})
        OpHarness().check(batch_norm_case(window, relu, residual, relu, Table::depthwise),
                          batch_norm_reference(window, relu));
    }
  });
}

BOOST_AUTO_TEST_CASE(groups_and_batch_norm) {
  for_each(kGroupedWindows, [](const Window& window) {
    OpHarness().check(batch_norm_case(window, true, true, true), batch_norm_reference(window, true));
  });
}

BOOST_AUTO_TEST_CASE(groups_must_divide_the_channels) {
  for (const auto& [inputs, outputs] : {std::pair{6, 8}, {8, 6}}) {
    const Window window{.n = 1, .c = inputs, .h = 5, .w = 5, .o = outputs, .groups = 4};
    const auto inferred = OpHarness().infer(forward_case(window, false));
    BOOST_REQUIRE(!inferred.ok());
    BOOST_TEST(
        inferred.status().message().find("expected a multiple of groups, 4, got 6") != std::string::npos,
        inferred.status().message());
  }
}

BOOST_AUTO_TEST_CASE(convolution_and_batch_norm_by_tiles) {
  for_each(kTiledWindows, [](const Window& window) {
    for (const bool residual : {false, true})
      OpHarness().check(batch_norm_case(window, residual, residual, residual, Table::tiled),
                        batch_norm_reference(window, residual));
  });
}

// A weight of 1.0038 is 1 in bf16, but two of them are 1 and 1.0078125: 160 weigh 160.6, not 160.
BOOST_AUTO_TEST_CASE(rounding_of_weights_is_carried, *needs("bf16")) {
  const Status has_bf16 = test_backend()->check_precision(DType::bf16);
  if (!has_bf16.ok()) return skip(has_bf16.message());
  const auto check = [](int carry, std::int64_t c, std::int64_t o, std::string_view kernel, double expected) {
    Case test{.op = "conv2d_bn",
              .attrs = {{"kernel", std::vector<Expr>{1, 2}},
                        {"out_channels", Expr(o)},
                        {"eps", Expr(0)},
                        {"carry", Expr(carry)}},
              .inputs = {activation({1, c, 1, 2}, in_order({1})), dense({o, c, 1, 2}, in_order({1.0038})),
                         absent(), dense({o}, in_order({1})), dense({o}, in_order({0})),
                         dense({o}, in_order({0})), dense({o}, in_order({1}))}};
    test.inputs[0].desc = TensorDesc::nhwc(DType::bf16, {1, c, 1, 2});
    const auto results = OpHarness().run_all(test);
    const auto found = results.find(std::string(kernel) + ", constant");
    BOOST_REQUIRE(found != results.end());
    BOOST_TEST(found->second[0].at(0, 3, 0, 0) == expected);
  };
  check(0, 80, 16, "onednn", 160);
  check(1, 80, 16, "onednn", 161);
  if (!cpu::has_tile_products(cpu::TileType::halves)) return;
  check(0, 96, 32, "tiles", 192);
  check(1, 96, 32, "tiles", 193);
}

BOOST_AUTO_TEST_CASE(parts_of_convolution_and_batch_norm) {
  const Window& window = kWindows[2];
  for (const bool residual : {false, true})
    OpHarness().check_parts(batch_norm_case(window, true, residual, true),
                            batch_norm_reference(window, true));
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  const OpHarness harness;
  Case test = forward_case(kWindows[2], false);
  test.inputs[1] = dense({33, 15, 3, 3});
  const auto narrow = harness.infer(test);
  BOOST_REQUIRE(!narrow.ok());
  BOOST_TEST(narrow.status().message().find("weight: expected f32 (33, 16, 3, 3), got f32 (33, 15, 3, 3)") !=
             std::string::npos);
  test = forward_case(kWindows[2], false);
  test.attrs["kernel"] = std::vector<Expr>{12, 3};
  test.inputs[1] = dense({33, 16, 12, 3});
  const auto small = harness.infer(test);
  BOOST_REQUIRE(!small.ok());
  BOOST_TEST(small.status().message().find("height of y") != std::string::npos);
}

}  // namespace graphrun::test
