#include "graphrun/dataset.h"

#include <boost/test/unit_test.hpp>
#include <stdexcept>

#include "graphrun/trainer.h"
#include "tests/api/own_data.h"
#include "tests/datasets/scratch.h"

// Data sets as a program uses them that knows the public headers alone.
using namespace graphrun;
using namespace graphrun::test;

namespace {

void check_error(const Status& status, ErrorCode code, const std::string& text) {
  BOOST_TEST_REQUIRE(!status.ok());
  BOOST_TEST((status.code() == code), status.message());
  BOOST_TEST(status.message().find(text) != std::string::npos, status.message());
}

// What a data source can do wrong.
class Broken final : public Squares {
 public:
  enum class How { throws, small_label, strange_class, short_image, refuses };
  explicit Broken(How how) : Squares(6), how_(how) {}
  Result<Image> image(std::int64_t index) const override {
    if (how_ == How::throws) throw std::runtime_error("the disk is on fire");
    if (how_ == How::refuses) return {ErrorCode::io, "the archive has no entry " + std::to_string(index)};
    Image image = require(Squares::image(index));
    if (how_ == How::short_image) image.rgb.pop_back();
    return image;
  }
  Result<LabelMap> label(std::int64_t index) const override {
    LabelMap label = require(Squares::label(index));
    if (how_ == How::strange_class) label.ids[2 * kSide + 5] = 2;
    if (how_ == How::small_label) {
      label.ids.resize(static_cast<std::size_t>((kSide - 1) * kSide));
      --label.height;
    }
    return label;
  }

 private:
  How how_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_known_data_set_shows_its_samples) {
  const Dataset shapes = require(Dataset::open("shapes"));
  BOOST_TEST(shapes.name() == "shapes");
  BOOST_TEST_REQUIRE(shapes.classes().size() == 7u);
  BOOST_TEST(shapes.classes()[1].name == "disc");
  BOOST_TEST(int{shapes.classes()[1].color.r} == 220);
  BOOST_TEST((shapes.splits() == std::vector<std::string>{"train", "val"}));
  const std::shared_ptr<const Samples> val = require(shapes.split("val"));
  BOOST_TEST(val->size() == 100);
  BOOST_TEST(val->labelled());
  const Image image = require(val->image(3));
  const LabelMap label = require(val->label(3));
  BOOST_TEST(image.height == 121);
  BOOST_TEST(image.rgb.size() == std::size_t{3 * 121 * 121});
  BOOST_TEST((label.height == image.height && label.width == image.width));
  for (const ClassId id : label.ids) BOOST_TEST_REQUIRE((id < 7 || id == kUnlabelled));
  for (const std::int64_t outside : {std::int64_t{-1}, val->size()})
    check_error(val->image(outside).status(), ErrorCode::invalid_argument, "there is no sample");
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_told) {
  check_error(Dataset::open("no_such_set").status(), ErrorCode::not_found, "no_such_set");
  const Dataset shapes = require(Dataset::open("shapes"));
  check_error(shapes.split("test").status(), ErrorCode::not_found, "train, val");
  check_error(squares().split("test").status(), ErrorCode::not_found, "train, val");
}

BOOST_AUTO_TEST_CASE(own_data_needs_classes_and_samples) {
  const auto samples = std::make_shared<Squares>(1);
  check_error(Dataset::make("none", {}, {{"train", samples}}).status(), ErrorCode::invalid_argument,
              "classes");
  check_error(Dataset::make("none", {{"a", {}}}, {}).status(), ErrorCode::invalid_argument, "no split");
  check_error(Dataset::make("none", {{"a", {}}}, {{"train", nullptr}}).status(), ErrorCode::invalid_argument,
              "train is null");
  check_error(Dataset::make("", {{"a", {}}}, {{"train", samples}}).status(), ErrorCode::invalid_argument,
              "name");
}

BOOST_AUTO_TEST_CASE(a_faulty_data_source_is_an_error_of_the_run) {
  const Scratch folder;
  const std::string model = tiny_model(folder / "tiny.fb");
  const auto error_of = [&](Broken::How how) {
    TrainerOptions options{.model = model, .data = squares(std::make_shared<Broken>(how))};
    options.folder = (folder / ("run" + std::to_string(static_cast<int>(how)))).string();
    options.settings = {
        {"train_h", "33"}, {"train_w", "33"}, {"batch_size", "2"}, {"epochs", "1"}, {"workers", "1"}};
    options.threads = 1;
    Trainer trainer = require(Trainer::prepare(options));
    const Result<TrainResult> result = trainer.run();
    BOOST_TEST_REQUIRE(!result.ok());
    BOOST_TEST(!trainer.run().ok(), "a run that has failed goes on");
    return result.status().message();
  };
  using How = Broken::How;
  const std::vector<std::pair<How, std::string>> cases{
      {How::throws, "the disk is on fire"},
      {How::refuses, "the archive has no entry"},
      {How::small_label, "the image is 41 x 41 but its label 41 x 40"},
      {How::strange_class, "id 2 at row 2, column 5 is none of the 2 classes"},
      {How::short_image, "5042 values for a picture of 41 x 41"}};
  for (const auto& [how, text] : cases) {
    const std::string message = error_of(how);
    BOOST_TEST(message.find(text) != std::string::npos, message);
    BOOST_TEST(message.find("square_") != std::string::npos, message);
  }
}
