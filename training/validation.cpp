#include "training/validation.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "runtime/core/round_up.h"
#include "runtime/imaging/image_form.h"
#include "training/parallel.h"
#include "training/pictures.h"

namespace graphrun::training {
namespace {

constexpr std::int64_t kPictures = 4;

}  // namespace

Result<std::unique_ptr<Validator>> Validator::make(const TrainJob& job,
                                                   const datasets::AugmentSettings& augment) {
  if (!job.validation->labelled() || job.validation->size() == 0) {
    return {ErrorCode::invalid_argument, "evaluate=true needs a split \"val\" with samples and labels"};
  }
  const std::int64_t batch = std::min(job.settings.integer("batch_size_val"), job.validation->size());
  GRAPHRUN_ASSIGN(std::unique_ptr<session::Session> session,
                  session::Session::create(
                      job.program, job.weights,
                      {.n = batch, .h = augment.train_h, .w = augment.train_w, .precision = job.precision}));
  GRAPHRUN_ASSIGN(const TensorView logits, session->logits());
  std::unique_ptr<Validator> validator(new Validator(job, augment, std::move(session), logits));
  GRAPHRUN_TRY(validator->bind());
  return validator;
}

Validator::Validator(const TrainJob& job, const datasets::AugmentSettings& augment,
                     std::unique_ptr<session::Session> session, const TensorView& logits)
    : job_(job),
      augment_(augment),
      session_(std::move(session)),
      pixels_(augment.train_h * augment.train_w),
      label_(static_cast<std::size_t>(session_->input().desc.pixels())),
      logits_(logits),
      confusion_(static_cast<int>(logits.desc.c())) {
  augment_.augment = false;
}

Status Validator::bind() {
  model::Backend& backend = *job_.weights->backend();
  const Shape labels{logits_.desc.n(), logits_.desc.h(), logits_.desc.w()};
  device_label_.desc = TensorDesc::dense(DType::i32, labels);
  classes_.desc = TensorDesc::dense(DType::i32, labels);
  totals_.desc = TensorDesc::dense(DType::f64, {2});
  counts_.desc = TensorDesc::dense(DType::i64, {logits_.desc.c(), logits_.desc.c()});
  const auto views = {&device_label_, &classes_, &totals_, &counts_};
  std::int64_t bytes = 0;
  for (const TensorView* view : views) bytes += core::whole_lines(view->desc.bytes());
  GRAPHRUN_ASSIGN(memory_, backend.allocate(bytes));
  auto* memory = static_cast<std::byte*>(memory_->data());
  for (TensorView* view : views) {
    view->data = memory;
    memory += core::whole_lines(view->desc.bytes());
  }
  const OpRegistry& ops = job_.program->registry();
  const AttrMap ignore{{"ignore_label", Expr(std::int64_t{augment_.ignore_label})}};
  GRAPHRUN_ASSIGN(score_, session::BoundOp::bind(ops, backend, OpRole::pixel_loss_totals, ignore,
                                                 {logits_, device_label_}, {totals_, counts_}));
  GRAPHRUN_ASSIGN(arg_max_, session::BoundOp::bind(ops, backend, OpRole::arg_max, {}, {logits_}, {classes_}));
  return {};
}

Result<std::optional<Validation>> Validator::run(TrainObserver& observer) {
  using Clock = std::chrono::steady_clock;
  // There are as many rounds as the largest part of a rank takes, so that all can stop together.
  const std::int64_t total = job_.validation->size();
  const std::int64_t comm = job_.comm->size();
  const std::int64_t largest = (total + comm - 1) / comm;
  datasets::SamplerSettings sampling;
  sampling.first = std::min(job_.comm->rank() * largest, total);
  sampling.samples = std::min(largest, total - sampling.first);
  sampling.batch_size = 1;
  sampling.shuffle = false;
  datasets::LoaderSettings loading;
  loading.workers = static_cast<int>(job_.settings.integer("workers"));
  loading.depth = loading.workers + 2;
  loading.end = sampling.samples;
  std::unique_ptr<datasets::Loader> loader;
  if (sampling.samples > 0) {
    GRAPHRUN_ASSIGN(const datasets::Sampler sampler, datasets::Sampler::make(sampling));
    GRAPHRUN_ASSIGN(loader, datasets::Loader::start(*job_.validation, sampler, augment_, loading));
  }
  Validation validation;
  std::ranges::fill(confusion_.cells(), 0);
  loss_ = 0;
  weight_ = 0;
  const std::int64_t batch = session_->input().desc.n();
  const bool is_first = job_.comm->rank() == 0;
  auto start = Clock::now();
  for (std::int64_t first = 0; first < largest; first += batch) {
    const std::int64_t count = std::min(batch, sampling.samples - first);
    if (count > 0) GRAPHRUN_TRY(fill(*loader, first, count));
    GRAPHRUN_ASSIGN(const Stop stop, vote(*job_.comm, job_.stop));
    if (stop != Stop::none) return std::optional<Validation>();
    if (count <= 0) continue;
    GRAPHRUN_TRY(session_->run());
    GRAPHRUN_TRY(score());
    if (!is_first) continue;
    if (first < kPictures) GRAPHRUN_TRY(add_pictures(first, std::min(count, kPictures - first), validation));
    const auto end = Clock::now();
    observer.validating(std::min((first + count) * comm, total), total,
                        std::chrono::duration<double>(end - start).count());
    start = end;
  }
  GRAPHRUN_TRY(sum_up());
  validation.record = {weight_ > 0 ? loss_ / weight_ : 0, confusion_.metrics()};
  return std::optional<Validation>(std::move(validation));
}

Status Validator::sum_up() {
  std::array<double, 2> sums{loss_, weight_};
  GRAPHRUN_TRY(collective::all_reduce<double>(*job_.comm, sums));
  loss_ = sums[0];
  weight_ = sums[1];
  return collective::all_reduce(*job_.comm, confusion_.cells());
}

// A last batch that is not full keeps images of the one before it, without labels.
Status Validator::fill(datasets::Loader& loader, std::int64_t first, std::int64_t count) {
  model::Backend& backend = *job_.weights->backend();
  const std::int64_t image_floats = augment_.channels() * pixels_;
  std::ranges::fill(label_, augment_.ignore_label);
  images_.clear();
  for (std::int64_t place = 0; place < count; ++place) {
    GRAPHRUN_ASSIGN(const datasets::Batch* const sample, loader.next());
    std::copy_n(sample->label, pixels_, label_.begin() + place * pixels_);
    GRAPHRUN_TRY(backend.copy_to_device(session_->input().as<float>() + place * image_floats, sample->image,
                                        image_floats * static_cast<std::int64_t>(sizeof(float))));
    if (first + place < kPictures) images_.insert(images_.end(), sample->image, sample->image + image_floats);
  }
  return backend.copy_to_device(device_label_.data, label_.data(), device_label_.desc.bytes());
}

Status Validator::score() {
  model::Backend& backend = *job_.weights->backend();
  GRAPHRUN_TRY(score_->run());
  std::array<double, 2> totals{};
  const std::int64_t classes = counts_.desc.shape[0];
  std::vector<std::int64_t> cells(static_cast<std::size_t>(classes * classes));
  GRAPHRUN_TRY(backend.copy_to_host(totals.data(), totals_.data, sizeof(totals)));
  GRAPHRUN_TRY(backend.copy_to_host(cells.data(), counts_.data, counts_.desc.bytes()));
  loss_ += totals[0];
  weight_ += totals[1];
  confusion_.add(cells);
  return {};
}

Status Validator::add_pictures(std::int64_t first, std::int64_t count, Validation& validation) {
  GRAPHRUN_TRY(arg_max_->run());
  std::vector<std::int32_t> classes(static_cast<std::size_t>(classes_.desc.shape.count()));
  GRAPHRUN_TRY(job_.weights->backend()->copy_to_host(classes.data(), classes_.data, classes_.desc.bytes()));
  const auto plane = static_cast<std::size_t>(pixels_);
  const bool is_picture = imaging::form_of(job_.program->model().preprocess).is_picture();
  for (std::int64_t place = 0; place < count; ++place) {
    const std::size_t at = static_cast<std::size_t>(place) * plane;
    validation.pictures.push_back(
        {job_.validation->name(first + place),
         side_by_side(
             augment_, is_picture, images_.data() + static_cast<std::size_t>(augment_.channels()) * at,
             std::span(label_).subspan(at, plane), std::span(classes).subspan(at, plane), job_.palette)});
  }
  return {};
}

}  // namespace graphrun::training
