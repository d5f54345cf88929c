#include "training/evaluation/evaluate_shares.h"

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "datasets/sample_list.h"
#include "datasets/subset.h"
#include "runtime/core/guard.h"

namespace graphrun::training {
namespace {

using Clock = std::chrono::steady_clock;

class Counter final : public EvalObserver {
 public:
  void image(std::int64_t done, std::int64_t, double, const ConfusionMatrix*) override { done_ = done; }
  std::int64_t done() const { return done_; }

 private:
  std::atomic<std::int64_t> done_ = 0;
};

void tell(EvalObserver& observer, std::int64_t done, std::int64_t total, Clock::time_point& last,
          std::int64_t& told) {
  if (done == told) return;
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - std::exchange(last, now)).count();
  observer.image(done, total, seconds / static_cast<double>(done - told), nullptr);
  told = done;
}

}  // namespace

Result<Evaluation> evaluate_shares(const datasets::Dataset& data, labelling::Protocol& protocol,
                                   const EvaluationWishes& wishes, collective::Communicator& comm,
                                   EvalObserver& observer, const PipelineDepth& depth,
                                   const StopToken& stop) try {
  if (comm.size() == 1) return evaluate(data, protocol, wishes, observer, depth, stop);
  if (wishes.pictures != nullptr) GRAPHRUN_TRY(datasets::check_unique_names(data.names()));
  const std::unique_ptr<datasets::Subset> own = datasets::Subset::shard(data, comm.rank(), comm.size());
  Counter counter;
  std::atomic<bool> gives_up = false;
  const StopToken all_stop([&] { return gives_up ? Stop::terminated : Stop::none; });
  std::future<Result<Evaluation>> work = std::async(
      std::launch::async, [&] { return evaluate(*own, protocol, wishes, counter, depth, all_stop); });
  std::optional<Evaluation> result;
  Clock::time_point last = Clock::now();
  std::int64_t told = 0;
  // Ranks meet at this pace, so that each hears that the others live.
  constexpr std::chrono::milliseconds kPace{200};
  // Images done, ranks at work, ranks that were asked to stop.
  for (std::array<std::int64_t, 3> sums{0, 1, 0}; sums[1] > 0;) {
    if (result) {
      std::this_thread::sleep_for(kPace);
    } else if (work.wait_for(kPace) == std::future_status::ready) {
      GRAPHRUN_ASSIGN(result, work.get());
    }
    sums = {counter.done(), result ? 0 : 1, stop.asked() == Stop::none ? 0 : 1};
    Status met = collective::all_reduce<std::int64_t>(comm, sums);
    if (met.ok() && sums[2] > 0) met = evaluation_stopped();
    if (!met.ok()) {
      gives_up = true;
      return met;
    }
    if (comm.rank() == 0) tell(observer, sums[0], data.size(), last, told);
  }
  if (result->tally) {
    GRAPHRUN_ASSIGN(result->tally, Tally::sum(*result->tally, data.size(), comm));
  }
  if (wishes.fit_temperature)
    GRAPHRUN_TRY(collective::all_reduce<std::int64_t>(comm, result->temperature.cells()));
  return *std::move(result);
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
