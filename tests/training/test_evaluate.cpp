#include <rapidjson/document.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "datasets/image_io.h"
#include "datasets/subset.h"
#include "ops/cpu_backend.h"
#include "runtime/core/file.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "training/evaluation/evaluate.h"
#include "training/evaluation/report.h"

using namespace graphrun;
using graphrun::test::require;
using graphrun::test::Scratch;

namespace {

// Two images, one right and one wrong by half; without labels if asked.
class TwoImages final : public datasets::Dataset {
 public:
  explicit TwoImages(bool has_labels) : labelled_(has_labels) {}
  std::int64_t size() const override { return 2; }
  bool labelled() const override { return labelled_; }
  std::string name(std::int64_t index) const override { return index == 0 ? "first" : "second"; }
  Result<imaging::Image> load_image(std::int64_t) const override {
    return imaging::Image{1, 2, std::vector<std::uint8_t>(6, 100)};
  }
  Result<imaging::LabelMap> load_label(std::int64_t index) const override {
    if (!labelled_) return imaging::LabelMap{};
    return index == 0 ? imaging::LabelMap{1, 2, {1, 1}} : imaging::LabelMap{1, 2, {0, 1}};
  }

 private:
  bool labelled_;
};

class AlwaysOne final : public labelling::Protocol {
 public:
  Result<LabelMap> label(const ImageView& image, const LabelDetails&) override {
    return imaging::LabelMap{image.height, image.width,
                             std::vector<ClassId>(static_cast<std::size_t>(image.height * image.width), 1)};
  }
  std::int64_t classes() const override { return 2; }
  std::int64_t channels() const override { return 3; }
  labelling::ProtocolSeconds seconds() const override { return {}; }
  Result<labelling::EvaluationMemory> plan(std::span<const imaging::Extent> images) override {
    labelling::EvaluationMemory memory;
    for (const imaging::Extent& image : images) memory.activations += image.height * image.width;
    return memory;
  }
  Status reserve(const labelling::EvaluationMemory& memory, std::int64_t max_bytes) override {
    reserved = memory.activations;
    most = max_bytes;
    return {};
  }
  std::int64_t reserved = 0;
  std::int64_t most = 0;
};

class Count final : public training::EvalObserver {
 public:
  void image(std::int64_t done, std::int64_t total, double, const training::ConfusionMatrix*) override {
    BOOST_TEST(total == 2);
    last = done;
  }
  std::int64_t last = 0;
};

// Images of different sizes and colours; counts those that it was asked for.
class ManyImages final : public datasets::Dataset {
 public:
  explicit ManyImages(std::int64_t size, std::int64_t broken = -1) : size_(size), broken_(broken) {}
  std::int64_t size() const override { return size_; }
  bool labelled() const override { return true; }
  std::string name(std::int64_t index) const override { return "image" + std::to_string(index); }
  Result<imaging::Image> load_image(std::int64_t index) const override {
    {
      const std::lock_guard lock(mutex_);
      ++asked_;
    }
    one_more_.notify_all();
    if (index == broken_) return Status(ErrorCode::invalid_file, name(index) + " is broken");
    const imaging::Extent size = extent(index);
    imaging::Image image{size.height, size.width, {}};
    for (std::int64_t i = 0; i < 3 * size.height * size.width; ++i)
      image.rgb.push_back(static_cast<std::uint8_t>(37 * index + 11 * i));
    return image;
  }
  Result<imaging::LabelMap> load_label(std::int64_t index) const override {
    const imaging::Extent size = extent(index);
    return imaging::LabelMap{size.height, size.width,
                             std::vector<ClassId>(static_cast<std::size_t>(size.height * size.width), 1)};
  }
  // How many images were asked for, once there are `expected`, or after some time.
  std::int64_t asked(std::int64_t expected) const {
    std::unique_lock lock(mutex_);
    one_more_.wait_for(lock, std::chrono::seconds(20), [&] { return asked_ >= expected; });
    return asked_;
  }

