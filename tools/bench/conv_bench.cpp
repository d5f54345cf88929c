#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "graphrun/kernel/kernel.h"
#include "ops/cpu_backend.h"
#include "ops/cpu_training.h"
#include "ops/registry.h"
#include "runtime/cpu/parallel.h"
#include "runtime/model/backend.h"

// conv_bench [batch] [threads] [bf16|f32] [all]: GFLOP/s of every convolution of SPNet-50 at 480x480, in
// training (forward, gradient of x, gradient of the weight) and fused in evaluation, and the sums weighted by
// their occurrence. With one thread its CPU time is taken, which other work on the machine disturbs less.
// `all`: of every kernel that takes the op, not only of the first, which sessions use; what a choice by
// measurement would save. conv_bench peak [threads]: GFLOP/s of the library's matrix product at a size that
// suits it, as JSON: what convolutions are limited by. conv_bench depthwise [threads]: bytes of x and y a
// second of convolutions of as many groups as channels, against the rate at which the same memory is copied.
namespace {

using namespace graphrun;

struct Layer {
  const char* name;
  std::int64_t count;
  std::int64_t c, h, w, o, kh, kw, stride, dilation;
  bool residual = false;
  std::int64_t oh() const { return (h - 1) / stride + 1; }
  std::int64_t ow() const { return (w - 1) / stride + 1; }
};

constexpr Layer kLayers[] = {
    {"stem.0", 1, 3, 480, 480, 64, 3, 3, 2, 1},
    {"stem.1", 1, 64, 240, 240, 64, 3, 3, 1, 1},
    {"stem.2", 1, 64, 240, 240, 128, 3, 3, 1, 1},
    {"layer1.0.conv1", 1, 128, 120, 120, 64, 1, 1, 1, 1},
    {"layer1.conv2", 3, 64, 120, 120, 64, 3, 3, 1, 1},
    {"layer1.conv3", 3, 64, 120, 120, 256, 1, 1, 1, 1, true},
    {"layer1.down", 1, 128, 120, 120, 256, 1, 1, 1, 1},
    {"layer1.conv1", 2, 256, 120, 120, 64, 1, 1, 1, 1},
    {"layer2.0.conv1", 1, 256, 120, 120, 128, 1, 1, 1, 1},
    {"layer2.0.conv2", 1, 128, 120, 120, 128, 3, 3, 2, 1},
    {"layer2.conv3", 4, 128, 60, 60, 512, 1, 1, 1, 1, true},
    {"layer2.down", 1, 256, 120, 120, 512, 1, 1, 2, 1},
    {"layer2.conv1", 3, 512, 60, 60, 128, 1, 1, 1, 1},
    {"layer2.conv2", 3, 128, 60, 60, 128, 3, 3, 1, 1},
    {"layer3.0.conv1", 1, 512, 60, 60, 256, 1, 1, 1, 1},
    {"layer3.0.conv2", 1, 256, 60, 60, 256, 3, 3, 1, 1},
    {"layer3.conv3", 6, 256, 60, 60, 1024, 1, 1, 1, 1, true},
    {"layer3.down", 1, 512, 60, 60, 1024, 1, 1, 1, 1},
    {"layer3.conv1", 5, 1024, 60, 60, 256, 1, 1, 1, 1},
    {"layer3.conv2", 5, 256, 60, 60, 256, 3, 3, 1, 2},
    {"layer4.0.conv1", 1, 1024, 60, 60, 512, 1, 1, 1, 1},
    {"layer4.0.conv2", 1, 512, 60, 60, 512, 3, 3, 1, 4},
    {"layer4.conv3", 3, 512, 60, 60, 2048, 1, 1, 1, 1, true},
    {"layer4.down", 1, 1024, 60, 60, 2048, 1, 1, 1, 1},
    {"layer4.conv1", 2, 2048, 60, 60, 512, 1, 1, 1, 1},
    {"layer4.1.conv2", 1, 512, 60, 60, 512, 3, 3, 1, 8},
    {"layer4.2.conv2", 1, 512, 60, 60, 512, 3, 3, 1, 16},
    {"spm1.column", 1, 64, 120, 1, 64, 3, 1, 1, 1},
    {"spm1.row", 1, 64, 1, 120, 64, 1, 3, 1, 1},
    {"spm1.conv3", 1, 64, 120, 120, 64, 1, 1, 1, 1},
    {"spm2.column", 1, 128, 60, 1, 128, 3, 1, 1, 1},
    {"spm2.row", 1, 128, 1, 60, 128, 1, 3, 1, 1},
    {"spm2.conv3", 1, 128, 60, 60, 128, 1, 1, 1, 1},
    {"spm3.column", 1, 256, 60, 1, 256, 3, 1, 1, 1},
    {"spm3.row", 1, 256, 1, 60, 256, 1, 3, 1, 1},
    {"spm3.conv3", 1, 256, 60, 60, 256, 1, 1, 1, 1},
    {"spm4.column", 3, 512, 60, 1, 512, 3, 1, 1, 1},
    {"spm4.row", 3, 512, 1, 60, 512, 1, 3, 1, 1},
    {"spm4.conv3", 3, 512, 60, 60, 512, 1, 1, 1, 1},
    {"head.trans", 1, 2048, 60, 60, 1024, 1, 1, 1, 1},
    {"strip.conv1", 4, 1024, 60, 60, 256, 1, 1, 1, 1},
    {"strip.3x3", 6, 256, 60, 60, 256, 3, 3, 1, 1},
    {"strip.20", 2, 256, 20, 20, 256, 3, 3, 1, 1},
    {"strip.12", 2, 256, 12, 12, 256, 3, 3, 1, 1},
    {"strip.row", 2, 256, 1, 60, 256, 1, 3, 1, 1},
    {"strip.column", 2, 256, 60, 1, 256, 3, 1, 1, 1},
    {"strip.conv3", 2, 512, 60, 60, 1024, 1, 1, 1, 1, true},
    {"head.score", 1, 1024, 60, 60, 512, 3, 3, 1, 1},
    {"head.classes", 1, 512, 60, 60, 150, 1, 1, 1, 1},
    {"aux.conv", 1, 1024, 60, 60, 256, 3, 3, 1, 1},
    {"aux.classes", 1, 256, 60, 60, 150, 1, 1, 1, 1},
};

class Memory {
 public:
  explicit Memory(std::int64_t bytes) : data_(static_cast<float*>(std::aligned_alloc(64, size(bytes)))) {
    std::minstd_rand random(1);
    for (std::size_t i = 0; i < size(bytes) / sizeof(float); ++i)
      data_.get()[i] = static_cast<float>(random()) * 4e-10f;
  }
  void* data() { return data_.get(); }

