#include <boost/test/unit_test.hpp>

#include "datasets/check.h"
#include "datasets/dataset.h"
#include "datasets/image_io.h"
#include "datasets/import/init.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"

// A folder of images and masks gets a descriptor.
using namespace graphrun;
using graphrun::test::Scratch;

namespace {

using Pixels = std::vector<std::uint8_t>;

// Images and masks of one row.
class Folder {
 public:
  explicit Folder(const std::string& masks = "masks") : masks_(masks) {
    for (const std::string& folder : {std::string("images"), masks})
      std::filesystem::create_directories(scratch_ / folder);
  }

  void image(const std::string& name, std::int64_t width = 4) {
    test::require(datasets::write_rgb_png(scratch_ / "images" / name,
                                          {1, width, Pixels(static_cast<std::size_t>(3 * width), 7)}));
  }
  void ids(const std::string& name, const std::vector<ClassId>& ids) {
    test::require(
        datasets::write_gray_png(scratch_ / masks_ / name, {1, static_cast<std::int64_t>(ids.size()), ids}));
  }
  void palette(const std::string& name, const std::vector<ClassId>& ids,
               const std::vector<imaging::Color>& colors) {
    test::require(datasets::write_palette_png(scratch_ / masks_ / name,
                                              {1, static_cast<std::int64_t>(ids.size()), ids}, colors));
  }
  void colors(const std::string& name, const Pixels& rgb) {
    test::require(datasets::write_rgb_png(scratch_ / masks_ / name,
                                          {1, static_cast<std::int64_t>(rgb.size() / 3), rgb}));
  }
  Result<datasets::InitReport> init(double val = 0, std::uint64_t seed = 0) {
    for (const char* name : {"dataset.json", "train.txt", "val.txt"})
      std::filesystem::remove(scratch_ / name);
    datasets::InitRequest request;
    request.folder = scratch_.path();
    request.val = val;
    request.seed = seed;
    return datasets::init_dataset(request);
  }
  // The label of the only sample, as the descriptor that was written reads it.
  std::vector<ClassId> label() {
    const auto data = test::require(datasets::open_dataset(descriptor(), "train", std::nullopt));
    return test::require(data->load(0)).label.ids;
  }
  datasets::Descriptor descriptor() {
    return test::require(datasets::load_descriptor((scratch_ / "dataset.json").string(), {}));
  }
  std::string text(const std::string& name) {
    return test::require(core::read_file(scratch_ / name, 1 << 20));
  }
  const Scratch& scratch() const { return scratch_; }

 private:
  Scratch scratch_;
  std::string masks_;
};

constexpr ClassId kVoid = imaging::kIgnoredClass;

}  // namespace

BOOST_AUTO_TEST_CASE(masks_of_ids_are_described) {
  Folder folder;
  folder.image("a.png");
  folder.ids("a.png", {0, 1, 2, 255});
  const auto report = test::require(folder.init());
  BOOST_TEST(report.labels == R"({"identity": 3, "ignore": [255]})");
  BOOST_TEST((folder.label() == std::vector<ClassId>{0, 1, 2, kVoid}));
  folder.ids("a.png", {7, 7, 30, 255});
  BOOST_TEST(test::require(folder.init()).labels == R"({"map": {"7": 0, "30": 1}, "ignore": [255]})");
  BOOST_TEST((folder.label() == std::vector<ClassId>{0, 0, 1, kVoid}));
  folder.ids("a.png", {0, 255, 255, 0});
  BOOST_TEST(test::require(folder.init()).classes[1].name == "object");
  BOOST_TEST((folder.label() == std::vector<ClassId>{0, 1, 1, 0}));
}

BOOST_AUTO_TEST_CASE(palettes_give_the_colours) {
  Folder folder;
  folder.image("a.png");
  folder.image("b.png");
  folder.palette("a.png", {0, 1, 1, 0}, {{1, 1, 1}, {9, 0, 0}});
  folder.palette("b.png", {0, 0, 0, 1}, {{1, 1, 1}, {9, 0, 0}});
  const auto report = test::require(folder.init());
  BOOST_TEST(report.labels == R"({"identity": 2})");
  BOOST_TEST((report.classes[1].color == imaging::Color{9, 0, 0}));
  // A palette of each file's own: the colours are what counts.
  folder.palette("b.png", {0, 0, 0, 1}, {{9, 0, 0}, {1, 1, 1}});
  BOOST_TEST(test::require(folder.init()).labels == R"({"colors": true})");
  BOOST_TEST((folder.label() == std::vector<ClassId>{0, 1, 1, 0}));
}