 private:
  static imaging::Extent extent(std::int64_t index) { return {20 + index % 3, 30 + index % 4}; }
  std::int64_t size_;
  std::int64_t broken_;
  mutable std::mutex mutex_;
  mutable std::condition_variable one_more_;
  mutable std::int64_t asked_ = 0;
};

class BrightPixels final : public labelling::Protocol {
 public:
  Result<LabelMap> label(const ImageView& image, const LabelDetails&) override {
    if (watched != nullptr) {
      const std::int64_t expected = std::min(images + 1 + ahead, watched->size());
      BOOST_TEST(watched->asked(expected) == expected);
    }
    ++images;
    imaging::LabelMap map{image.height, image.width, {}};
    const auto* const rgb = static_cast<const std::uint8_t*>(image.data);
    for (std::int64_t i = 0; i < image.height * image.width; ++i) map.ids.push_back(rgb[3 * i] > 100 ? 1 : 0);
    return map;
  }
  std::int64_t classes() const override { return 2; }
  std::int64_t channels() const override { return 3; }
  labelling::ProtocolSeconds seconds() const override { return {}; }
  Result<labelling::EvaluationMemory> plan(std::span<const imaging::Extent>) override {
    return labelling::EvaluationMemory{};
  }
  Status reserve(const labelling::EvaluationMemory&, std::int64_t) override { return {}; }
  const ManyImages* watched = nullptr;
  std::int64_t ahead = 0;
  std::int64_t images = 0;
};

class InOrder final : public training::EvalObserver {
 public:
  void image(std::int64_t done, std::int64_t, double, const training::ConfusionMatrix* so_far) override {
    BOOST_TEST(done == last + 1);
    BOOST_TEST(so_far != nullptr);
    last = done;
  }
  std::int64_t last = 0;
};

class DeviceWithoutKernels final : public model::Backend {
 public:
  std::string_view device() const override { return "none"; }
  std::vector<KernelEntry> candidates(std::string_view) const override { return {}; }
  Result<std::unique_ptr<model::Buffer>> allocate(std::int64_t) override { return unavailable(); }
  std::shared_ptr<void> allocate_host(std::int64_t) override { return nullptr; }
  bool is_host() const override { return false; }
  Status copy_to_device(void*, const void*, std::int64_t) override { return unavailable(); }
  Status copy_to_host(void*, const void*, std::int64_t) override { return unavailable(); }
  Status synchronize() override { return {}; }
  Status check_precision(DType) const override { return {}; }
  int threads() const override { return 1; }

 private:
  static Status unavailable() { return {ErrorCode::unsupported, "no memory"}; }
};

const std::vector<datasets::ClassInfo> kClasses = {{"a \"quoted\" name", {0, 0, 0}}, {"b", {200, 100, 0}}};

}  // namespace

BOOST_AUTO_TEST_CASE(metrics_json_says_what_was_measured_and_how) {
  AlwaysOne protocol;
  Count count;
  const auto tally = require(evaluate(TwoImages(true), protocol, {}, count)).tally;
  BOOST_REQUIRE(tally.has_value());
  BOOST_TEST(count.last == 2);
  const labelling::ProtocolSettings settings{
      .name = "slide", .scales = {0.5, 1.0}, .flip = false, .base_size = 512, .test_h = 473, .test_w = 465};
  rapidjson::Document json;
  json.Parse(training::metrics_json({*tally, kClasses, &settings, {100, 2}}).c_str());
  BOOST_REQUIRE(!json.HasParseError());
  BOOST_TEST(std::abs(json["mIoU"].GetDouble() - 0.375) < 1e-9);
  BOOST_TEST(std::abs(json["mAcc"].GetDouble() - 0.5) < 1e-9);
  BOOST_TEST(std::abs(json["aAcc"].GetDouble() - 0.75) < 1e-9);
  BOOST_TEST(json["images"].GetInt() == 2);
  BOOST_REQUIRE(json["per_class"].Size() == 2U);
  BOOST_TEST(json["per_class"][0]["name"].GetString() == std::string("a \"quoted\" name"));
  BOOST_TEST(std::abs(json["per_class"][1]["iou"].GetDouble() - 0.75) < 1e-9);
  BOOST_TEST(std::abs(json["per_class"][1]["acc"].GetDouble() - 1.0) < 1e-9);
  const auto& how = json["protocol"];
  BOOST_TEST(how["name"].GetString() == std::string("slide"));
  BOOST_TEST((how["scales"].Size() == 2 && how["scales"][0].GetDouble() == 0.5));
  BOOST_TEST(!how["flip"].GetBool());
  BOOST_TEST((how["index_start"].GetInt() == 100 && how["index_step"].GetInt() == 2));
  BOOST_TEST(
      (how["base_size"].GetInt() == 512 && how["test_h"].GetInt() == 473 && how["test_w"].GetInt() == 465));
}

