#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "graphrun/status.h"
#include "runtime/labelling/protocol.h"
#include "runtime/weights/weights.h"

namespace graphrun::labelling {

// Plans images of these sizes, of which the caller holds `picture_bytes` for each pixel of the largest beside
// the protocol, and takes the memory. Errors: more than `max_bytes`.
Result<EvaluationMemory> reserve_memory(Protocol& protocol, std::span<const imaging::Extent> sizes,
                                        std::int64_t picture_bytes, std::int64_t max_bytes);

// A network with its weights on a device, ready to label images: what Labeler, `grun predict` and `grun eval`
// open. Used by one thread at a time.
class Labelling {
 public:
  struct Options {
    ProtocolSettings protocol{};
    std::string cache_folder{};      // for prepared weights; empty: nothing is kept
    std::uint64_t memory_limit = 0;  // bytes; 0: what the device has available now
    int processes = 1;               // that share a host's available memory
  };
  // `program`: with its late parameters bound. `weights_path`: where the weights are from, for errors and for
  // the cache. Errors: weights that do not fit, a protocol that the model does not take, memory.
  static Result<Labelling> open(std::shared_ptr<const model::Program> program,
                                std::shared_ptr<const weights::TensorFile> weights,
                                const std::string& weights_path,
                                const std::shared_ptr<model::Backend>& backend, const Options& options);

  Protocol& protocol() const { return *protocol_; }
  const weights::Weights& weights() const { return *weights_; }
  // Bytes that may be planned for in all.
  std::int64_t max_bytes() const { return max_bytes_; }
  // Why prepared weights that an earlier process kept are of no use; empty: nothing to say.
  const std::string& cache_note() const { return weights_->kept_note(); }
  // What is worth knowing of the weights (weights::Weights::note); empty: nothing.
  const std::string& weights_note() const { return weights_->note(); }
  // After the work: keeps prepared weights for the next process (weights::Weights::save_packed).
  Status save_packed() const { return weights_->save_packed(); }

 private:
  Labelling() = default;
  std::shared_ptr<weights::Weights> weights_;
  std::unique_ptr<Protocol> protocol_;
  std::int64_t max_bytes_ = 0;
};

}  // namespace graphrun::labelling