 private:
  static std::size_t size(std::int64_t bytes) { return (static_cast<std::size_t>(bytes) + 64) / 64 * 64; }
  struct Free {
    void operator()(float* data) const { std::free(data); }
  };
  std::unique_ptr<float, Free> data_;
};

double now(int threads) {
  timespec time{};
  clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Timing {
  double seconds = 0;
  std::string kernel = "none";
};

struct Timings {
  std::vector<Timing> kernels;  // the one that sessions use first; empty: none takes the op
  Timing used() const { return kernels.empty() ? Timing() : kernels.front(); }
  Timing fastest() const {
    return kernels.empty() ? Timing() : *std::ranges::min_element(kernels, {}, &Timing::seconds);
  }
};

// The shortest of at least three runs of the first kernel that takes the op, or of each.
Result<Timings> measure(const model::Backend& backend, const char* name, const AttrMap& values,
                        const std::vector<TensorDesc>& inputs, const std::vector<TensorDesc>& outputs,
                        std::vector<bool> wanted, bool constant, bool all) {
  const OpDef& def = *ops::op_registry().find(name);
  const auto nothing = [](std::string_view) { return std::optional<Number>(); };
  GRAPHRUN_ASSIGN(const Attributes attrs, Attributes::evaluate(def.attrs, values, nothing));
  std::vector<bool> present;
  std::vector<Memory> memories;
  std::vector<TensorView> in;
  std::vector<TensorView> out;
  for (const TensorDesc& desc : inputs) {
    present.push_back(desc.shape.rank() > 0);
    memories.emplace_back(desc.bytes());
    in.push_back({desc, present.back() ? memories.back().data() : nullptr});
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    memories.emplace_back(outputs[i].bytes());
    out.push_back({outputs[i], wanted[i] ? memories.back().data() : nullptr});
  }
  // As a planner would, the output takes the residual's memory.
  if (inputs.size() > 7 && present[7]) out[0].data = in[7].data;
  const std::vector<bool> constants(inputs.size(), constant);
  Timings timings;
  for (const KernelEntry& entry : backend.candidates(name)) {
    if (entry.name == "body" && !timings.kernels.empty()) continue;  // for what no other takes; slow
    auto kernel = entry.prepare({def, attrs, inputs, outputs, present, wanted, constants, backend.threads()});
    if (!kernel.ok() && kernel.status().code() == ErrorCode::declined) continue;
    if (!kernel.ok()) return std::move(kernel).status();
    Memory scratch((*kernel)->scratch_bytes());
    Memory packed((*kernel)->packed_bytes());
    if (constant) GRAPHRUN_TRY((*kernel)->pack_constants(in, packed.data()));
    Timing best{1e9, std::string((*kernel)->name())};
    double total = 0;
    for (int i = 0; i < 30 && (i < 4 || total < 0.15); ++i) {
      const double start = now(backend.threads());
      GRAPHRUN_TRY((*kernel)->run({in, out, scratch.data(), packed.data()}));
      const double seconds = now(backend.threads()) - start;
      if (i > 0) best.seconds = std::min(best.seconds, seconds);
      total += seconds;
    }
    timings.kernels.push_back(best);
    if (!all) break;
  }
  return timings;
}

AttrMap attrs_of(const Layer& v) {
  const std::int64_t ph = v.dilation * (v.kh / 2);
  const std::int64_t pw = v.dilation * (v.kw / 2);
  return {{"kernel", std::vector<Expr>{v.kh, v.kw}},
          {"stride", std::vector<Expr>{v.stride, v.stride}},
          {"padding", std::vector<Expr>{ph, pw}},
          {"dilation", std::vector<Expr>{v.dilation, v.dilation}}};
}

constexpr std::size_t kKinds = 4;
constexpr std::array<const char*, kKinds> kKindNames{"forward", "grad x", "grad weight", "fused, evaluation"};
using LayerTimings = std::array<Timings, kKinds>;

Result<LayerTimings> measure_layer(const model::Backend& backend, const Layer& v, const TensorDesc& x,
                                   const TensorDesc& y, bool all) {
  const TensorDesc weight = TensorDesc::dense(DType::f32, {v.o, v.c, v.kh, v.kw});
  const TensorDesc channel = TensorDesc::dense(DType::f32, {v.o});
  const TensorDesc none;
  const AttrMap window = attrs_of(v);
  AttrMap forward = window;
  forward["out_channels"] = Expr(v.o);
  LayerTimings timings;
  GRAPHRUN_ASSIGN(timings[0],
                  measure(backend, "conv2d", forward, {x, weight, none}, {y}, {true}, false, all));
  if (v.c != 3) {
    GRAPHRUN_ASSIGN(timings[1],
                    measure(backend, "conv2d_grad_data", window, {y, weight, x}, {x}, {true}, false, all));
  }
  GRAPHRUN_ASSIGN(timings[2], measure(backend, "conv2d_grad_weight", window, {y, x, weight},
                                      {weight, channel}, {true, false}, false, all));
  forward["activation"] = "relu";
  GRAPHRUN_ASSIGN(timings[3],
                  measure(backend, "conv2d_bn", forward,
                          {x, weight, none, channel, channel, channel, channel, v.residual ? y : none}, {y},
                          {true}, true, all));
  return timings;
}

void print_layer(const Layer& v, double gflop, const LayerTimings& timings) {
  std::printf("%-15s %7.2f", v.name, gflop);
  for (const Timings& timing : timings) {
    const Timing used = timing.used();
    std::printf("  %4.0f %-25s", used.seconds > 0 ? gflop / used.seconds : 0.0, used.kernel.c_str());
  }
  const auto count = static_cast<double>(v.count);
  std::printf(" x%.0f\n", count);
  for (std::size_t i = 0; i < kKinds; ++i) {
    const Timing used = timings[i].used(), best = timings[i].fastest();
    if (best.seconds < 0.97 * used.seconds)
      std::printf("  %s: %s would save %.1f of %.1f ms, %.0f times\n", kKindNames[i], best.kernel.c_str(),
                  1e3 * (used.seconds - best.seconds), 1e3 * used.seconds, count);
  }
  std::fflush(stdout);
}

void print_sums(const std::array<double, kKinds>& seconds) {
  for (std::size_t i = 0; i < kKinds; ++i) std::printf(" %s %.3f;", kKindNames[i], seconds[i]);
  std::printf(" training step %.3f\n", seconds[0] + seconds[1] + seconds[2]);
}

Status bench(std::int64_t batch, int threads, DType type, bool all) {
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend,
                  ops::make_cpu_backend(threads, ops::with_training_kernels()));
  std::array<double, kKinds> sums{}, fastest{};
  double operations = 0;
  std::printf("%-15s %7s", "layer", "GFLOP");
  for (const char* name : kKindNames) std::printf("  %-30s", name);
  std::printf("\n");
  for (const Layer& v : kLayers) {
    const TensorDesc x = TensorDesc::nhwc(type, {batch, v.c, v.h, v.w});
    const TensorDesc y = TensorDesc::nhwc(type, {batch, v.o, v.oh(), v.ow()});
    GRAPHRUN_ASSIGN(const LayerTimings timings, measure_layer(*backend, v, x, y, all));
    const double gflop = 2e-9 * static_cast<double>(y.shape.count() * v.c * v.kh * v.kw);
    const auto count = static_cast<double>(v.count);
    operations += gflop * count;
    for (std::size_t i = 0; i < kKinds; ++i) {
      sums[i] += timings[i].used().seconds * count;
      fastest[i] += timings[i].fastest().seconds * count;
    }
    print_layer(v, gflop, timings);
  }
  std::printf("%.0f GFLOP forward; seconds:", operations);
  print_sums(sums);
  if (all) {
    std::printf("with the fastest kernel of each:");
    print_sums(fastest);
  }
  return {};
}

// A 1x1 convolution of many pixels and channels is a matrix product with nothing else to do.
Status peak(int threads) {
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend,
                  ops::make_cpu_backend(threads, ops::with_training_kernels()));
  constexpr std::int64_t kChannels = 1024, kSide = 96;
  std::string text;
  for (const DType type : {DType::f32, DType::bf16}) {
    if (!backend->check_precision(type).ok()) continue;
    const TensorDesc x = TensorDesc::nhwc(type, {1, kChannels, kSide, kSide});
    const TensorDesc weight = TensorDesc::dense(DType::f32, {kChannels, kChannels, 1, 1});
    const TensorDesc channel = TensorDesc::dense(DType::f32, {kChannels});
    const AttrMap attrs{{"kernel", std::vector<Expr>{1, 1}}, {"out_channels", Expr(kChannels)}};
    GRAPHRUN_ASSIGN(const Timings timings,
                    measure(*backend, "conv2d_bn", attrs,
                            {x, weight, TensorDesc(), channel, channel, channel, channel, TensorDesc()}, {x},
                            {true}, true, false));
    const double gflop = 2e-9 * static_cast<double>(kChannels * kChannels * kSide * kSide);
    text += std::string(text.empty() ? "" : ", ") + "\"" + std::string(to_string(type)) +
            "\": " + std::to_string(gflop / timings.used().seconds);
  }
  std::printf("{%s}\n", text.c_str());
  return {};
}

