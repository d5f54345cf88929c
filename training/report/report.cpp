#include "training/report/report.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/locate.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"
#include "training/evaluation/pictures.h"
#include "training/report/evaluation_facts.h"
#include "training/report/page.h"
#include "training/report/pictures_section.h"
#include "training/report/profile_section.h"
#include "training/report/run_facts.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// The run that a metrics.json of RUN/result/CHECKPOINT/SPLIT/PROTOCOL belongs to; empty: none.
fs::path run_around(const fs::path& metrics) {
  std::error_code ignored;
  fs::path folder = fs::absolute(metrics, ignored).lexically_normal();
  for (int up = 0; up < 5; ++up) folder = folder.parent_path();
  return is_there(folder / "run.json") ? folder : fs::path();
}

std::string split_of(const fs::path& metrics) {
  return metrics.parent_path().parent_path().filename().string();
}

// Makes one report.
class Report {
 public:
  explicit Report(const ReportRequest& request) : request_(request) {}

  Result<ReportOutcome> write() {
    GRAPHRUN_TRY(find());
    if (run_) {
      GRAPHRUN_ASSIGN(page_.steps, read_steps(run_->folder));
      page_.run = &*run_;
    }
    if (!metrics_.empty()) {
      GRAPHRUN_ASSIGN(evaluation_, read_evaluation_facts(metrics_));
      page_.evaluation = &*evaluation_;
      const Status shown = add_images();
      if (!shown.ok()) page_.left_out = shown.message();
    }
    GRAPHRUN_TRY(add_profile());
    const std::string html = page_html(page_);
    ReportOutcome outcome{output(), std::ssize(html), page_.left_out};
    GRAPHRUN_TRY(core::write_file(outcome.file, html));
    return outcome;
  }

 private:
  Status find() {
    const fs::path& source = request_.source;
    std::error_code ignored;
    fs::path run;
    if (fs::is_regular_file(source, ignored)) {
      metrics_ = source;
      run = run_around(source);
    } else if (is_there(source / "run.json")) {
      run = source;
    } else if (is_there(source / "metrics.json")) {
      metrics_ = source / "metrics.json";
      run = run_around(metrics_);
    } else {
      return {ErrorCode::not_found, source.string() +
                                        ": a report is made from the folder of a run or of an evaluation, or "
                                        "from a metrics.json; there is neither run.json nor metrics.json"};
    }
    if (run.empty()) return {};
    GRAPHRUN_ASSIGN(run_, read_run_facts(run));
    if (metrics_.empty() && !run_->evaluations.empty())
      metrics_ = run_->evaluations.front().folder / "metrics.json";
    return {};
  }

  Status add_images() {
    const std::string dataset = !request_.dataset.empty() ? request_.dataset
                                : run_                    ? run_->record.dataset
                                                          : "";
    if (dataset.empty()) return {ErrorCode::not_found, "which data set they are of is not known: --dataset"};
    GRAPHRUN_ASSIGN(const datasets::Descriptor descriptor, datasets::find_descriptor(dataset));
    page_.colors = class_colors(descriptor.classes);
    if (descriptor.classes.size() != evaluation_->classes.size())
      return {ErrorCode::invalid_argument, "data set " + descriptor.name + " has another number of classes"};
    std::optional<fs::path> root = run_ ? run_->record.data_root : std::nullopt;
    if (!request_.data_root.empty()) root = request_.data_root;
    const std::string split = run_ ? split_of(metrics_) : "val";
    GRAPHRUN_ASSIGN(const std::unique_ptr<datasets::Dataset> data,
                    datasets::open_dataset(descriptor, split, root));
    GRAPHRUN_ASSIGN(page_.images, pictures_section(*data, descriptor, metrics_.parent_path()));
    return {};
  }

  Status add_profile() {
    fs::path trace = request_.profile;
    if (trace.empty() && run_ && is_there(run_->folder / "profile.json"))
      trace = run_->folder / "profile.json";
    if (trace.empty()) return {};
    GRAPHRUN_ASSIGN(page_.profile, profile_section(trace));
    return {};
  }

  fs::path output() const {
    if (!request_.output.empty()) return request_.output;
    return (request_.source == metrics_ || !run_ ? metrics_.parent_path() : run_->folder) / "report.html";
  }

  const ReportRequest& request_;
  fs::path metrics_;  // empty: nothing was evaluated
  std::optional<RunFacts> run_;
  std::optional<EvaluationFacts> evaluation_;
  Page page_;
};

}  // namespace

Result<ReportOutcome> write_report(const ReportRequest& request) try {
  return Report(request).write();
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
