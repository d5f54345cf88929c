#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "datasets/dataset.h"
#include "datasets/image_io.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "tests/skip.h"

// The shipped descriptors against the distributions they describe.
using namespace graphrun;
using graphrun::test::Scratch;

namespace {

datasets::Descriptor known(const std::string& name) {
  const std::vector<std::filesystem::path> folders = {GRAPHRUN_SOURCE_DIR "/datasets"};
  return test::require(datasets::load_descriptor(name, folders));
}

std::string merged(const datasets::Descriptor& descriptor, const std::string& network,
                   const std::string& key) {
  const datasets::Settings recipe = datasets::recipe_settings(descriptor, network);
  return recipe.contains(key) ? recipe.at(key) : descriptor.settings.at(key);
}

void write_city_sample(const Scratch& root, const std::string& split, const std::string& name,
                       const std::vector<ClassId>& ids) {
  for (const char* kind : {"leftImg8bit/", "gtFine/"})
    std::filesystem::create_directories(root / (kind + split));
  const std::string stem = split + "/" + name;
  test::require(datasets::write_rgb_png(root / ("leftImg8bit/" + stem + "_leftImg8bit.png"),
                                        {1, 4, std::vector<std::uint8_t>(12, 90)}));
  test::require(datasets::write_gray_png(root / ("gtFine/" + stem + "_gtFine_labelIds.png"), {1, 4, ids}));
}

}  // namespace

BOOST_AUTO_TEST_CASE(recipes_are_those_of_the_references) {
  struct Row {
    const char* dataset;
    const char* network;
    const char *crop, *base_size, *epochs, *batch_size, *base_lr, *scale_max, *rotate_max;
  };
  constexpr Row kRows[] = {
      {"ade20k", "pspnet50", "473", "512", "100", "16", "0.01", "2.0", "10"},
      {"ade20k", "pspnet101", "473", "512", "100", "16", "0.01", "2.0", "10"},
      {"ade20k", "psanet50", "465", "512", "100", "16", "0.01", "2.0", "10"},
      {"ade20k", "spnet50", "480", "512", "120", "16", "0.01", "2.0", "10"},
      {"ade20k", "spnet101", "480", "512", "120", "16", "0.01", "2.0", "10"},
      {"voc2012", "pspnet50", "473", "512", "50", "16", "0.01", "2.0", "10"},
      {"voc2012", "psanet101", "465", "512", "50", "16", "0.01", "2.0", "10"},
      {"cityscapes", "pspnet50", "713", "2048", "200", "16", "0.01", "2.0", "10"},
      {"cityscapes", "psanet101", "705", "2048", "200", "16", "0.01", "2.0", "10"},
      {"cityscapes", "spnet101", "768", "2048", "180", "8", "0.005", "1.75", "1"},
  };
  for (const Row& row : kRows) {
    BOOST_TEST_CONTEXT(row.dataset << " " << row.network) {
      const datasets::Descriptor descriptor = known(row.dataset);
      const auto value = [&](const char* key) { return merged(descriptor, row.network, key); };
      for (const char* side : {"train_h", "train_w", "test_h", "test_w"}) BOOST_TEST(value(side) == row.crop);
      BOOST_TEST(value("base_size") == row.base_size);
      BOOST_TEST(value("epochs") == row.epochs);
      BOOST_TEST(value("batch_size") == row.batch_size);
      BOOST_TEST(value("base_lr") == row.base_lr);
      BOOST_TEST(value("scale_max") == row.scale_max);
      BOOST_TEST(value("rotate_max") == row.rotate_max);
    }
  }
}

BOOST_AUTO_TEST_CASE(ade20k_counts_labels_from_one) {
  const datasets::Descriptor ade = known("ade20k");
  BOOST_TEST(ade.classes.size() == 150);
  BOOST_TEST((ade.classes[6].color == ade.classes[48].color));  // road and skyscraper
  BOOST_TEST((ade.labels.class_of(0) == imaging::kIgnoredClass && ade.labels.class_of(150) == 149));
  BOOST_TEST((!ade.labels.class_of(151) && ade.labels.label_id(0) == 1));
}

BOOST_AUTO_TEST_CASE(ade20k_is_found_in_its_layout_and_beside_lists, *test::needs("samples")) {
  const datasets::Descriptor ade = known("ade20k");
  const auto root = test::shared_data("samples/ade20k");
  if (!root) return test::skip("no samples of ADE20K");
  for (const auto& given : {*root, *root / "ADEChallengeData2016"}) {
    const auto val = test::require(datasets::open_dataset(ade, "val", given));
    BOOST_TEST(val->size() == 3);
    BOOST_TEST(val->name(2) == "ADE_val_00000003");
    const datasets::Sample sample = test::require(val->load(0));
    BOOST_TEST((sample.image.width == sample.label.width && sample.image.width == 683));
    BOOST_TEST(test::require(datasets::open_dataset(ade, "train", given))->size() == 1);
  }
}

