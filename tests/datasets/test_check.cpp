#include <boost/test/unit_test.hpp>

#include "datasets/check.h"
#include "datasets/image_io.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "tests/skip.h"

using namespace graphrun;
using graphrun::test::Scratch;

namespace {

const std::vector<std::filesystem::path> kFolders = {GRAPHRUN_SOURCE_DIR "/datasets"};

datasets::Descriptor two() {
  auto descriptor = datasets::parse_descriptor(
      R"({"name": "two", "classes": [{"name": "a", "color": [10, 0, 0]}, {"name": "b", "color": [0, 20, 0]}],
          "labels": {"identity": 2, "ignore": [255]}, "splits": {"train": {"list": "train.txt"}}})",
      "two.json");
  BOOST_REQUIRE(descriptor.ok());
  return *descriptor;
}

bool has(const datasets::CheckReport& report, datasets::ProblemKind kind, const std::string& file,
         const std::string& message) {
  for (const datasets::Problem& problem : report.problems) {
    if (problem.kind == kind && problem.file.ends_with(file) &&
        problem.message.find(message) != std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_check_finds_what_is_wrong_and_says_what_to_do) {
  const Scratch scratch;
  const imaging::Image image{2, 2, std::vector<std::uint8_t>(12, 50)};
  std::string list;
  for (const char* name : {"good", "range", "rgb", "size", "palette", "broken", "gone"}) {
    if (name != std::string("gone"))
      BOOST_REQUIRE(datasets::write_rgb_png(scratch / (std::string(name) + ".png"), image).ok());
    list += std::string(name) + ".png l_" + name + ".png\n";
  }
  list += "good.png l_none.png\n";
  BOOST_REQUIRE(core::write_file(scratch / "train.txt", list).ok());
  BOOST_REQUIRE(datasets::write_gray_png(scratch / "l_good.png", {2, 2, {0, 1, 1, 255}}).ok());
  BOOST_REQUIRE(datasets::write_gray_png(scratch / "l_range.png", {2, 2, {0, 0, 7, 7}}).ok());
  imaging::Image colors = image;
  colors.rgb[4] = 60;
  BOOST_REQUIRE(datasets::write_rgb_png(scratch / "l_rgb.png", colors).ok());
  BOOST_REQUIRE(datasets::write_gray_png(scratch / "l_size.png", {1, 2, {0, 0}}).ok());
  BOOST_REQUIRE(datasets::write_gray_png(scratch / "l_gone.png", {2, 2, {0, 0, 0, 0}}).ok());
  const std::vector<imaging::Color> swapped = {{0, 20, 0}, {10, 0, 0}};
  BOOST_REQUIRE(datasets::write_palette_png(scratch / "l_palette.png", {2, 2, {0, 1, 1, 0}}, swapped).ok());
  BOOST_REQUIRE(core::write_file(scratch / "l_broken.png", "this is no picture").ok());

  for (const int threads : {1, 4}) {
    const auto checked = datasets::check_dataset(two(), "train", scratch.path(), threads);
    BOOST_REQUIRE(checked.ok());
    const datasets::CheckReport& report = *checked;
    BOOST_TEST(report.samples == 8);
    BOOST_TEST(report.problems.size() == 8);
    BOOST_TEST(has(report, datasets::ProblemKind::unknown_label_id, "l_range.png",
                   "label id 7 first at row 1, column 0; 2 pixels in 1 file"));
    BOOST_TEST(has(report, datasets::ProblemKind::label_form, "l_rgb.png", "RGB colour picture"));
    BOOST_TEST(
        has(report, datasets::ProblemKind::size_mismatch, "l_size.png", "2 x 1, but the image is 2 x 2"));
    BOOST_TEST(has(report, datasets::ProblemKind::palette_differs, "l_palette.png",
                   "index 0 has the colour of class 'b'"));
    BOOST_TEST(has(report, datasets::ProblemKind::label_unreadable, "l_broken.png", "is a text file"));
    BOOST_TEST(has(report, datasets::ProblemKind::image_missing, "gone.png", "cannot open"));
    BOOST_TEST(has(report, datasets::ProblemKind::label_missing, "l_none.png", "cannot open"));
    BOOST_TEST(has(report, datasets::ProblemKind::sample_twice, "good.png", "is sample 1 and 8"));
    BOOST_TEST(report.classes[1].pixels == 4);
    BOOST_TEST(report.classes[1].images == 2);
    BOOST_TEST(report.ignored_pixels == 1);
    const std::string text = datasets::format_report(report);
    for (const char* part :
         {"two train: 8 samples", "label id 7", "-> labels are grey or palette", "-> map them to a class"}) {
      BOOST_TEST(text.find(part) != std::string::npos, part);
    }
  }
}

// Every line of a report is right where labels could not be read, and says what to do about this file.
BOOST_AUTO_TEST_CASE(a_check_says_what_files_are) {
  const Scratch scratch;
  imaging::Image picture{2, 2, std::vector<std::uint8_t>(12, 50)};
  test::require(datasets::write_rgb_png(scratch / "grey.png", picture));
  picture.rgb[0] = 9;
  test::require(datasets::write_rgb_png(scratch / "colors.png", picture));
  test::require(core::write_file(scratch / "empty.png", ""));
  const auto check = [&](const std::string& list) {
    test::require(core::write_file(scratch / "train.txt", list));
    const auto report = test::require(datasets::check_dataset(two(), "train", scratch.path(), 1));
    return datasets::format_report(report);
  };
  const auto says = [](const std::string& text, const std::string& part) {
    BOOST_TEST(text.find(part) != std::string::npos, text << " does not say " << part);
  };
  const std::string empty = check("colors.png empty.png\n");
  says(empty, "1 label that cannot be read");
  says(empty, "empty.png: is empty; labels are PNG files");
  says(empty, "-> fetch or export these files again");
  for (const char* wrong : {"does not occur", "do not occur", "nothing can be learnt", "colours"})
    BOOST_TEST(empty.find(wrong) == std::string::npos, empty);
  const std::string pictures = check("colors.png grey.png\ngrey.png colors.png\n");
  says(pictures, "2 labels that are pictures without ids");
  says(pictures, "grey.png: is grey saved as RGB, its three channels are equal");
  says(pictures, "the image is grey: are image and label exchanged?");
  const std::string missing =
      check("colors.png.png grey.png\nsub\\colors.png grey.png\ncolors.jpg x\xE9.png\n");
  says(missing, "3 images that are not there");
  says(missing, "/colors.png\n");
  says(missing, "; folders are separated by /, not by a backslash");
  says(missing, "x\xE9.png: cannot open: No such file or directory; the name is not UTF-8");
}

BOOST_AUTO_TEST_CASE(a_check_recognises_common_mistakes) {
  const auto check_labels = [](const std::string& labels, const std::vector<ClassId>& ids) {
    const Scratch scratch;
    const std::vector<std::uint8_t> rgb(ids.size() * 3, 9);
    const auto width = static_cast<std::int64_t>(ids.size());
    test::require(datasets::write_rgb_png(scratch / "a.png", {1, width, rgb}));
    test::require(datasets::write_gray_png(scratch / "l.png", {1, width, ids}));
    test::require(core::write_file(scratch / "train.txt", "a.png l.png\n"));
    const auto descriptor = test::require(datasets::parse_descriptor(
        R"({"name": "t", "classes": [{"name": "a", "color": [128, 0, 0]}, {"name": "b", "color": [0, 128, 0]},
                                     {"name": "c", "color": [0, 0, 128]}, {"name": "d", "color": [0, 0, 128]}],
            "splits": {"train": {"list": "train.txt"}}, "labels": )" +
            labels + "}",
        "t.json"));
    return datasets::format_report(
        test::require(datasets::check_dataset(descriptor, "train", scratch.path(), 1)));
  };
  const auto says = [](const std::string& text, const std::string& part) {
    BOOST_TEST(text.find(part) != std::string::npos, text << " does not say " << part);
  };
  says(check_labels(R"({"offset": -1, "ignore": [0]})", {0, 1, 2, 255}), "the ids may be class ids already");
  says(check_labels(R"({"identity": 4})", {0, 1, 4, 4}), R"(add 4 to "ignore")");
  says(check_labels(R"({"identity": 4, "ignore": [255]})", {38, 75, 15, 255}), "converted to grey");
  const std::string sound = check_labels(R"({"identity": 4, "ignore": [255]})", {0, 1, 2, 255});
  says(sound, "'c' and 3 'd' have one colour");
  says(sound, "1 class does not occur, and counts 0 in the mean IoU: d");
  says(sound, "no problems found");
  says(check_labels(R"({"identity": 4, "ignore": [255]})", {255, 255}), "1 label has no labelled pixel");
}

