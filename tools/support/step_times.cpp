#include "tools/support/step_times.h"

#include <fmt/format.h>

#include <algorithm>

namespace graphrun {
namespace {

void print_slowest(const char* title, const std::map<std::string, double>& times, int runs,
                   std::size_t most) {
  std::vector<std::pair<double, std::string>> sorted;
  for (const auto& [name, seconds] : times) sorted.emplace_back(seconds / runs, name);
  std::ranges::sort(sorted, std::ranges::greater());
  sorted.resize(std::min(sorted.size(), most));
  fmt::print("{}\n", title);
  for (const auto& [seconds, name] : sorted) fmt::print("  {:9.3f} ms  {}\n", seconds * 1e3, name);
}

}  // namespace

void StepTimes::begin(bool forget) {
  if (forget) nodes_.clear();
  timeline_->clear();
  steps_.clear();
}

void StepTimes::before(const StepView&) {
  if (marked_.ok()) marked_ = timeline_->mark();
}

void StepTimes::after(const StepView& step) {
  if (marked_.ok()) marked_ = timeline_->mark();
  steps_.push_back({std::string(step.path), std::string(step.def.name) + " / " + std::string(step.kernel)});
}

Status StepTimes::end() {
  GRAPHRUN_TRY(marked_);
  GRAPHRUN_ASSIGN(marks_, timeline_->seconds());
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Node& node = nodes_[steps_[i].path];
    node.kernel = steps_[i].kernel;
    node.seconds += marks_[2 * i + 1] - marks_[2 * i];
  }
  return {};
}

void StepTimes::print(int runs) const {
  std::map<std::string, double> by_kernel, by_node;
  for (const auto& [path, node] : nodes_) {
    by_kernel[node.kernel] += node.seconds;
    by_node[path] = node.seconds;
  }
  print_slowest("kernels", by_kernel, runs, by_kernel.size());
  print_slowest("slowest nodes", by_node, runs, 40);
}

std::string StepTimes::json(int runs) const {
  std::string text;
  for (const auto& [path, node] : nodes_)
    text += fmt::format("{}{{\"path\": {:?}, \"kernel\": {:?}, \"s\": {:.7f}}}", text.empty() ? "" : ", ",
                        path, node.kernel, node.seconds / runs);
  return "[" + text + "]";
}

void StepTimes::add_to(Trace& trace, double start) const {
  for (std::size_t i = 0; i < steps_.size(); ++i)
    trace.add(Trace::Lane::device, steps_[i].path, steps_[i].kernel, start + marks_[2 * i],
              start + marks_[2 * i + 1]);
}

}  // namespace graphrun