BOOST_AUTO_TEST_CASE(voc_palettes_are_read_as_indices, *test::needs("samples")) {
  const datasets::Descriptor voc = known("voc2012");
  BOOST_TEST(voc.classes.size() == 21);
  const auto root = test::shared_data("samples/voc2012");
  if (!root) return test::skip("no samples of VOC 2012");
  const auto val = test::require(datasets::open_dataset(voc, "val", *root));
  const imaging::LabelMap label =
      test::require(val->load_label(0));  // 2007_000129: bicycle, person and borders
  BOOST_TEST(std::count(label.ids.begin(), label.ids.end(), 2) > 0);
  BOOST_TEST(std::count(label.ids.begin(), label.ids.end(), imaging::kIgnoredClass) > 0);
  BOOST_TEST(std::count_if(label.ids.begin(), label.ids.end(),
                           [](int id) { return id > 20 && id != imaging::kIgnoredClass; }) == 0);
}

BOOST_AUTO_TEST_CASE(voc_name_lists_stand_in_image_sets) {
  const Scratch scratch;
  for (const char* folder : {"VOCdevkit/VOC2012/ImageSets/Segmentation", "list"})
    std::filesystem::create_directories(scratch / folder);
  const auto sets = scratch / "VOCdevkit/VOC2012/ImageSets/Segmentation";
  test::require(core::write_file(sets / "trainaug.txt", "2007_000032\r\n2007_000039\r\n"));
  test::require(core::write_file(sets / "test.txt", "2008_000006\n"));
  const datasets::Descriptor voc = known("voc2012");
  const datasets::SplitFiles train = test::require(datasets::find_split_files(voc, "train", scratch.path()));
  BOOST_REQUIRE(train.samples.size() == 2);
  BOOST_TEST(train.samples[1].label == scratch / "VOCdevkit/VOC2012/SegmentationClassAug/2007_000039.png");
  BOOST_TEST(!test::require(datasets::find_split_files(voc, "test", scratch.path())).labelled);
  const auto absent = datasets::find_split_files(voc, "val", scratch.path());
  BOOST_REQUIRE(!absent.ok());
  BOOST_TEST(absent.status().message().find("ImageSets/Segmentation/val.txt") != std::string::npos);
  // A list of one's own wins, in the data root too.
  test::require(core::write_file(scratch / "list/train.txt", "JPEGImages/a.jpg SegmentationClass/a.png\n"));
  const datasets::SplitFiles own = test::require(datasets::find_split_files(voc, "train", scratch.path()));
  BOOST_REQUIRE(own.samples.size() == 1);
  BOOST_TEST(own.samples[0].image == scratch / "VOCdevkit/VOC2012/JPEGImages/a.jpg");
}

BOOST_AUTO_TEST_CASE(cityscapes_reads_label_ids_and_train_ids) {
  const datasets::Descriptor city = known("cityscapes");
  const Scratch scratch;
  write_city_sample(scratch, "train/aachen", "aachen_000000_000019", {7, 33, 0, 18});
  write_city_sample(scratch, "train/bochum", "bochum_000000_000313", {8, 26, 24, 4});
  const auto train = test::require(datasets::open_dataset(city, "train", scratch.path()));
  BOOST_REQUIRE(train->size() == 2);
  BOOST_TEST(train->name(0) == "aachen_000000_000019_leftImg8bit");
  BOOST_TEST(test::require(train->load(0)).label.ids == (std::vector<ClassId>{0, 18, 65535, 65535}));
  BOOST_TEST(test::require(train->load(1)).label.ids == (std::vector<ClassId>{1, 13, 11, 65535}));
  BOOST_TEST((city.labels.label_id(0) == 7 && city.labels.label_id(18) == 33));

  const std::string folder = "gtFine/train/aachen/";
  test::require(datasets::write_gray_png(scratch / (folder + "aachen_000000_000019_gtFine_labelTrainIds.png"),
                                         {1, 4, {0, 18, 255, 7}}));
  std::filesystem::create_directories(scratch / "list");
  test::require(core::write_file(scratch / "list/fine_train.txt",
                                 "leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png\t" + folder +
                                     "aachen_000000_000019_gtFine_labelTrainIds.png\r\n"));
  const auto listed = test::require(datasets::open_dataset(city, "train", scratch.path()));
  BOOST_REQUIRE(listed->size() == 1);
  BOOST_TEST(test::require(listed->load(0)).label.ids == (std::vector<ClassId>{0, 18, 65535, 7}));
}
