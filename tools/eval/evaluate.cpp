#include "tools/eval/evaluate.h"

#include <chrono>

#include "datasets/sample_list.h"

namespace graphrun {

Result<std::optional<ConfusionMatrix>> evaluate(const Dataset& data, Protocol& protocol,
                                                const PictureWriter* pictures, EvalObserver& observer) {
  using Clock = std::chrono::steady_clock;
  if (pictures != nullptr) GRAPHRUN_TRY(check_unique_names(data.names()));
  std::optional<ConfusionMatrix> confusion;
  if (data.labelled()) confusion.emplace(static_cast<int>(protocol.classes()));
  for (std::int64_t i = 0; i < data.size(); ++i) {
    const auto start = Clock::now();
    GRAPHRUN_ASSIGN(const Sample sample, data.load(i));
    GRAPHRUN_ASSIGN(const LabelMap map, protocol.label(sample.image).in(data.name(i)));
    if (confusion) confusion->add(map.ids, sample.label.ids, kIgnoredClass);
    if (pictures != nullptr) GRAPHRUN_TRY(pictures->write(data.name(i), sample.image, map));
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    observer.image(i + 1, data.size(), seconds, confusion ? &*confusion : nullptr);
  }
  return confusion;
}

}  // namespace graphrun
