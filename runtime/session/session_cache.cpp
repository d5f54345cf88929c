#include "runtime/session/session_cache.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/core/guard.h"

namespace graphrun::session {

SessionCache::SessionCache(std::shared_ptr<const model::Program> program,
                           std::shared_ptr<weights::Weights> weights, const Settings& settings)
    : program_(std::move(program)), weights_(std::move(weights)), settings_(settings) {}

Session::Options SessionCache::options(const Size& size) const {
  Session::Options options{size.n, size.h, size.w};
  options.low_res_logits = settings_.low_res_logits;
  options.precision = settings_.precision;
  options.quantised = &weights_->quantised();
  options.max_table_bytes = settings_.max_table_bytes;
  return options;
}

Result<MemoryRequirements> SessionCache::plan(const Size& size) try {
  prepared_.reset();
  GRAPHRUN_ASSIGN(PlannedMethod method, Session::prepare(*program_, *weights_->backend(), options(size)));
  prepared_ = Prepared{size, std::move(method)};
  return requirements_of(prepared_->method, false);
} catch (...) {
  return core::caught();
}

Result<std::unique_ptr<Session>> SessionCache::make(const Size& size) {
  Session::Options wanted = options(size);
  wanted.arena = [this](std::int64_t bytes) { return arena(bytes); };
  std::optional<Prepared> prepared = std::exchange(prepared_, std::nullopt);
  if (!prepared || prepared->size != size) return Session::create(program_, weights_, wanted);
  return Session::create(program_, weights_, wanted, std::move(prepared->method));
}

Result<std::shared_ptr<model::Buffer>> SessionCache::arena(std::int64_t bytes) {
  if (arena_ != nullptr && arena_->bytes() >= bytes) return arena_;
  if (bytes > settings_.max_arena_bytes) {
    return {ErrorCode::out_of_memory, "activations need " + std::to_string(bytes) +
                                          " bytes, the limit leaves " +
                                          std::to_string(settings_.max_arena_bytes)};
  }
  // First all that holds the old memory goes, then the new is taken.
  entries_.clear();
  arena_.reset();
  GRAPHRUN_ASSIGN(arena_, weights_->backend()->allocate(bytes));
  return arena_;
}

Status SessionCache::reserve(std::int64_t arena_bytes) { return status_of(arena(arena_bytes)); }

Result<Session*> SessionCache::get(const Size& size) try {
  const auto found = std::ranges::find(entries_, size, &Entry::size);
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
    return entries_.front().session.get();
  }
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  while (entries_.size() >= std::max<std::size_t>(settings_.sessions, 1)) entries_.pop_back();
  GRAPHRUN_ASSIGN(std::unique_ptr<Session> session, make(size));
  entries_.push_front({size, std::move(session)});
  ++made_;
  seconds_ += std::chrono::duration<double>(Clock::now() - start).count();
  return entries_.front().session.get();
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::session
