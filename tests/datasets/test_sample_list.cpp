#include <boost/test/unit_test.hpp>
#include <fstream>
#include <map>

#include "datasets/sample_list.h"
#include "datasets/unlisted.h"
#include "tests/datasets/scratch.h"

using namespace graphrun;

namespace {

Result<std::vector<datasets::SamplePath>> parse(std::string_view text, const datasets::Split& split = {}) {
  return datasets::parse_list(text, "list.txt", split, "/data");
}

std::string error_of(std::string_view text, const datasets::Split& split = {}) {
  const auto samples = parse(text, split);
  return samples.ok() ? "" : samples.status().message();
}

}  // namespace

BOOST_AUTO_TEST_CASE(samples_are_no_larger_than_a_multiple_of_their_list) {
  datasets::Split split;
  split.list = "list.txt";
  split.labelled = false;
  split.image_pattern = "images/of/the/first/day/{}.jpg";
  std::string text;
  for (int i = 0; i < 500'000; ++i) text += "a\n";
  const auto samples = datasets::parse_list(text, "list.txt", split, "/data");
  BOOST_REQUIRE(!samples.ok());
  BOOST_TEST(samples.status().message().find("far larger than their file") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(lists_take_blanks_tabs_and_crlf) {
  const auto samples =
      parse("\xEF\xBB\xBFi/a.jpg l/a.png\r\n\r\ni/b.c.jpg\tl/b.png\ni/my dog.jpg\tl/my dog.png");
  BOOST_REQUIRE(samples.ok());
  BOOST_REQUIRE(samples->size() == 3);
  BOOST_TEST((*samples)[0].name == "a");
  BOOST_TEST((*samples)[0].image == "/data/i/a.jpg");
  BOOST_TEST((*samples)[0].label == "/data/l/a.png");
  BOOST_TEST((*samples)[1].name == "b.c");
  BOOST_TEST((*samples)[2].label == "/data/l/my dog.png");
}

BOOST_AUTO_TEST_CASE(lists_without_labels_have_one_column) {
  datasets::Split split;
  split.labelled = false;
  const auto samples = parse("a.jpg\nb.jpg\n", split);
  BOOST_REQUIRE(samples.ok());
  BOOST_TEST(samples->size() == 2);
  BOOST_TEST((*samples)[1].label.empty());
  BOOST_TEST(error_of("a.jpg\nb.jpg b.png\n", split).find("list.txt:2: expected an image alone") == 0);
}

BOOST_AUTO_TEST_CASE(name_lists_fill_patterns) {
  datasets::Split split;
  split.image_pattern = "JPEGImages/{}.jpg";
  split.label_pattern = "SegmentationClass/{}.png";
  const auto samples = parse("2007_000032\r\n2007_000039\r\n", split);
  BOOST_REQUIRE(samples.ok());
  BOOST_TEST((*samples)[1].image == "/data/JPEGImages/2007_000039.jpg");
  BOOST_TEST((*samples)[1].label == "/data/SegmentationClass/2007_000039.png");
}

BOOST_AUTO_TEST_CASE(paths_are_no_longer_than_the_system_takes) {
  datasets::Split split;
  for (int i = 0; i < 1000; ++i) split.image_pattern += "{}/";
  split.label_pattern = "{}/{}";
  const auto refused = [&](std::size_t length) {
    return error_of("a\n" + std::string(length, 'x'), split).find("list.txt:2: a path of more than") == 0;
  };
  BOOST_TEST(refused(4));
  BOOST_TEST(refused(1 << 20));
  split.image_pattern = "{}";
  BOOST_TEST(!refused(2047));
  BOOST_TEST(refused(2048));
  BOOST_TEST(error_of("a.jpg " + std::string(5000, 'l')).find("list.txt:1: a path of more than") == 0);
}

BOOST_AUTO_TEST_CASE(errors_name_file_and_line) {
  BOOST_TEST(error_of("a.jpg a.png\nb.jpg\n").find("list.txt:2: expected an image and a label, found 1") ==
             0);
  BOOST_TEST(error_of("a.jpg /etc/passwd\n").find("list.txt:1: '/etc/passwd' begins with /") == 0);
  BOOST_TEST(error_of("a/../../b.jpg b.png\n").find("list.txt:1: 'a/../../b.jpg' leads out") == 0);
  BOOST_TEST(error_of("\n\n").find("has no samples") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(folders_are_listed_sorted_with_their_labels) {
  const test::Scratch scratch;
  for (const char* folder : {"img/b", "img/a"}) std::filesystem::create_directories(scratch / folder);
  for (const char* file :
       {"img/b/2_leftImg.png", "img/a/9_leftImg.png", "img/a/1_leftImg.png", "img/a/readme"}) {
    std::ofstream(scratch / file) << "x";
  }
  datasets::Split split;
  split.images = "img";
  split.labels = "gt";
  split.image_suffix = "_leftImg.png";
  split.label_suffix = "_labelIds.png";
  const auto samples = datasets::list_samples(split, scratch.path(), scratch / "img");
  BOOST_REQUIRE(samples.ok());
  BOOST_REQUIRE(samples->size() == 3);
  BOOST_TEST((*samples)[0].image == scratch / "img/a/1_leftImg.png");
  BOOST_TEST((*samples)[0].label == scratch / "gt/a/1_labelIds.png");
  BOOST_TEST((*samples)[2].name == "2_leftImg");
  BOOST_TEST(!datasets::list_samples(split, scratch.path(), scratch / "none").ok());
}

BOOST_AUTO_TEST_CASE(a_name_ends_at_its_last_extension) {
  for (const auto& [file, name] :
       std::map<std::string, std::string>{{"frame.0001.png", "frame.0001"},
                                          {"x/IMG_1_jpg.rf.3fcd3a.jpg", "IMG_1_jpg.rf.3fcd3a"},
                                          {".hidden.png", ".hidden"},
                                          {"none", "none"},
                                          {"my dog \xE6\x97\xA5.png", "my dog \xE6\x97\xA5"},
                                          {std::string(251, 'n') + ".png", std::string(251, 'n')}})
    BOOST_TEST(datasets::sample_name(file) == name);
}

BOOST_AUTO_TEST_CASE(lines_of_another_number_of_columns_say_what_to_do) {
  const auto says = [](const std::string& line, const std::string& part) {
    BOOST_TEST(error_of(line).find(part) != std::string::npos, error_of(line));
  };
  says("my a.jpg my a.png", "found 4 columns; where paths hold blanks, a tab separates them");
  says("a.jpg,a.png", "found 1 column; a blank or a tab separates them");
  says("a.jpg", "found 1 column; a split without labels has");
  says("# my list", "a list has no comments");
  says("/a.jpg a.png", "'/a.jpg' begins with /: paths are relative to the data root");
}

BOOST_AUTO_TEST_CASE(files_that_a_folder_has_and_no_sample_are_accounted_for) {
  const test::Scratch scratch;
  for (const char* folder : {"img/b", "gt/b", "far"}) std::filesystem::create_directories(scratch / folder);
  for (const char* file :
       {"img/a.jpg", "img/b/c.jpg", "img/d.jpg", "img/e.JPG", "img/notes.txt", "img/._a.jpg", "img/._DS.txt",
        "gt/a.png", "gt/b/c.png", "gt/x.png", "gt/a.json", "far/z.jpg"}) {
    std::ofstream(scratch / file) << "x";
  }
  std::filesystem::create_directory_symlink("../far", scratch / "img/far");
  std::filesystem::create_symlink("nowhere.jpg", scratch / "img/gone.jpg");
  const auto descriptor = datasets::parse_descriptor(
      R"({"name": "n", "classes": [{"name": "a", "color": [0, 0, 0]}], "labels": {"identity": 1}, "splits":
          {"train": {"images": "img", "labels": "gt", "image_suffix": ".jpg", "label_suffix": ".png"}}})",
      "n.json");
  BOOST_REQUIRE(descriptor.ok());
  const auto files = datasets::find_split_files(*descriptor, "train", scratch.path());
  BOOST_REQUIRE_MESSAGE(files.ok(), (files.ok() ? "" : files.status().message()));
  BOOST_TEST(files->samples.size() == 3u);
  const auto unlisted = datasets::find_unlisted(*files);
  BOOST_REQUIRE(unlisted.ok());
  std::vector<std::string> lines;
  for (const auto& kind : *unlisted) lines.push_back(datasets::describe(kind));
  const std::vector<std::string> expected = {
      "1 image without a label, e.g. img/d.jpg",
      "1 label without an image, e.g. gt/x.png",
      "1 file whose ending differs from the suffix in capitals alone, e.g. img/e.JPG",
      "1 symbolic link to a folder, which is not followed, e.g. img/far",
      "1 symbolic link to nothing, e.g. img/gone.jpg",
      "2 companion files of macOS (._NAME), e.g. img/._DS.txt, img/._a.jpg",
      "2 files of another ending, e.g. gt/a.json, img/notes.txt"};
  BOOST_TEST(lines == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(two_images_of_one_name_are_reported) {
  BOOST_TEST(datasets::check_unique_names(std::vector<std::string>{"a", "b"}).ok());
  const Status status = datasets::check_unique_names(std::vector<std::string>{"a", "b", "a"});
  BOOST_REQUIRE(!status.ok());
  BOOST_TEST(status.message().find("'a'") != std::string::npos);
}