BOOST_AUTO_TEST_CASE(labels_that_teach_nothing_are_told_before_training) {
  const auto notes_of = [](const std::string& classes, const std::string& labels,
                           const std::vector<ClassId>& ids) {
    const Scratch scratch;
    test::require(
        datasets::write_gray_png(scratch / "l.png", {1, static_cast<std::int64_t>(ids.size()), ids}));
    test::require(core::write_file(scratch / "train.txt", "a.png l.png\n"));
    const auto descriptor = test::require(datasets::parse_descriptor(
        R"({"name": "t", "splits": {"train": {"list": "train.txt"}}, "classes": [)" + classes +
            R"(], "labels": )" + labels + "}",
        "t.json"));
    std::string text;
    for (const auto& note :
         test::require(datasets::look_before_training(descriptor, "train", scratch.path()))) {
      BOOST_TEST(note.is_warning);
      text += note.text + "\n";
    }
    return text;
  };
  const auto says = [](const std::string& text, const std::string& part) {
    BOOST_TEST(text.find(part) != std::string::npos, text << " does not say " << part);
  };
  const std::string a = R"({"name": "a", "color": [1, 0, 0]})", b = R"({"name": "b", "color": [0, 2, 0]})";
  const std::string rule = R"({"identity": 2, "ignore": [255]})";
  BOOST_TEST(notes_of(a + "," + b, rule, {0, 1, 255}) == "");
  says(notes_of(a, R"({"identity": 1})", {0, 0}), "has one class, 'a'");
  says(notes_of(a + "," + b, rule, {255, 255}), "no pixel of 1 label is of a class");
  says(notes_of(a + "," + b, rule, {1, 255}), "of one class, 'b'");
  says(notes_of(a + "," + b, rule, {0, 255}), R"({"map": {"0": 0, "255": 1}})");
}