BOOST_AUTO_TEST_CASE(pictures_are_written_and_nothing_is_scored_without_labels) {
  const Scratch scratch;
  AlwaysOne protocol;
  Count count;
  const training::PictureWriter pictures =
      require(training::PictureWriter::create(scratch / "out", training::class_colors(kClasses), {7, 11}));
  BOOST_TEST(!require(evaluate(TwoImages(false), protocol, {.pictures = &pictures, .details = {}}, count))
                  .tally.has_value());
  for (const char* kind : {"gray", "color"}) {
    const datasets::LabelImage map =
        require(datasets::read_label(scratch.path() / "out" / kind / "second.png"));
    BOOST_TEST((map.height == 1 && map.width == 2 && map.ids[0] == 1 && map.ids[1] == 1));
  }
  BOOST_TEST(!require(datasets::read_label(scratch.path() / "out/color/first.png")).palette.empty());
  BOOST_TEST(require(datasets::read_label(scratch.path() / "out/label/first.png")).ids[0] == 11);
  const imaging::Image over = require(datasets::read_image(scratch.path() / "out/overlay/first.png"));
  BOOST_TEST((over.rgb[0] > 100 && over.rgb[1] == 100 && over.rgb[2] < 100));
}

BOOST_AUTO_TEST_CASE(memory_is_planned_from_the_sizes_of_all_images) {
  const TwoImages data(false);
  AlwaysOne protocol;
  const labelling::EvaluationMemory memory = require(training::reserve_memory(data, protocol, 1000000));
  BOOST_TEST(memory.activations == 4);  // two images of two pixels
  BOOST_TEST((memory.largest == imaging::Extent{1, 2}));
  BOOST_TEST(memory.pictures == 2 * 28);
  BOOST_TEST(protocol.reserved == 4);
  BOOST_TEST(protocol.most == 1000000 - memory.pictures);
  const auto refused = training::reserve_memory(data, protocol, memory.total() - 1);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.status().message().find("images of up to 2 x 1") != std::string::npos,
             refused.status().message());
  BOOST_TEST(require(training::reserve_memory(data, protocol, 1000000, {2, 3})).pictures ==
             2 * (6 * 7 + 3 * 7));
}

BOOST_AUTO_TEST_CASE(several_images_aside_give_the_same_results) {
  const Scratch scratch;
  constexpr std::int64_t kImages = 11;
  const auto run = [&](const std::string& folder, const training::PipelineDepth& depth) {
    const training::PictureWriter pictures =
        require(training::PictureWriter::create(scratch / folder, training::class_colors(kClasses), {7, 11}));
    BrightPixels protocol;
    InOrder order;
    const auto result = require(
        evaluate(ManyImages(kImages), protocol, {.pictures = &pictures, .details = {}}, order, depth));
    BOOST_TEST(order.last == kImages);
    const std::span<const std::int64_t> cells = result.tally->confusion().cells();
    return std::vector<std::int64_t>(cells.begin(), cells.end());
  };
  const std::vector<std::int64_t> one = run("one", {1, 1});
  const std::vector<std::int64_t> four = run("four", {3, 4});
  BOOST_TEST(one == four, boost::test_tools::per_element());
  for (const char* kind : {"gray", "color", "label", "overlay"}) {
    for (std::int64_t i = 0; i < kImages; ++i) {
      const std::string file = std::string(kind) + "/image" + std::to_string(i) + ".png";
      BOOST_TEST(require(core::read_file(scratch / ("one/" + file), 1 << 20)) ==
                 require(core::read_file(scratch / ("four/" + file), 1 << 20)));
    }
  }
}

