#pragma once

#include <array>
#include <memory>
#include <vector>

#include "ops/conv2d/cuda_engine.h"
#include "runtime/cuda/tuning.h"

namespace graphrun::ops::conv2d::gpu {

// Engines that cuDNN offers for one variant of a problem.
class EngineHeuristics;

// Every engine there may be for a problem, by numbers that mean the same whenever they are asked for on one
// machine.
class Candidates {
 public:
  Candidates(cuda::Device& device, const Problem& problem);
  ~Candidates();
  Candidates(const Candidates&) = delete;
  Candidates& operator=(const Candidates&) = delete;

  // Those worth a trial, the most promising first.
  std::vector<int> ranked();
  // All numbers that there can be; not each has an engine.
  std::vector<int> all() const;
  // Declines a number without an engine, and an engine that is not fit for use. Each may be asked for once.
  Result<std::unique_ptr<Engine>> build(int number);

 private:
  enum Family { kFused, kProduct, kPlain, kTurned, kFamilies };
  static constexpr int kFamily = 64;  // numbers of one
  static_assert(kFamilies * kFamily - 1 <= cuda::Tuning::kMaxNumber);

  EngineHeuristics& heuristics(int family);
  int count(int family);

  cuda::Device& device_;
  Problem problem_;
  std::array<bool, kFamilies> available_{};
  std::array<std::unique_ptr<EngineHeuristics>, kFamilies> heuristics_;
};

}  // namespace graphrun::ops::conv2d::gpu