BOOST_AUTO_TEST_CASE(many_problems_are_counted_and_a_few_are_kept) {
  const Scratch scratch;
  std::string list;
  for (int i = 0; i < 300; ++i) list += "i" + std::to_string(i) + ".png l.png\n";
  test::require(core::write_file(scratch / "train.txt", list));
  test::require(datasets::write_gray_png(scratch / "l.png", {1, 2, {0, 1}}));
  const datasets::CheckReport report =
      test::require(datasets::check_dataset(two(), "train", scratch.path(), 3));
  BOOST_TEST(report.counts.at(datasets::ProblemKind::image_missing) == 300);
  BOOST_TEST(report.problems.size() <= 60);
  BOOST_TEST(report.problems[0].file.ends_with("i0.png"));
  BOOST_TEST(datasets::format_report(report).find("... and 295 more") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(generated_data_has_no_problems) {
  const auto descriptor = datasets::load_descriptor("shapes", kFolders);
  BOOST_REQUIRE(descriptor.ok());
  const auto report = datasets::check_dataset(*descriptor, "val", std::nullopt, 2);
  BOOST_REQUIRE(report.ok());
  BOOST_TEST(report->problems.empty());
  BOOST_TEST(report->classes[0].images == 100);
  BOOST_TEST(datasets::format_report(*report).find("no problems found") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_real_camvid_has_its_documented_histogram, *test::needs("camvid")) {
  const auto root = test::shared_data("camvid");
  if (!root) return test::skip("no CamVid");
  const auto descriptor = datasets::load_descriptor("camvid", kFolders);
  BOOST_REQUIRE(descriptor.ok());
  const auto report = datasets::check_dataset(*descriptor, "val", *root, 2);
  BOOST_REQUIRE(report.ok());
  BOOST_TEST(report->problems.empty());
  BOOST_TEST(report->classes[0].pixels == 1601620);
  BOOST_TEST(report->classes[10].pixels == 387010);
  BOOST_TEST(report->ignored_pixels == 297271);
  BOOST_TEST((report->largest_width == 480 && report->smallest_height == 360));
}
