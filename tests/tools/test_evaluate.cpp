#include <rapidjson/document.h>

#include <boost/test/unit_test.hpp>

#include "datasets/image_io.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "tools/eval/evaluate.h"
#include "tools/eval/report.h"
#include "tools/eval/subset.h"

using namespace graphrun;
using graphrun::test::require;
using graphrun::test::Scratch;

namespace {

// Two images, one right and one wrong by half; without labels if asked.
class TwoImages final : public Dataset {
 public:
  explicit TwoImages(bool has_labels) : labelled_(has_labels) {}
  std::int64_t size() const override { return 2; }
  bool labelled() const override { return labelled_; }
  std::string name(std::int64_t index) const override { return index == 0 ? "first" : "second"; }
  Result<Image> load_image(std::int64_t) const override {
    return Image{1, 2, std::vector<std::uint8_t>(6, 100)};
  }
  Result<LabelMap> load_label(std::int64_t index) const override {
    if (!labelled_) return LabelMap{};
    return index == 0 ? LabelMap{1, 2, {1, 1}} : LabelMap{1, 2, {0, 1}};
  }

 private:
  bool labelled_;
};

class AlwaysOne final : public Protocol {
 public:
  Result<LabelMap> label(const Image& image) override {
    return LabelMap{image.height, image.width, std::vector<std::uint8_t>(image.rgb.size() / 3, 1)};
  }
  std::int64_t classes() const override { return 2; }
  ProtocolSeconds seconds() const override { return {}; }
  Result<EvaluationMemory> plan(std::span<const Extent> images) override {
    EvaluationMemory memory;
    for (const Extent& image : images) memory.activations += image.height * image.width;
    return memory;
  }
  Status reserve(const EvaluationMemory& memory, std::int64_t most_bytes) override {
    reserved = memory.activations;
    most = most_bytes;
    return {};
  }
  std::int64_t reserved = 0;
  std::int64_t most = 0;
};

class Count final : public EvalObserver {
 public:
  void image(std::int64_t done, std::int64_t total, double, const ConfusionMatrix*) override {
    BOOST_TEST(total == 2);
    last = done;
  }
  std::int64_t last = 0;
};

const std::vector<ClassInfo> kClasses = {{"a \"quoted\" name", {0, 0, 0}}, {"b", {200, 100, 0}}};

}  // namespace

BOOST_AUTO_TEST_CASE(metrics_json_says_what_was_measured_and_how) {
  AlwaysOne protocol;
  Count count;
  const auto confusion = require(evaluate(TwoImages(true), protocol, nullptr, count)).confusion;
  BOOST_REQUIRE(confusion.has_value());
  BOOST_TEST(count.last == 2);
  const ProtocolSettings settings{
      .name = "slide", .scales = {0.5, 1.0}, .flip = false, .base_size = 512, .test_h = 473, .test_w = 465};
  rapidjson::Document json;
  json.Parse(metrics_json(confusion->metrics(), kClasses, 2, &settings, {100, 2}).c_str());
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
  const PictureWriter pictures =
      require(PictureWriter::create(scratch / "out", class_colors(kClasses), {7, 11}));
  BOOST_TEST(!require(evaluate(TwoImages(false), protocol, &pictures, count)).confusion.has_value());
  for (const char* kind : {"gray", "color"}) {
    const LabelImage map = require(read_label(scratch.path() / "out" / kind / "second.png"));
    BOOST_TEST((map.height == 1 && map.width == 2 && map.ids[0] == 1 && map.ids[1] == 1));
  }
  BOOST_TEST(!require(read_label(scratch.path() / "out/color/first.png")).palette.empty());
  BOOST_TEST(require(read_label(scratch.path() / "out/label/first.png")).ids[0] == 11);
  const Image over = require(read_image(scratch.path() / "out/overlay/first.png"));
  BOOST_TEST((over.rgb[0] > 100 && over.rgb[1] == 100 && over.rgb[2] < 100));
}

BOOST_AUTO_TEST_CASE(memory_is_planned_from_the_sizes_of_all_images) {
  const TwoImages data(false);
  AlwaysOne protocol;
  const EvaluationMemory memory = require(reserve_memory(data, protocol, 1000000));
  BOOST_TEST(memory.activations == 4);  // two images of two pixels
  BOOST_TEST((memory.largest == Extent{1, 2}));
  BOOST_TEST(memory.pictures > 0);
  BOOST_TEST(protocol.reserved == 4);
  BOOST_TEST(protocol.most == 1000000 - memory.pictures);
  const auto refused = reserve_memory(data, protocol, memory.total() - 1);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.status().message().find("images of up to 2 x 1") != std::string::npos,
             refused.status().message());
}

BOOST_AUTO_TEST_CASE(a_part_of_a_split) {
  const TwoImages data(true);
  const auto second = require(Subset::make(data, {1, 1}));
  BOOST_TEST((second->size() == 1 && second->name(0) == "second" && second->labelled()));
  BOOST_TEST(require(second->load(0)).label.ids[0] == 0);
  BOOST_TEST(require(Subset::make(data, {}))->size() == 2);
  BOOST_TEST(require(Subset::make(data, {0, 2}))->range().whole());
  const auto rest = require(Subset::make(data, {1, 5}));
  BOOST_TEST((rest->size() == 1 && rest->range().first == 1 && rest->range().count == 1));
  BOOST_TEST(!Subset::make(data, {2, 0}).ok());
}