BOOST_AUTO_TEST_CASE(masks_of_colours_are_read_by_colours) {
  Folder folder("labels");
  folder.image("a.b.png");
  folder.colors("a.b_mask.png", {0, 0, 0, 5, 5, 9, 5, 5, 9, 200, 0, 0});
  const auto report = test::require(folder.init());
  BOOST_REQUIRE(report.classes.size() == 3u);
  BOOST_TEST((folder.label() == std::vector<ClassId>{0, 1, 1, 2}));
  const auto checked = test::require(datasets::check_dataset(folder.descriptor(), "train", std::nullopt, 1));
  BOOST_TEST(checked.problems.empty());
  folder.colors("a.b_mask.png", {0, 0, 0, 5, 5, 9, 5, 5, 8, 200, 0, 0});
  const auto wrong = test::require(datasets::check_dataset(folder.descriptor(), "train", std::nullopt, 1));
  BOOST_REQUIRE(wrong.problems.size() == 1u);
  BOOST_TEST(wrong.problems[0].message.find("colour [5, 5, 8] first at row 0, column 2") == 0u);
  const auto data = test::require(datasets::open_dataset(folder.descriptor(), "train", std::nullopt));
  BOOST_TEST(data->load(0).status().message().find("colour [5, 5, 8] at row 0, column 2") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_a_list_calls_void_counts_nowhere) {
  for (const std::string name : {"void", "Unlabelled", "IGNORE", "__ignore__"}) {
    Folder folder;
    folder.image("a.png", 3);
    folder.colors("a.png", {0, 0, 0, 200, 0, 0, 0, 0, 200});
    test::require(core::write_file(folder.scratch() / "class_dict.csv",
                                   "name,r,g,b\nred,200,0,0\n" + name + ",0,0,0\nblue,0,0,200\n"));
    const datasets::InitReport report = test::require(folder.init());
    BOOST_TEST(report.classes.size() == 2U);
    BOOST_TEST((folder.label() == std::vector<ClassId>{kVoid, 0, 1}), name);
    BOOST_TEST(folder.descriptor().settings.at("base_size") == "0");
  }
  // Without a list black is a class, and the way to void is said.
  Folder folder;
  folder.image("a.png", 2);
  folder.colors("a.png", {0, 0, 0, 200, 0, 0});
  const datasets::InitReport report = test::require(folder.init());
  BOOST_TEST_REQUIRE(report.notes.size() == 1U);
  BOOST_TEST(report.notes[0].find("class_0 is black, which is void in many masks") == 0, report.notes[0]);
}

BOOST_AUTO_TEST_CASE(samples_are_divided_by_a_seed) {
  Folder folder;
  for (int i = 0; i < 10; ++i) {
    folder.image(std::to_string(i) + ".png");
    folder.ids(std::to_string(i) + ".png", {0, 1, 1, 0});
  }
  const auto report = test::require(folder.init(0.2));
  BOOST_TEST((report.splits.at("train") == 8 && report.splits.at("val") == 2));
  const std::string first = folder.text("val.txt");
  test::require(folder.init(0.2));
  BOOST_TEST(folder.text("val.txt") == first);
  std::size_t same = 0;
  for (std::uint64_t seed = 1; seed < 9; ++seed) {
    test::require(folder.init(0.2, seed));
    same += folder.text("val.txt") == first;
  }
  BOOST_TEST(same < 4u);
  datasets::InitRequest again;
  again.folder = folder.scratch().path();
  BOOST_TEST(datasets::init_dataset(again).status().message().find("is not overwritten") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(files_without_a_partner_are_told) {
  Folder folder;
  folder.image("a.png");
  folder.image("b.png");
  folder.ids("a.png", {0, 1, 1, 0});
  folder.ids("c.png", {0, 1, 1, 0});
  const auto report = test::require(folder.init());
  BOOST_TEST((report.notes == std::vector<std::string>{"1 images without a mask, e.g. images/b.png",
                                                       "1 masks without an image, e.g. masks/c.png"}));
  const Scratch empty;
  datasets::InitRequest request;
  request.folder = empty.path();
  BOOST_TEST(datasets::init_dataset(request).status().message().find("has no folder of images") !=
             std::string::npos);
}
