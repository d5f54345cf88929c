#include "training/report/profile_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "runtime/profiling/trace.h"
#include "training/report/html.h"
#include "training/report/json_object.h"

namespace graphrun::training {
namespace {

// The lane of profiling::Trace that has what kernels did, on whatever device.
constexpr double kDeviceLane = static_cast<double>(profiling::Trace::Lane::device);

struct KernelTime {
  std::string name;
  double microseconds = 0;
  int steps = 0;
};

std::vector<KernelTime> by_kernel(const rapidjson::Value& events) {
  std::map<std::string, KernelTime> kernels;
  for (const rapidjson::Value& event : events.GetArray()) {
    const std::string kernel = string_of(event, "cat");
    const std::optional<double> duration = number_of(event, "dur");
    if (kernel.empty() || !duration || number_of(event, "tid") != kDeviceLane) continue;
    KernelTime& time = kernels[kernel];
    time.name = kernel;
    time.microseconds += *duration;
    ++time.steps;
  }
  std::vector<KernelTime> order;
  order.reserve(kernels.size());
  for (const auto& [name, time] : kernels) order.push_back(time);
  std::ranges::stable_sort(order, std::ranges::greater{}, &KernelTime::microseconds);
  return order;
}

}  // namespace

Result<std::string> profile_section(const std::filesystem::path& trace) {
  constexpr std::size_t kMax = 20;
  GRAPHRUN_ASSIGN(const rapidjson::Document document, read_json_object(trace));
  const rapidjson::Value* const events = member_of(document, "traceEvents");
  if (events == nullptr || !events->IsArray())
    return Status(ErrorCode::invalid_file, trace.string() + ": has no list traceEvents, so it is no trace");
  std::vector<KernelTime> kernels = by_kernel(*events);
  double all = 0;
  for (const KernelTime& kernel : kernels) all += kernel.microseconds;
  if (!(all > 0)) return std::string();
  std::string html = fmt::format(
      "<p>{:.1f} ms in one step, by kernel.</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
      "aria-label=\"Kernels, a table\">\n<table class=\"sortable\"><thead><tr><th scope=\"col\"><button "
      "type=\"button\">Kernel</button></th><th scope=\"col\" class=\"number\"><button "
      "type=\"button\">Steps</button></th><th scope=\"col\" class=\"number\"><button "
      "type=\"button\">ms</button></th><th scope=\"col\" class=\"number\" aria-sort=\"descending\"><button "
      "type=\"button\">Share</button></th></tr></thead>\n<tbody>\n",
      all / 1e3);
  if (kernels.size() > kMax) {
    KernelTime others{fmt::format("{} others", kernels.size() - kMax), 0, 0};
    for (std::size_t i = kMax; i < kernels.size(); ++i) {
      others.microseconds += kernels[i].microseconds;
      others.steps += kernels[i].steps;
    }
    kernels.resize(kMax);
    kernels.push_back(std::move(others));
  }
  for (const KernelTime& kernel : kernels) {
    const double share = kernel.microseconds / all;
    html += fmt::format(
        "<tr><th scope=\"row\"><code>{}</code></th><td class=\"number\">{}</td><td "
        "class=\"number\">{:.3f}</td><td class=\"number with-bar\"><span class=\"bar\" "
        "style=\"--part:{:.4f}\"></span>{}</td></tr>\n",
        escaped(kernel.name), kernel.steps, kernel.microseconds / 1e3, share, percent(share));
  }
  return section("profile", "Time by kernel", html + "</tbody></table></div>\n");
}

}  // namespace graphrun::training
