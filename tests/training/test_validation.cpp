#include <cmath>

#include "datasets/descriptor.h"
#include "ops/cpu_training.h"
#include "runtime/collective/self.h"
#include "runtime/session/image.h"
#include "tests/session/compiled.h"
#include "training/setup.h"
#include "training/validation.h"

// Validation between epochs: whatever its batches are, it is what the network says of each sample alone.
using namespace graphrun;
using namespace graphrun::test;

namespace {

constexpr std::int64_t kSize = 33, kSamples = 10;

class Silent final : public training::TrainObserver {
 public:
  void planned(std::int64_t, const session::Rematerialisations&) override {}
  void iteration(const training::IterationRecord&, std::int64_t) override {}
  void validating(std::int64_t done, std::int64_t total, double) override { seen = done, of = total; }
  void epoch(const training::EpochRecord&, std::int64_t) override {}
  void saved(const std::filesystem::path&) override {}
  void warning(const std::string&) override {}
  std::int64_t seen = 0, of = 0;
};

training::TrainJob make_job(const std::string& batch_size_val) {
  const auto descriptor = take(datasets::parse_descriptor(
      R"({"name": "d", "classes": [{"name": "a", "color": [9, 0, 0]}, {"name": "b", "color": [0, 9, 0]},
          {"name": "c", "color": [0, 0, 9]}, {"name": "d", "color": [9, 9, 0]}, {"name": "e", "color": [9, 0, 9]},
          {"name": "f", "color": [0, 9, 9]}, {"name": "g", "color": [9, 9, 9]}], "labels": {"identity": 7},
          "generator": {"name": "shapes", "height": 41, "width": 29}, "splits": {"val": {"count": 10, "seed": 2}}})",
      "d.json"));
  const auto program = take(tiny_program(0.1)->bind({{"classes", 7}}));
  const auto weights = take(weights::Weights::initialise(
      *program, 5, take(ops::make_cpu_backend(0, ops::with_training_kernels()))));
  training::TrainJob job;
  job.program = program;
  job.weights = weights;
  job.validation = take(datasets::open_dataset(descriptor, "val", std::nullopt));
  job.comm = collective::make_self();
  for (const datasets::ClassInfo& info : descriptor.classes) job.palette.push_back(info.color);
  for (const std::string setting : {"train_h", "train_w"})
    require_ok(job.settings.set(setting, std::to_string(kSize), "test"));
  require_ok(job.settings.set("batch_size_val", batch_size_val, "test"));
  return job;
}

training::Validation validate(const training::TrainJob& job) {
  const auto validator = take(training::Validator::make(
      job, training::augment_settings(job.settings, job.program->model().preprocess)));
  Silent observer;
  training::Validation first = *take(validator->run(observer));
  BOOST_TEST((observer.seen == kSamples && observer.of == kSamples));
  const training::Validation again = *take(validator->run(observer));
  BOOST_TEST(again.record.loss == first.record.loss);
  return first;
}

}  // namespace

BOOST_AUTO_TEST_CASE(validation_is_the_mean_over_all_labelled_pixels_of_the_crops) {
  const training::TrainJob job = make_job("4");
  const training::Validation actual = validate(job);
  datasets::AugmentSettings augment =
      training::augment_settings(job.settings, job.program->model().preprocess);
  augment.augment = false;
  const auto session = take(session::Session::create(job.program, job.weights, {1, kSize, kSize}));
  training::ConfusionMatrix confusion(7);
  datasets::AugmentScratch scratch;
  double loss = 0;
  std::int64_t pixels = 0;
  std::vector<std::int32_t> label(kSize * kSize), prediction(kSize * kSize);
  for (std::int64_t i = 0; i < kSamples; ++i) {
    require_ok(datasets::apply(take(job.validation->load(i)), augment, datasets::AugmentParams{}, scratch,
                               session->input().as<float>(), label.data()));
    require_ok(session->run());
    const TensorView output = take(session->logits());
    require_ok(session::arg_max(output, prediction));
    confusion.add(prediction, label);
    for (std::size_t p = 0; p < label.size(); ++p) {
      if (label[p] == 255) continue;
      const float* const logits =
          output.as<float>() + static_cast<std::int64_t>(p) * output.desc.pixel_stride;
      double sum = 0;
      for (int c = 0; c < 7; ++c) sum += std::exp(static_cast<double>(logits[c]));
      loss += std::log(sum) - static_cast<double>(logits[label[p]]);
      ++pixels;
    }
  }
  BOOST_TEST(pixels < kSamples * kSize * kSize);  // the images are narrower than the crop
  BOOST_TEST(std::abs(actual.record.loss - loss / static_cast<double>(pixels)) < 1e-5);
  const training::Scores expected = training::Scores::of(confusion);
  BOOST_TEST(std::abs(actual.record.scores.mean_iou - expected.mean_iou) < 1e-3);
  BOOST_TEST(std::abs(actual.record.scores.accuracy - expected.accuracy) < 1e-3);
  for (const std::string other : {"1", "10", "64"})
    BOOST_TEST(std::abs(validate(make_job(other)).record.loss - actual.record.loss) < 1e-5);

  BOOST_TEST_REQUIRE(actual.pictures.size() == 4u);
  const imaging::Image& picture = actual.pictures[1].image;
  BOOST_TEST((picture.height == kSize && picture.width == 3 * kSize));
  BOOST_TEST(actual.pictures[1].name == job.validation->name(1));
  const datasets::Sample sample = take(job.validation->load(1));
  const std::int64_t left = (kSize - sample.image.width) / 2;
  const std::int64_t top = (sample.image.height - kSize) / 2;
  for (std::int64_t y = 0; y < kSize; ++y) {
    for (std::int64_t x = 0; x < sample.image.width; ++x) {
      const std::int64_t from = (top + y) * sample.image.width + x;
      const std::int64_t to = y * 3 * kSize + left + x;
      for (std::int64_t c = 0; c < 3; ++c)
        BOOST_REQUIRE(picture.rgb[static_cast<std::size_t>(3 * to + c)] ==
                      sample.image.rgb[static_cast<std::size_t>(3 * from + c)]);
      const imaging::Color color = job.palette[sample.label.ids[static_cast<std::size_t>(from)]];
      BOOST_REQUIRE(picture.rgb[static_cast<std::size_t>(3 * (to + kSize))] == color.r);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_checkpoint_has_sums_of_what_its_epoch_has_done) {
  training::TrainJob job = make_job("4");
  job.data = job.validation;
  require_ok(job.settings.set("batch_size", "2", "test"));  // 5 iterations an epoch
  job.start.iteration = 7;
  job.start.epoch = 1;
  job.start.sums.iterations = 2;
  require_ok(training::check_start(job));
  for (const std::int64_t iterations : {std::int64_t{3}, INT64_MAX}) {
    job.start.sums.iterations = iterations;
    BOOST_TEST(training::check_start(job).message().find("more iterations than it has done") !=
               std::string::npos);
  }
}
