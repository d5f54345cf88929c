#include "tools/eval/evaluate.h"

#include <chrono>
#include <future>

#include "datasets/sample_list.h"

namespace graphrun {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A thread where the system gives one, else when the result is wanted.
constexpr std::launch kAside = std::launch::async | std::launch::deferred;

std::string megabytes(std::int64_t bytes) { return std::to_string(bytes / 1000000) + " MB"; }

}  // namespace

Result<EvaluationMemory> reserve_memory(const Dataset& data, Protocol& protocol, std::int64_t most_bytes) {
  // Three images and their label maps in memory at once, one of them also overlaid and compressed.
  constexpr std::int64_t kPictureBytesOfPixel = 3 * (3 + 2) + 6;
  std::vector<Extent> sizes;
  for (std::int64_t i = 0; i < data.size(); ++i) {
    GRAPHRUN_ASSIGN(const Extent size, data.image_size(i));
    sizes.push_back(size);
  }
  GRAPHRUN_ASSIGN(EvaluationMemory memory, protocol.plan(sizes));
  const auto pixels = [](const Extent& size) { return size.height * size.width; };
  for (const Extent& size : sizes) {
    if (pixels(size) > pixels(memory.largest)) memory.largest = size;
  }
  memory.pictures = kPictureBytesOfPixel * pixels(memory.largest);
  if (memory.total() > most_bytes) {
    return {ErrorCode::out_of_memory,
            "images of up to " + std::to_string(memory.largest.width) + " x " +
                std::to_string(memory.largest.height) + " need " + megabytes(memory.total()) +
                " of memory (" + megabytes(memory.activations) + " of them activations), and " +
                megabytes(most_bytes) + " may be used; lower base_size, the scales or --batch"};
  }
  GRAPHRUN_TRY(protocol.reserve(memory, most_bytes - (memory.total() - memory.activations)));
  return memory;
}

Result<Evaluation> evaluate(const Dataset& data, Protocol& protocol, const PictureWriter* pictures,
                            EvalObserver& observer) {
  if (pictures != nullptr) GRAPHRUN_TRY(check_unique_names(data.names()));
  const auto load = [&data](std::int64_t i) {
    return std::async(kAside, [&data, i] { return data.load(i); });
  };
  Evaluation result;
  if (data.labelled()) result.confusion.emplace(static_cast<int>(protocol.classes()));
  std::future<Result<Sample>> next;
  if (data.size() > 0) next = load(0);
  std::future<Status> written;
  for (std::int64_t i = 0; i < data.size(); ++i) {
    const auto start = Clock::now();
    GRAPHRUN_ASSIGN(Sample sample, next.get());
    if (i + 1 < data.size()) next = load(i + 1);
    const auto decoded = Clock::now();
    GRAPHRUN_ASSIGN(LabelMap map, protocol.label(sample.image).in(data.name(i)));
    result.seconds += seconds_since(decoded);
    if (result.confusion) result.confusion->add(map.ids, sample.label.ids, kIgnoredClass);
    if (pictures != nullptr) {
      if (written.valid()) GRAPHRUN_TRY(written.get());
      written = std::async(kAside, [pictures, name = data.name(i), image = std::move(sample.image),
                                    ids = std::move(map)] { return pictures->write(name, image, ids); });
    }
    observer.image(i + 1, data.size(), seconds_since(start), result.confusion ? &*result.confusion : nullptr);
  }
  if (written.valid()) GRAPHRUN_TRY(written.get());
  return result;
}

}  // namespace graphrun
