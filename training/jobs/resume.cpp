#include "training/jobs/resume.h"

#include <fmt/format.h>

#include "datasets/locate.h"
#include "runtime/model/model_file.h"
#include "training/checkpoint.h"
#include "training/run/run_folder.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAuto = "auto";

std::optional<fs::path> folder_to_resume(const std::string& resume, const std::string& folder) {
  if (resume != kAuto) return fs::path(resume);
  if (!folder.empty()) return fs::path(folder);
  const Result<fs::path> latest = latest_run_folder();
  if (latest.ok()) return *latest;
  return std::nullopt;
}

}  // namespace

Result<std::optional<ResumePoint>> find_resume_point(const std::string& resume, const std::string& folder) {
  if (resume.empty()) return std::optional<ResumePoint>();
  const std::optional<fs::path> run = folder_to_resume(resume, folder);
  const std::optional<fs::path> checkpoint = run ? latest_checkpoint(*run) : std::nullopt;
  if (checkpoint) return std::optional<ResumePoint>(ResumePoint{*run, *checkpoint});
  if (resume != kAuto) return {ErrorCode::not_found, resume + ": no checkpoint to resume from"};
  return std::optional<ResumePoint>();
}

Status check_resumed(const fs::path& run, DType precision, const datasets::Descriptor& descriptor,
                     const model::Program& program, bool own_choice) {
  GRAPHRUN_ASSIGN(const RunRecord record, read_run_record(run));
  const Result<datasets::Descriptor> recorded = datasets::find_descriptor(record.dataset);
  const std::string dataset = recorded.ok() ? recorded->name : record.dataset;
  GRAPHRUN_ASSIGN(const model::Model own, model::read_model((run / "model.fb").string(), program.registry()));
  if (record.precision != to_string(precision)) {
    return {ErrorCode::invalid_argument, fmt::format("{} is a run in {}: resume it with --precision {}",
                                                     run.string(), record.precision, record.precision)};
  }
  const std::string& name = program.model().name;
  if (dataset == descriptor.name && own.name == name) return {};
  return {ErrorCode::invalid_argument,
          fmt::format("{} is a run of {} on {}, not of {} on {}: resume another one{}", run.string(),
                      own.name, dataset, name, descriptor.name,
                      own_choice ? "" : " (--resume DIR, -o DIR), or start anew without --resume")};
}

}  // namespace graphrun::training
