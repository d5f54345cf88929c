#pragma once

#include <memory>
#include <utility>

#include "runtime/model/backend.h"

namespace graphrun::session {

// Runs the same steps again and again: where the device can keep work (Backend::record), they are recorded
// when they run for the second time and replayed from then on. The first time they run step by step, so that
// libraries do there what they do once.
class Replay {
 public:
  explicit Replay(model::Backend& backend) : backend_(&backend) {}

  // For work with other ranks: all of them replay it or none, so one that cannot is an error.
  void require_recording() { required_ = true; }

  // `steps`: Status(), which starts the same work on the same memory each time. Errors of the device's work
  // show when somebody waits for it.
  template <class Steps>
  Status run(const Steps& steps) {
    if (backend_->is_host()) return steps();
    const auto lock = backend_->lock();
    if (recording_ != nullptr) return recording_->replay();
    if (!warm_ || declined_) {
      warm_ = true;
      return steps();
    }
    auto recorded = backend_->record([&] { return steps(); });
    if (!recorded.ok()) {
      if (required_ || recorded.status().code() != ErrorCode::declined) return std::move(recorded).status();
      declined_ = true;
      return steps();
    }
    recording_ = *std::move(recorded);
    return recording_->replay();
  }

 private:
  model::Backend* backend_;
  std::unique_ptr<Recording> recording_;
  bool warm_ = false;
  bool declined_ = false;
  bool required_ = false;
};

}  // namespace graphrun::session
