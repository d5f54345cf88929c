#pragma once

#include <memory>

#include "ops/common/cuda_sampling.h"
#include "ops/cross_entropy/cuda_scores.cuh"
#include "ops/cross_entropy/pixel_loss.h"

// Passes of a GPU over the pixels of labels, whose logits exist for a moment in registers only.
namespace graphrun::ops::resize_cross_entropy {

enum class Goal { totals, probability, log_sum };

// What a pass writes; null where its goal is another.
struct ScanResults {
  cross_entropy::PartialTotals* partials;  // blocks() of them
  unsigned long long* confusion;           // may be null: unwanted
  // Each pixel's probability of its label; or log2 of the sum of the e^logit, undefined where ignored.
  float* of_pixel;
};

// How pixels are sampled from small logits and shared among blocks: a block takes a run of columns of those
// label rows that lie between two rows of logits.
class Scan {
 public:
  static Result<Scan> make(const KernelRequest& request, const TensorDesc& logits, const TensorDesc& label);

  int64_t blocks() const { return blocks_; }
  const DeviceSampling& rows() const { return rows_; }
  const DeviceSampling& columns() const { return columns_; }

  template <Goal kGoal>
  Status start(cudaStream_t stream, const cross_entropy::DeviceLabels& labels, const TensorView& logits,
               const ScanResults& results) const;

 private:
  Scan(DeviceSampling rows, DeviceSampling columns) : rows_(std::move(rows)), columns_(std::move(columns)) {}

  template <Goal kGoal, class T>
  Status start_as(cudaStream_t stream, const cross_entropy::DeviceLabels& labels, const TensorView& logits,
                  const ScanResults& results) const;

  DeviceSampling rows_, columns_;
  int64_t blocks_ = 0;
  int h_ = 0, w_ = 0;  // of labels
  int tile_ = 0;       // columns of labels of a block
  int tiles_ = 0;
  int span_ = 0;   // columns of logits that a block needs at most
  int chunk_ = 0;  // classes that it holds at once
};

// Other losses are computed at label size.
inline Status require_plain(const KernelRequest& request) {
  const cross_entropy::PixelLoss rule = cross_entropy::rule_of(request.attrs);
  if (rule.focus == 0 && rule.smoothing == 0) return {};
  return {ErrorCode::declined, "computes plain cross entropy only"};
}

Result<std::unique_ptr<Kernel>> prepare_cuda_grad(const KernelRequest& request);

}  // namespace graphrun::ops::resize_cross_entropy
