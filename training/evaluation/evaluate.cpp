#include "training/evaluation/evaluate.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <future>

#include "datasets/sample_list.h"
#include "runtime/core/guard.h"
#include "runtime/cpu/processors.h"
#include "runtime/labelling/labelling.h"

namespace graphrun::training {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A thread where the system gives one, else when the result is wanted.
constexpr std::launch kAside = std::launch::async | std::launch::deferred;

struct Labelled {
  datasets::Sample sample;
  imaging::LabelMap map;
};
constexpr int kWritersOfAnImage = 2;  // of its pictures, and of the sheet

// In the order of images.
template <typename T>
using Pending = std::deque<std::future<T>>;

template <typename T>
T take_first(Pending<T>& pending) {
  T first = pending.front().get();
  pending.pop_front();
  return first;
}

// In memory at once: the image in hand and those aside with their label maps (the data set's and the
// network's); those that are written also overlaid and compressed.
std::int64_t picture_bytes_of_pixel(const PipelineDepth& depth, const LabelDetails& details,
                                    const labelling::Protocol& protocol) {
  const std::int64_t channels = protocol.channels();
  const std::int64_t image = channels == 3 ? 3 : channels * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t numbers =
      (details.confidence ? 1 : 0) + (details.probabilities ? protocol.classes() : 0);
  return (1 + depth.decoded + depth.written) * (image + 4) + depth.written * 7 +
         (1 + depth.written) * numbers * std::int64_t{sizeof(float)};
}

}  // namespace

PipelineDepth pipeline_depth(const model::Backend& backend, int threads) {
  if (backend.is_host()) return {};
  const int processors = threads > 0 ? threads : cpu::usable_processors();
  return {std::min(processors, 4), std::min(processors, 8)};
}

Status evaluation_stopped() { return {ErrorCode::interrupted, "the evaluation was stopped"}; }

Result<labelling::EvaluationMemory> reserve_memory(const datasets::Dataset& data,
                                                   labelling::Protocol& protocol, std::int64_t max_bytes,
                                                   const PipelineDepth& depth,
                                                   const LabelDetails& details) try {
  std::vector<imaging::Extent> sizes;
  for (std::int64_t i = 0; i < data.size(); ++i) {
    GRAPHRUN_ASSIGN(const imaging::Extent size, data.image_size(i));
    sizes.push_back(size);
  }
  return labelling::reserve_memory(protocol, sizes, picture_bytes_of_pixel(depth, details, protocol),
                                   max_bytes);
} catch (...) {
  return core::caught();
}

Result<Evaluation> evaluate(const datasets::Dataset& data, labelling::Protocol& protocol,
                            const EvaluationWishes& wishes, EvalObserver& observer,
                            const PipelineDepth& depth, const StopToken& stop) try {
  const PictureWriter* const pictures = wishes.pictures;
  if (pictures != nullptr) GRAPHRUN_TRY(datasets::check_unique_names(data.names()));
  Evaluation result;
  if (data.labelled())
    result.tally.emplace(data.size(), static_cast<int>(protocol.classes()), wishes.boundaries);
  Pending<Result<datasets::Sample>> decoded;
  std::int64_t begun = 0;
  const auto decode_until = [&](std::int64_t end) {
    for (; begun < std::min(end, data.size()); ++begun) {
      decoded.push_back(std::async(kAside, [&data, i = begun] { return data.load(i); }));
    }
  };
  Pending<Status> written;
  decode_until(depth.decoded);
  for (std::int64_t i = 0; i < data.size(); ++i) {
    if (stop.asked() != Stop::none) return evaluation_stopped();
    const auto start = Clock::now();
    GRAPHRUN_ASSIGN(datasets::Sample sample, take_first(decoded));
    decode_until(i + 1 + depth.decoded);
    const auto in_hand = Clock::now();
    GRAPHRUN_ASSIGN(imaging::LabelMap map,
                    protocol.label(sample.image, wishes.details).with_context(data.name(i)));
    result.seconds += seconds_since(in_hand);
    if (result.tally) result.tally->add(i, map, sample.label);
    if (wishes.fit_temperature) result.temperature.add(map, sample.label);
    if (pictures != nullptr) {
      while (std::ssize(written) > kWritersOfAnImage * (depth.written - 1)) GRAPHRUN_TRY(take_first(written));
      const auto labelled = std::make_shared<const Labelled>(Labelled{std::move(sample), std::move(map)});
      written.push_back(std::async(kAside, [pictures, name = data.name(i), labelled] {
        return pictures->write(name, labelled->sample.image, labelled->map);
      }));
      written.push_back(std::async(kAside, [pictures, name = data.name(i), labelled] {
        return pictures->write_sheet(name, labelled->sample.image, labelled->sample.label, labelled->map);
      }));
    }
    observer.image(i + 1, data.size(), seconds_since(start),
                   result.tally ? &result.tally->confusion() : nullptr);
  }
  while (!written.empty()) GRAPHRUN_TRY(take_first(written));
  if (pictures != nullptr) GRAPHRUN_TRY(pictures->finish());
  return result;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
