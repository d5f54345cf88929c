#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "graphrun/status.h"
#include "runtime/imaging/image.h"
#include "runtime/imaging/label_accumulator.h"
#include "runtime/labelling/protocol.h"
#include "runtime/session/session_cache.h"

namespace graphrun::labelling {

// The network as protocols use it: bound to many sizes, its time taken, with the arithmetic around it.
class Network {
 public:
  // Errors: no image, no logits that are a map, more classes than label maps hold.
  static Result<std::unique_ptr<Network>> make(const ProtocolSettings& settings,
                                               std::shared_ptr<const model::Program> program,
                                               std::shared_ptr<weights::Weights> weights);

  std::int64_t classes() const { return classes_; }
  std::int64_t channels() const { return std::ssize(program_->model().preprocess.mean); }
  const std::shared_ptr<model::Backend>& backend() const { return backend_; }
  imaging::LabelAccumulator& accumulator() { return *accumulator_; }
  ProtocolSeconds seconds() const { return {run_seconds_, sessions_.seconds()}; }

  // The model's requirements accept images of this size.
  Status check(const imaging::Extent& size) const;
  // The smallest size that they accept and that holds `size`.
  Result<imaging::Extent> smallest_valid_size(std::int64_t n, const imaging::Extent& size);
  // Adds what sessions of this size take to `memory`: the largest activations, forms not counted before.
  Status plan(const session::SessionCache::Size& size, EvaluationMemory& memory);
  Status reserve(std::int64_t activations, std::int64_t most);

  // A session whose input is to be filled; valid until the next call.
  Result<session::Session*> bind(const session::SessionCache::Size& size) { return sessions_.get(size); }
  Status run(session::Session& session);
  // The image in hand has its label map: adds the time that its runs took.
  Status end_image();

 private:
  Network(std::shared_ptr<const model::Program> program, std::shared_ptr<weights::Weights> weights,
          const ProtocolSettings& settings, std::int64_t classes,
          std::unique_ptr<imaging::LabelAccumulator> accumulator);

  std::shared_ptr<const model::Program> program_;
  std::shared_ptr<model::Backend> backend_;
  std::unique_ptr<core::Timeline> timeline_;  // a mark before each run of an image and one after it
  std::unique_ptr<imaging::LabelAccumulator> accumulator_;
  std::int64_t classes_;
  session::SessionCache sessions_;
  std::map<imaging::Extent, imaging::Extent> fitting_;
  std::map<std::string, std::int64_t> packed_;  // bytes by key, of all sizes planned
  std::int64_t table_bytes_ = 0;                // the most of a size planned
  std::int64_t planned_sizes_ = 0;
  std::int64_t bound_sizes_;  // at most
  double run_seconds_ = 0;
};

}  // namespace graphrun::labelling
