#pragma once

#include <cstdint>
#include <limits>
#include <list>
#include <memory>
#include <optional>

#include "runtime/session/session.h"

namespace graphrun::session {

// Sessions of one program for sizes that change from image to image. They share the memory of their
// activations, which grows to the largest: one runs at a time, and an input is filled before each run. The
// least recently used goes when there are too many. Used by one thread at a time.
class SessionCache {
 public:
  struct Settings {
    std::size_t sessions = 16;  // at least 1
    std::int64_t max_arena_bytes = std::numeric_limits<std::int64_t>::max();
    bool low_res_logits = false;  // Session::Options
    DType precision = DType::f32;
    std::int64_t max_table_bytes = std::numeric_limits<std::int64_t>::max();
  };
  struct Size {
    std::int64_t n = 1, h = 0, w = 0;
    bool operator==(const Size&) const = default;
  };
  SessionCache(std::shared_ptr<const model::Program> program, std::shared_ptr<weights::Weights> weights,
               const Settings& settings);
  SessionCache(const SessionCache&) = delete;
  SessionCache& operator=(const SessionCache&) = delete;

  // Valid until the next call. Errors: those of Session::create; memory beyond the limit.
  Result<Session*> get(const Size& size);
  // What a session would take. What was found out for the last size planned is kept for the next session.
  Result<MemoryRequirements> plan(const Size& size);
  // Makes the shared memory at least so large. Without it, memory that must grow is taken anew, and all
  // sessions are made anew as well.
  Status reserve(std::int64_t arena_bytes);
  void limit(std::int64_t max_arena_bytes) { settings_.max_arena_bytes = max_arena_bytes; }

  std::size_t size() const { return entries_.size(); }
  std::int64_t arena_bytes() const { return arena_ == nullptr ? 0 : arena_->bytes(); }
  // Sessions made since the start, and the seconds that took.
  std::int64_t made() const { return made_; }
  double seconds() const { return seconds_; }

 private:
  struct Entry {
    Size size;
    std::unique_ptr<Session> session;
  };
  struct Prepared {
    Size size;
    PlannedMethod method;
  };
  Session::Options options(const Size& size) const;
  Result<std::unique_ptr<Session>> make(const Size& size);
  Result<std::shared_ptr<model::Buffer>> arena(std::int64_t bytes);

  std::shared_ptr<const model::Program> program_;
  std::shared_ptr<weights::Weights> weights_;
  Settings settings_;
  std::shared_ptr<model::Buffer> arena_;
  std::optional<Prepared> prepared_;  // by plan()
  std::list<Entry> entries_;          // the most recently used first
  std::int64_t made_ = 0;
  double seconds_ = 0;
};

}  // namespace graphrun::session