// The shortest of some copies of x to y by all threads.
double copy_seconds(const TensorDesc& desc, int threads) {
  Memory x(desc.bytes()), y(desc.bytes());
  double best = 1e9;
  for (int i = 0; i < 8; ++i) {
    const double start = now(threads);
    cpu::parallel_for(threads, desc.bytes(), 1 << 20, [&](std::int64_t begin, std::int64_t end) {
      std::memcpy(static_cast<char*>(y.data()) + begin, static_cast<const char*>(x.data()) + begin,
                  static_cast<std::size_t>(end - begin));
    });
    best = std::min(best, now(threads) - start);
  }
  return best;
}

Status depthwise(int threads) {
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend,
                  ops::make_cpu_backend(threads, ops::with_training_kernels()));
  struct Shape2d {
    std::int64_t kernel, stride, dilation;
  };
  constexpr Shape2d kShapes[] = {{3, 1, 1}, {3, 2, 1}, {3, 1, 2}, {5, 1, 1}, {5, 2, 1}, {7, 1, 1}};
  constexpr std::int64_t kChannels = 64, kHeight = 512, kWidth = 1024;
  for (const DType type : {DType::f32, DType::bf16}) {
    const TensorDesc x = TensorDesc::nhwc(type, {1, kChannels, kHeight, kWidth});
    const double rate = 2e-9 * static_cast<double>(x.bytes()) / copy_seconds(x, threads);
    std::printf("%s, %lld MiB of x: copying %.1f GB/s\n", std::string(to_string(type)).c_str(),
                static_cast<long long>(x.bytes() >> 20), rate);
    for (const auto& [kernel, stride, dilation] : kShapes) {
      const Layer layer{"", 1, kChannels, kHeight, kWidth, kChannels, kernel, kernel, stride, dilation};
      const TensorDesc y = TensorDesc::nhwc(type, {1, kChannels, layer.oh(), layer.ow()});
      const TensorDesc weight = TensorDesc::dense(DType::f32, {kChannels, 1, kernel, kernel});
      const TensorDesc channel = TensorDesc::dense(DType::f32, {kChannels}), none;
      AttrMap window = attrs_of(layer);
      window["groups"] = Expr(kChannels);
      AttrMap forward = window;
      forward["out_channels"] = Expr(kChannels);
      Timings timings[4];
      GRAPHRUN_ASSIGN(timings[0],
                      measure(*backend, "conv2d", forward, {x, weight, none}, {y}, {true}, false, false));
      GRAPHRUN_ASSIGN(timings[1], measure(*backend, "conv2d_grad_data", window, {y, weight, x}, {x}, {true},
                                          false, false));
      GRAPHRUN_ASSIGN(timings[2], measure(*backend, "conv2d_grad_weight", window, {y, x, weight},
                                          {weight, channel}, {true, false}, false, false));
      forward["activation"] = "relu";
      GRAPHRUN_ASSIGN(timings[3], measure(*backend, "conv2d_bn", forward,
                                          {x, weight, none, channel, channel, channel, channel, none}, {y},
                                          {true}, true, false));
      const double bytes = 1e-9 * static_cast<double>(x.bytes() + y.bytes());
      std::printf("  %lldx%lld, stride %lld, dilation %lld:", static_cast<long long>(kernel),
                  static_cast<long long>(kernel), static_cast<long long>(stride),
                  static_cast<long long>(dilation));
      constexpr const char* kNames[] = {"forward", "grad x", "grad weight", "with batch norm"};
      for (int i = 0; i < 4; ++i) {
        const Timing used = timings[i].used();
        std::printf("  %s %.1f GB/s, %.0f %% (%s)", kNames[i], bytes / used.seconds,
                    100 * bytes / used.seconds / rate, used.kernel.c_str());
      }
      std::printf("\n");
      std::fflush(stdout);
    }
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string first = argc > 1 ? argv[1] : "2";
  const int threads = std::max(argc > 2 ? std::atoi(argv[2]) : 2, 1);
  const graphrun::DType type =
      argc > 3 && std::string(argv[3]) == "bf16" ? graphrun::DType::bf16 : graphrun::DType::f32;
  const bool all = argc > 4 && std::string(argv[4]) == "all";
  const graphrun::Status status = first == "depthwise" ? depthwise(threads)
                                  : first == "peak"
                                      ? peak(threads)
                                      : bench(std::max(std::atoi(first.c_str()), 1), threads, type, all);
  if (status.ok()) return 0;
  std::fprintf(stderr, "conv_bench: %s\n", status.message().c_str());
  return 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "conv_bench: %s\n", error.what());
  return 1;
}
