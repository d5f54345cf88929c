#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "graphrun/kernel/kernel.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

// Runs a single-source body on the CPU. A body is a functor with an index: body(i) writes only output i,
// which is one pixel's block of kBlock channels, so that any order of indices gives the same bits.
namespace graphrun::ops {

// Channels of one index on the CPU; a GPU takes fewer, so that neighbouring threads have neighbouring
// channels.
inline constexpr int kCpuBlock = 64;

constexpr std::int64_t block_count(std::int64_t channels, std::int64_t block) {
  return (channels + block - 1) / block;
}

// body(i) for each i of [begin, end); flattened, so that the body too is compiled for the vectors of each
// level.
template <class Body>
[[gnu::flatten]] GRAPHRUN_SIMD static void body_loop(const Body& body, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

template <class Body>
class BodyKernel final : public Kernel {
 public:
  using Bind = void (*)(Body& body, const KernelRun& run);  // sets the pointers
  // Calls the body for some indices: GRAPHRUN_SIMD.
  using Loop = void (*)(const Body& body, std::int64_t begin, std::int64_t end);
  BodyKernel(std::string_view name, Body body, Bind bind, Loop loop, std::int64_t count, std::int64_t work,
             int threads)
      : name_(name),
        body_(std::move(body)),
        bind_(bind),
        loop_(loop),
        count_(count),
        work_(work),
        threads_(threads) {}

  std::string_view name() const override { return name_; }
  Status run(const KernelRun& run) override {
    bind_(body_, run);
    constexpr std::int64_t kWorkOfPiece = 32768;
    cpu::parallel_for(threads_, count_, kWorkOfPiece / work_,
                      [this](std::int64_t begin, std::int64_t end) { loop_(body_, begin, end); });
    return {};
  }

 private:
  std::string_view name_;
  Body body_;
  Bind bind_;
  Loop loop_;
  std::int64_t count_;
  std::int64_t work_;
  int threads_;
};

// `count` indices, each of which reads and writes about `work` elements.
template <class Body>
std::unique_ptr<Kernel> make_body_kernel(std::string_view name, Body body,
                                         typename BodyKernel<Body>::Bind bind,
                                         typename BodyKernel<Body>::Loop loop, std::int64_t count,
                                         std::int64_t work, int threads) {
  return std::make_unique<BodyKernel<Body>>(name, std::move(body), bind, loop, count,
                                            std::max<std::int64_t>(work, 1), threads);
}
// A kernel of this body that runs by body_loop().
template <class Body>
std::unique_ptr<Kernel> make_body_kernel(std::string_view name, Body body,
                                         typename BodyKernel<Body>::Bind bind, std::int64_t count,
                                         std::int64_t work, int threads) {
  return make_body_kernel(name, std::move(body), bind, body_loop<Body>, count, work, threads);
}

}  // namespace graphrun::ops
