#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/session/bound_method.h"
#include "runtime/weights/quantised.h"
#include "training/quantisation/range.h"

namespace graphrun::training {

// Looks at runs of a session in f32 on the host: what values its activations have.
class ActivationStatistics final : public session::StepObserver {
 public:
  void before(const session::StepView& step) override;
  void after(const session::StepView& step) override;
  // An input's values, which no step gives.
  void add(const std::string& name, const TensorView& values);

  // By channel, of what a node reads first; empty: none that was seen.
  std::vector<double> input_means(const std::string& path) const;

  // A scale for each activation that was seen, one for those with the same name in `shared`; but `wide` ones
  // have none.
  weights::ActivationScales scales(const std::map<std::string, std::string>& shared,
                                   const std::vector<std::string>& wide) const;

 private:
  struct Means {
    std::vector<double> sums;
    double pixels = 0;
  };
  std::map<std::string, RangeHistogram, std::less<>> ranges_;
  std::map<std::string, Means, std::less<>> means_;
  std::vector<float> sampled_;
};

}  // namespace graphrun::training
