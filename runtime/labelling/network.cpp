#include "runtime/labelling/network.h"

#include <algorithm>

#include "runtime/model/infer.h"
#include "runtime/session/dims.h"
#include "runtime/session/signature.h"

namespace graphrun::labelling {
namespace {

// The classes of the logits, whatever the image's size.
Result<std::int64_t> count_classes(const model::Program& program) {
  const model::Model& model = program.model();
  const model::Method* const method = model.method(model::methods::kEval);
  const model::Port* const image_port = model.signature.input(model::roles::kImage);
  const model::Port* const logits_port = model.signature.output(model::methods::kEval, model::roles::kLogits);
  const Status missing(ErrorCode::invalid_argument,
                       "the model's signature has no image (N, channels, H, W) in its method \"eval\" with "
                       "logits (N, classes, H, W)");
  if (method == nullptr || image_port == nullptr || logits_port == nullptr) return missing;
  if (!logits_port->interpolation.empty())
    return {ErrorCode::unsupported, "logits that are smaller than the image are not interpolated"};
  const auto image = std::ranges::find_if(method->values, [&](const model::Value& value) {
    return value.origin == model::Origin::input && value.name == image_port->name;
  });
  if (image == method->values.end()) return missing;
  GRAPHRUN_ASSIGN(const std::vector<ValueType> types,
                  model::infer_types(model, *method, program.registry(), model::symbolic_dims(model)));
  const auto logits = std::ranges::find(method->outputs, logits_port->name, &model::NamedValue::name);
  const ValueType& type = types[static_cast<std::size_t>(logits->value)];
  const ValueType& wanted = types[static_cast<std::size_t>(image - method->values.begin())];
  if (type.layout != Layout::nhwc || !type.shape[1].is_constant() || wanted.shape.size() != 4) return missing;
  GRAPHRUN_TRY(require_equal(wanted.shape[2], type.shape[2], "height of logits"));
  GRAPHRUN_TRY(require_equal(wanted.shape[3], type.shape[3], "width of logits"));
  return type.shape[1].constant();
}

}  // namespace

Network::Network(std::shared_ptr<const model::Program> program, std::shared_ptr<weights::Weights> weights,
                 const ProtocolSettings& settings, std::int64_t classes,
                 std::unique_ptr<imaging::LabelAccumulator> accumulator)
    : program_(program),
      backend_(weights->backend()),
      timeline_(backend_->timeline()),
      accumulator_(std::move(accumulator)),
      classes_(classes),
      sessions_(std::move(program), std::move(weights),
                {.sessions = static_cast<std::size_t>(settings.sessions),
                 .low_res_logits = settings.low_res_logits,
                 .precision = settings.precision,
                 .max_table_bytes = settings.max_bytes}),
      bound_sizes_(settings.sessions) {}

Result<std::unique_ptr<Network>> Network::make(const ProtocolSettings& settings,
                                               std::shared_ptr<const model::Program> program,
                                               std::shared_ptr<weights::Weights> weights) {
  GRAPHRUN_TRY(session::require_image(program->model()));
  GRAPHRUN_ASSIGN(const std::int64_t classes, count_classes(*program));
  if (classes > imaging::kMaxClasses) {
    return {ErrorCode::unsupported, "label maps hold " + std::to_string(imaging::kMaxClasses) +
                                        " classes, the network has " + std::to_string(classes)};
  }
  GRAPHRUN_ASSIGN(
      std::unique_ptr<imaging::LabelAccumulator> accumulator,
      imaging::make_label_accumulator(
          weights->backend(), {classes, settings.flip, program->model().preprocess, settings.temperature}));
  return std::unique_ptr<Network>(
      new Network(std::move(program), std::move(weights), settings, classes, std::move(accumulator)));
}

Status Network::check(const imaging::Extent& size) const {
  GRAPHRUN_ASSIGN(const session::InputShapes image,
                  session::image_shapes(*program_, 1, size.height, size.width));
  return status_of(session::solve_dims(*program_, image));
}

Result<imaging::Extent> Network::smallest_valid_size(std::int64_t n, const imaging::Extent& size) {
  const auto known = fitting_.find(size);
  if (known != fitting_.end()) return known->second;
  GRAPHRUN_ASSIGN(const session::Session::Options fitting,
                  session::Session::smallest_valid_size(*program_, {n, size.height, size.width}));
  return fitting_[size] = imaging::Extent{fitting.h, fitting.w};
}

Status Network::plan(const session::SessionCache::Size& size, EvaluationMemory& memory) {
  GRAPHRUN_ASSIGN(session::MemoryRequirements needs, sessions_.plan(size));
  memory.activations = std::max(memory.activations, needs.arena_bytes);
  // Each size that stays bound has its own.
  table_bytes_ = std::max(table_bytes_, needs.table_bytes);
  ++planned_sizes_;
  memory.tables = table_bytes_ * std::min(planned_sizes_, bound_sizes_);
  packed_.merge(needs.packed_bytes);
  memory.packed = 0;
  for (const auto& [key, bytes] : packed_) memory.packed += bytes;
  return {};
}

Status Network::reserve(std::int64_t activations, std::int64_t most) {
  sessions_.limit(most);
  return sessions_.reserve(activations);
}

Status Network::run(session::Session& session) {
  GRAPHRUN_TRY(timeline_->mark());
  GRAPHRUN_TRY(session.run());
  return timeline_->mark();
}

Status Network::end_image() {
  GRAPHRUN_ASSIGN(const std::vector<double> marks, timeline_->seconds());
  for (std::size_t i = 0; i + 1 < marks.size(); i += 2) run_seconds_ += marks[i + 1] - marks[i];
  timeline_->clear();
  return {};
}

}  // namespace graphrun::labelling