BOOST_AUTO_TEST_CASE(so_many_images_are_decoded_ahead) {
  for (const int ahead : {1, 3, 20}) {
    const ManyImages data(8);
    BrightPixels protocol;
    protocol.watched = &data;
    protocol.ahead = ahead;
    InOrder order;
    require(status_of(evaluate(data, protocol, {}, order, {ahead, 1})));
    BOOST_TEST(order.last == 8);
  }
}

BOOST_AUTO_TEST_CASE(an_image_that_cannot_be_decoded_ends_an_evaluation) {
  const Scratch scratch;
  for (const training::PipelineDepth& depth :
       {training::PipelineDepth{1, 1}, training::PipelineDepth{4, 4}}) {
    const training::PictureWriter pictures = require(training::PictureWriter::create(
        scratch / ("broken" + std::to_string(depth.written)), training::class_colors(kClasses)));
    BrightPixels protocol;
    InOrder order;
    const auto result =
        evaluate(ManyImages(10, 6), protocol, {.pictures = &pictures, .details = {}}, order, depth);
    BOOST_REQUIRE(!result.ok());
    BOOST_TEST(result.status().message().find("image6 is broken") != std::string::npos);
    BOOST_TEST(order.last == 6);
  }
}

BOOST_AUTO_TEST_CASE(a_picture_that_cannot_be_written_ends_an_evaluation) {
  const Scratch scratch;
  for (const int written : {1, 4}) {
    for (const int in_the_way : {5, 11}) {
      const std::string folder = std::to_string(written) + "_" + std::to_string(in_the_way);
      const training::PictureWriter pictures =
          require(training::PictureWriter::create(scratch / folder, training::class_colors(kClasses)));
      const std::string file = "gray/image" + std::to_string(in_the_way) + ".png";
      std::filesystem::create_directories(scratch / folder / file / "in the way");
      BrightPixels protocol;
      InOrder order;
      const auto result =
          evaluate(ManyImages(12), protocol, {.pictures = &pictures, .details = {}}, order, {4, written});
      BOOST_REQUIRE(!result.ok());
      BOOST_TEST(result.status().message().find(file) != std::string::npos, result.status().message());
      BOOST_TEST(order.last == std::min(in_the_way + written, 12));
    }
  }
}

BOOST_AUTO_TEST_CASE(images_aside_leave_the_processors_to_the_kernels_on_the_host) {
  const auto host = require(ops::make_cpu_backend(4));
  BOOST_TEST((training::pipeline_depth(*host, 4) == training::PipelineDepth{1, 1}));
  const DeviceWithoutKernels device;
  BOOST_TEST((training::pipeline_depth(device, 1) == training::PipelineDepth{1, 1}));
  BOOST_TEST((training::pipeline_depth(device, 3) == training::PipelineDepth{3, 3}));
  BOOST_TEST((training::pipeline_depth(device, 100) == training::PipelineDepth{4, 8}));
  const training::PipelineDepth own = training::pipeline_depth(device, 0);
  BOOST_TEST((own.decoded >= 1 && own.written >= own.decoded && own.written <= 8));
}

BOOST_AUTO_TEST_CASE(a_part_of_a_split) {
  const TwoImages data(true);
  const auto second = require(datasets::Subset::make(data, {1, 1}));
  BOOST_TEST((second->size() == 1 && second->name(0) == "second" && second->labelled()));
  BOOST_TEST(require(second->load(0)).label.ids[0] == 0);
  BOOST_TEST(require(datasets::Subset::make(data, {}))->size() == 2);
  BOOST_TEST(require(datasets::Subset::make(data, {0, 2}))->range().whole());
  const auto rest = require(datasets::Subset::make(data, {1, 5}));
  BOOST_TEST((rest->size() == 1 && rest->range().first == 1 && rest->range().count == 1));
  BOOST_TEST(!datasets::Subset::make(data, {2, 0}).ok());
}
