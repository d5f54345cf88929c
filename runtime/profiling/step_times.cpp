#include "runtime/profiling/step_times.h"

#include <fmt/format.h>

#include <algorithm>

namespace graphrun::profiling {
namespace {

struct Total {
  double seconds = 0;
  StepWork work;
};

std::string slowest(const char* title, const std::map<std::string, Total>& totals, int runs,
                    std::size_t most) {
  std::vector<std::pair<std::string, Total>> sorted(totals.begin(), totals.end());
  std::ranges::sort(sorted, std::ranges::greater(), [](const auto& entry) { return entry.second.seconds; });
  sorted.resize(std::min(sorted.size(), most));
  std::string text = std::string(title) + "\n";
  for (const auto& [name, total] : sorted) {
    const double seconds = total.seconds / runs;
    text += fmt::format("  {:9.3f} ms {:7.0f} GB/s {:7.1f} TFLOP/s  {}\n", seconds * 1e3,
                        total.work.bytes / seconds / 1e9, total.work.operations / seconds / 1e12, name);
  }
  return text;
}

}  // namespace

StepWork work_of(const session::StepView& step) {
  StepWork work;
  const std::vector<InputSpec>& specs = step.def.inputs;
  for (std::size_t i = 0; i < step.inputs.size(); ++i) {
    const bool read = !specs[std::min(i, specs.size() - 1)].shape_only;
    if (read && step.inputs[i].data != nullptr)
      work.bytes += static_cast<double>(step.inputs[i].desc.bytes());
  }
  for (const TensorView& view : step.outputs) {
    if (view.data != nullptr) work.bytes += static_cast<double>(view.desc.bytes());
  }
  work.operations = step.operations;
  return work;
}

void StepTimes::begin(bool forget) {
  if (forget) nodes_.clear();
  timeline_->clear();
  steps_.clear();
}

void StepTimes::before(const session::StepView&) { mark(); }

void StepTimes::begin_other(std::string_view what, std::string_view kind) {
  mark();
  steps_.push_back({std::string(what) + ", " + std::string(kind), std::string(kind), {}});
}

void StepTimes::after(const session::StepView& step) {
  mark();
  steps_.push_back(
      {std::string(step.path), std::string(step.def.name) + " / " + std::string(step.kernel), work_of(step)});
}

Status StepTimes::end() {
  GRAPHRUN_TRY(marked_);
  GRAPHRUN_ASSIGN(marks_, timeline_->seconds());
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Node& node = nodes_[steps_[i].path];
    node.kernel = steps_[i].kernel;
    node.work = steps_[i].work;
    node.seconds += marks_[2 * i + 1] - marks_[2 * i];
  }
  return {};
}

std::string StepTimes::text(int runs) const {
  std::map<std::string, Total> by_kernel, by_node;
  for (const auto& [path, node] : nodes_) {
    by_node[path] = {node.seconds, node.work};
    Total& total = by_kernel[node.kernel];
    total.seconds += node.seconds;
    total.work.bytes += node.work.bytes;
    total.work.operations += node.work.operations;
  }
  constexpr std::size_t kNodes = 40;
  return slowest("kernels", by_kernel, runs, by_kernel.size()) +
         slowest("slowest nodes", by_node, runs, kNodes);
}

std::string StepTimes::json(int runs) const {
  std::string text;
  for (const auto& [path, node] : nodes_)
    text += fmt::format(
        "{}{{\"path\": {:?}, \"kernel\": {:?}, \"s\": {:.7f}, \"bytes\": {:.0f}, \"operations\": {:.0f}}}",
        text.empty() ? "" : ", ", path, node.kernel, node.seconds / runs, node.work.bytes,
        node.work.operations);
  return "[" + text + "]";
}

void StepTimes::add_to(Trace& trace, double start) const {
  for (std::size_t i = 0; i < steps_.size(); ++i)
    trace.add(Trace::Lane::device, steps_[i].path, steps_[i].kernel, start + marks_[2 * i],
              start + marks_[2 * i + 1]);
}

}  // namespace graphrun::profiling
