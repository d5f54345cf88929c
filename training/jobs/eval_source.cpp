#include "training/jobs/eval_source.h"

#include <fmt/format.h>

#include <utility>

#include "runtime/model/eight_bits.h"
#include "training/jobs/model_choice.h"
#include "training/run/run_folder.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

// Below a folder of results: parts of a split lie beside it.
std::string range_suffix(const datasets::SampleRange& range) {
  return range.whole() ? "" : fmt::format("_{}_{}", range.first, range.count);
}

Status take_data_from_run(EvalSource& source) {
  if (!source.data.name.empty()) return {};
  GRAPHRUN_ASSIGN(const RunRecord record, read_run_record(source.run));
  source.data.name = record.dataset;
  if (source.data.root.empty() && record.data_root) source.data.root = record.data_root->string();
  return {};
}

}  // namespace

Result<EvalSource> find_eval_source(const EvalRequest& request) {
  EvalSource source{request.run, request.model, request.weights, request.data};
  if (!request.model.empty() && request.predictions.empty()) {
    GRAPHRUN_ASSIGN(ModelChoice choice, choose_model(request.model, request.weights));
    source = {std::move(choice.run), std::move(choice.model), std::move(choice.weights), request.data};
  }
  const RunRecord given = request.data.record();
  source.data.name = given.dataset;
  source.data.root = given.data_root.value_or(fs::path()).string();
  const bool scored_alone = !request.predictions.empty() && !request.data.name.empty();
  if (source.run.empty() && source.model.empty() && !scored_alone) {
    GRAPHRUN_ASSIGN(source.run, latest_run_folder());
  }
  if (source.run.empty()) {
    if (source.data.name.empty()) return {ErrorCode::usage, "--dataset is missing"};
    return source;
  }
  source.model = (source.run / "model.fb").string();
  GRAPHRUN_TRY(take_data_from_run(source));
  if (request.predictions.empty()) {
    GRAPHRUN_ASSIGN(source.weights, checkpoint_of(source.run, source.weights));
  }
  return source;
}

fs::path prediction_folder(const EvalRequest& request, const EvalSource& source,
                           const datasets::SampleRange& range) {
  if (!request.folder.empty()) return request.folder;
  if (source.run.empty()) return "eval";
  return source.run / "result" / "predictions" / (request.split + range_suffix(range));
}

std::string protocol_folder(const labelling::ProtocolSettings& protocol, const datasets::SampleRange& range) {
  const bool is_wide = protocol.precision == DType::f32;
  return fmt::format("{}{}{}{}", protocol.name == "slide" ? "" : protocol.name + "_",
                     protocol.scales.size() > 1 ? "ms" : "ss",
                     is_wide ? "" : "_" + std::string(model::precision_name(protocol.precision)),
                     range_suffix(range));
}

fs::path label_folder(const EvalRequest& request, const EvalSource& source, const std::string& protocol) {
  if (!request.folder.empty()) return request.folder;
  if (source.run.empty()) return "eval";
  return source.run / "result" / fs::path(source.weights).stem() / request.split / protocol;
}

}  // namespace graphrun::training
