#include "runtime/labelling/network.h"

#include <algorithm>

#include "runtime/model/infer.h"
#include "runtime/session/dims.h"

namespace graphrun::labelling {
namespace {

// The channels of the output "logits", whatever the image's size.
Result<std::int64_t> count_classes(const model::Program& program) {
  const model::Model& model = program.model();
  const model::Method* const method = model.method("eval");
  const Status missing(ErrorCode::invalid_argument,
                       "the method \"eval\" has no output \"logits\" (N, classes, H, W)");
  if (method == nullptr) return missing;
  const auto logits = std::ranges::find(method->outputs, "logits", &model::NamedValue::name);
  if (logits == method->outputs.end()) return missing;
  GRAPHRUN_ASSIGN(const std::vector<ValueType> types,
                  model::infer_types(model, *method, program.registry(), model::symbolic_dims(model)));
  const ValueType& type = types[static_cast<std::size_t>(logits->value)];
  if (type.layout != Layout::nhwc || !type.shape[1].is_constant()) return missing;
  const auto image = std::ranges::find_if(method->values, [](const model::Value& value) {
    return value.origin == model::Origin::input && value.name == "image";
  });
  if (image == method->values.end()) return missing;
  const ValueType& wanted = types[static_cast<std::size_t>(image - method->values.begin())];
  if (wanted.shape.size() != 4) return missing;
  GRAPHRUN_TRY(require_equal(wanted.shape[2], type.shape[2], "height of logits"));
  GRAPHRUN_TRY(require_equal(wanted.shape[3], type.shape[3], "width of logits"));
  return type.shape[1].constant();
}

}  // namespace

Network::Network(std::shared_ptr<const model::Program> program, std::shared_ptr<weights::Weights> weights,
                 const ProtocolSettings& settings, std::int64_t classes,
                 std::unique_ptr<imaging::Planes> planes)
    : program_(program),
      backend_(weights->backend()),
      timeline_(backend_->timeline()),
      planes_(std::move(planes)),
      classes_(classes),
      sessions_(std::move(program), std::move(weights),
                {.sessions = static_cast<std::size_t>(settings.sessions),
                 .before_resize = settings.before_resize,
                 .precision = settings.precision}) {}

Result<std::unique_ptr<Network>> Network::make(const ProtocolSettings& settings,
                                               std::shared_ptr<const model::Program> program,
                                               std::shared_ptr<weights::Weights> weights) {
  GRAPHRUN_ASSIGN(const std::int64_t classes, count_classes(*program));
  if (classes > imaging::kMaxClasses) {
    return {ErrorCode::unsupported, "label maps hold " + std::to_string(imaging::kMaxClasses) +
                                        " classes, the network has " + std::to_string(classes)};
  }
  GRAPHRUN_ASSIGN(
      std::unique_ptr<imaging::Planes> planes,
      imaging::make_planes(weights->backend(), {classes, settings.flip, program->model().preprocess}));
  return std::unique_ptr<Network>(
      new Network(std::move(program), std::move(weights), settings, classes, std::move(planes)));
}

Status Network::check(const imaging::Extent& size) const {
  return status_of(
      session::solve_dims(*program_, {{"image", Shape{1, channels(), size.height, size.width}}}));
}

Result<imaging::Extent> Network::fit(std::int64_t n, const imaging::Extent& size) {
  const auto known = fitting_.find(size);
  if (known != fitting_.end()) return known->second;
  GRAPHRUN_ASSIGN(const session::Session::Options fitting,
                  session::Session::fit(*program_, {n, size.height, size.width}));
  return fitting_[size] = imaging::Extent{fitting.h, fitting.w};
}

Status Network::plan(const session::SessionCache::Size& size, EvaluationMemory& memory) {
  GRAPHRUN_ASSIGN(session::MethodNeeds needs, sessions_.plan(size));
  memory.activations = std::max(memory.activations, needs.arena_bytes);
  prepared_.merge(needs.prepared_bytes);
  memory.prepared = 0;
  for (const auto& [key, bytes] : prepared_) memory.prepared += bytes;
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
