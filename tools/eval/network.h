#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "datasets/sample.h"
#include "runtime/core/status.h"
#include "runtime/session/session_cache.h"
#include "tools/eval/planes.h"
#include "tools/eval/protocol.h"

namespace graphrun {

// The network as protocols use it: bound to many sizes, its time taken, with the arithmetic around it.
class Network {
 public:
  // Errors: no output "logits" that is a map, more classes than label maps hold.
  static Result<std::unique_ptr<Network>> make(const ProtocolSettings& settings,
                                               std::shared_ptr<const Program> program,
                                               std::shared_ptr<Weights> weights);

  std::int64_t classes() const { return classes_; }
  const std::shared_ptr<Backend>& backend() const { return backend_; }
  Planes& planes() { return *planes_; }
  ProtocolSeconds seconds() const { return {run_seconds_, sessions_.seconds()}; }

  // The model's requirements accept images of this size.
  Status check(const Extent& size) const;
  // The smallest size that they accept and that holds `size`.
  Result<Extent> fit(std::int64_t n, const Extent& size);
  // Adds what sessions of this size take to `memory`: the largest activations, forms not counted before.
  Status plan(const SessionCache::Size& size, EvaluationMemory& memory);
  Status reserve(std::int64_t activations, std::int64_t most);

  // A session whose input is to be filled; valid until the next call.
  Result<Session*> bind(const SessionCache::Size& size) { return sessions_.get(size); }
  Status run(Session& session);
  // The image in hand has its label map: adds the time that its runs took.
  Status end_image();

 private:
  Network(std::shared_ptr<const Program> program, std::shared_ptr<Weights> weights,
          const ProtocolSettings& settings, std::int64_t classes, std::unique_ptr<Planes> planes);

  std::shared_ptr<const Program> program_;
  std::shared_ptr<Backend> backend_;
  std::unique_ptr<Timeline> timeline_;  // a mark before each run of an image and one after it
  std::unique_ptr<Planes> planes_;
  std::int64_t classes_;
  SessionCache sessions_;
  std::map<Extent, Extent> fitting_;
  std::map<std::string, std::int64_t> prepared_;  // bytes by key, of all sizes planned
  double run_seconds_ = 0;
};

}  // namespace graphrun
