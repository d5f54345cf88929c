#include <rapidjson/document.h>

#include <boost/test/unit_test.hpp>

#include "datasets/check.h"
#include "datasets/dataset.h"
#include "datasets/image_io.h"
#include "datasets/import/coco_mask.h"
#include "datasets/import/import.h"
#include "datasets/import/json_fields.h"
#include "datasets/import/labelme_shapes.h"
#include "datasets/json_document.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"

using namespace graphrun;
using graphrun::test::Scratch;

namespace {

const std::filesystem::path kGolden = GRAPHRUN_SOURCE_DIR "/tests/datasets/golden/import";

// tests/oracle/import_masks.py
rapidjson::Document golden(const std::string& name) {
  const std::string text = test::require(core::read_file(kGolden / name, 1 << 20));
  return test::require(datasets::parse_json(text, name));
}

LabelMap empty_map(const rapidjson::Value& of) {
  const std::int64_t height = of["height"].GetInt64(), width = of["width"].GetInt64();
  return {height, width, std::vector<ClassId>(static_cast<std::size_t>(height * width))};
}

LabelMap expected(const rapidjson::Value& of) {
  LabelMap map = empty_map(of);
  const auto runs = test::require(
      datasets::decompress_runs(of["pixels"].GetString(), static_cast<std::int64_t>(map.ids.size())));
  test::require(datasets::fill_runs({map, 1}, runs));
  return map;
}

std::size_t different(const LabelMap& a, const LabelMap& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.ids.size(); ++i) count += a.ids[i] != b.ids[i];
  return count;
}

void write(const std::filesystem::path& file, std::string_view text) {
  std::filesystem::create_directories(file.parent_path());
  test::require(core::write_file(file, text));
}

void write_image(const std::filesystem::path& file, std::int64_t height, std::int64_t width) {
  std::filesystem::create_directories(file.parent_path());
  const std::vector<std::uint8_t> rgb(static_cast<std::size_t>(height * width * 3), 90);
  test::require(datasets::write_rgb_png(file, {height, width, rgb}));
}

datasets::ImportRequest request(const std::filesystem::path& source, const std::filesystem::path& output) {
  datasets::ImportRequest request;
  request.source = source;
  request.output = output;
  return request;
}

datasets::Descriptor load(const std::filesystem::path& file) {
  return test::require(datasets::load_descriptor(file.string(), {}));
}

LabelMap first_label(const datasets::Descriptor& descriptor, const std::string& split = "train") {
  const auto data = test::require(datasets::open_dataset(descriptor, split, std::nullopt));
  return test::require(data->load(0)).label;
}

std::string error_of(const Result<datasets::Imported>& imported) {
  return imported.ok() ? "" : imported.status().message();
}

}  // namespace

BOOST_AUTO_TEST_CASE(run_lengths_are_cocos) {
  const rapidjson::Document all = golden("coco_runs.json");
  int cases = 0;
  for (const auto& item : all.GetArray()) {
    LabelMap map = empty_map(item);
    std::vector<std::uint32_t> runs;
    for (const auto& run : item["runs"].GetArray()) runs.push_back(run.GetUint());
    test::require(datasets::fill_runs({map, 1}, runs));
    BOOST_TEST(different(map, expected(item)) == 0u, "case " << cases);
    ++cases;
  }
  BOOST_TEST(cases == 200);
}

BOOST_AUTO_TEST_CASE(polygons_have_cocos_pixels) {
  const rapidjson::Document all = golden("coco_polygons.json");
  int cases = 0;
  for (const auto& item : all.GetArray()) {
    LabelMap map = empty_map(item);
    for (const auto& polygon : item["polygons"].GetArray())
      test::require(datasets::fill_coco_polygon({map, 1}, test::require(datasets::numbers_of(polygon))));
    BOOST_TEST(different(map, expected(item)) == 0u, "case " << cases);
    ++cases;
  }
  BOOST_TEST(cases == 200);
}

BOOST_AUTO_TEST_CASE(shapes_have_labelmes_pixels) {
  const rapidjson::Document all = golden("labelme_shapes.json");
  int cases = 0;
  for (const auto& item : all.GetArray()) {
    LabelMap map = empty_map(item);
    test::require(datasets::fill_labelme_shape({map, 1}, item["shape"]));
    BOOST_TEST(different(map, expected(item)) == 0u,
               "case " << cases << ", " << item["shape"]["shape_type"].GetString());
    ++cases;
  }
  BOOST_TEST(cases == 220);
}

BOOST_AUTO_TEST_CASE(coco_instances_become_a_data_set) {
  const Scratch scratch;
  write_image(scratch / "val2017/a.0001.png", 4, 6);
  write(scratch / "annotations/instances_val2017.json",
        R"({"images": [{"id": 9, "file_name": "a.0001.png", "height": 4, "width": 6}],
            "categories": [{"id": 44, "name": "cat"}, {"id": 7, "name": "bus"}],
            "annotations": [
              {"image_id": 9, "category_id": 7, "iscrowd": 1, "segmentation": {"size": [4, 6], "counts": [4, 8, 12]}},
              {"image_id": 9, "category_id": 44, "segmentation": [[1.5, 1.5, 3.5, 1.5, 3.5, 3.5, 1.5, 3.5]]},
              {"image_id": 9, "category_id": 44, "bbox": [0, 0, 1, 1]}]})");
  const auto imported = test::require(
      datasets::import_coco(request(scratch / "annotations/instances_val2017.json", scratch / "out")));
  BOOST_TEST((imported.images == 1 && imported.classes == 3));
  BOOST_REQUIRE(imported.notes.size() == 1u);
  BOOST_TEST(imported.notes[0].find("1 annotations have no segmentation") == 0u);
  const datasets::Descriptor descriptor = load(imported.descriptor);
  BOOST_TEST((descriptor.classes[1].name == "bus" && descriptor.classes[2].name == "cat"));
  const LabelMap label = first_label(descriptor);
  BOOST_TEST((label.ids == std::vector<ClassId>{0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0,  //
                                                0, 1, 2, 2, 0, 0, 0, 1, 2, 2, 0, 0}));
  const auto report = test::require(datasets::check_dataset(descriptor, "train", std::nullopt, 1));
  BOOST_TEST(report.problems.empty());
  // A second split of the same classes goes into the same folder.
  write_image(scratch / "val2017/b.png", 4, 6);
  write(scratch / "annotations/more.json",
        R"({"images": [{"id": 1, "file_name": "b.png", "height": 4, "width": 6}], "annotations": [],
            "categories": [{"id": 44, "name": "cat"}, {"id": 7, "name": "bus"}]})");
  auto second = request(scratch / "annotations/more.json", scratch / "out");
  second.images = scratch / "val2017";
  BOOST_TEST(error_of(datasets::import_coco(second)).find("has a split 'train' already") !=
             std::string::npos);
  second.split = "val";
  BOOST_TEST(load(test::require(datasets::import_coco(second)).descriptor).splits.size() == 2u);
}

BOOST_AUTO_TEST_CASE(panoptic_segments_become_classes) {
  const Scratch scratch;
  write_image(scratch / "a.jpg", 1, 4);
  std::filesystem::create_directories(scratch / "panoptic");
  test::require(
      datasets::write_rgb_png(scratch / "panoptic/a.png", {1, 4, {5, 1, 0, 5, 1, 0, 0, 0, 0, 2, 0, 1}}));
  const std::string text =
      R"({"images": [{"id": 1, "file_name": "a.jpg", "height": 1, "width": 4}],
          "categories": [{"id": 3, "name": "sky", "color": [1, 2, 3]}, {"id": 8, "name": "sea"}],
          "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info":
            [{"id": 261, "category_id": 8}, {"id": 65538, "category_id": 3}]}]})";
  write(scratch / "panoptic.json", text);
  const auto imported =
      test::require(datasets::import_coco(request(scratch / "panoptic.json", scratch / "out")));
  const datasets::Descriptor descriptor = load(imported.descriptor);
  BOOST_TEST((descriptor.classes[0].color == imaging::Color{1, 2, 3}));
  BOOST_TEST((first_label(descriptor).ids == std::vector<ClassId>{1, 1, imaging::kIgnoredClass, 0}));
}

BOOST_AUTO_TEST_CASE(broken_coco_files_are_errors_of_their_place) {
  const Scratch scratch;
  write_image(scratch / "a.png", 2, 2);
  const auto with = [&](const std::string& annotation, const std::string& file = "a.png") {
    write(scratch / "c.json", R"({"images": [{"id": 1, "file_name": ")" + file +
                                  R"(", "height": 2, "width": 2}], "categories": [{"id": 1, "name": "x"}],
                                  "annotations": [)" +
                                  annotation + "]}");
    std::filesystem::remove_all(scratch / "out");
    return error_of(datasets::import_coco(request(scratch / "c.json", scratch / "out")));
  };
  const auto has = [](const std::string& text, const std::string& part) {
    BOOST_TEST(text.find(part) != std::string::npos, text << " does not say " << part);
  };
  const auto segmentation = [](const std::string& text) {
    return R"({"image_id": 1, "category_id": 1, "segmentation": )" + text + "}";
  };
  BOOST_TEST(with("") == "");
  has(with(R"({"image_id": 5, "category_id": 1})"), "annotation 0: its image 5 is not listed");
  has(with(R"({"image_id": 1, "category_id": 5, "segmentation": []})"), "its category 5 is not listed");
  has(with(segmentation("[[0, 0, 1]]")), "image a.png: its annotation 0: a polygon needs three points");
  has(with(segmentation("[[0, 0, 1e300, 0, 0, 1]]")), "far outside");
  has(with(segmentation(R"({"size": [2, 2], "counts": [5]})")), "runs of more pixels");
  has(with(segmentation(R"({"size": [2, 2], "counts": [1, 4294967295]})")), "runs of more pixels");
  has(with(segmentation(R"({"size": [2, 2], "counts": [3]})")), "runs of fewer pixels");
  has(with(segmentation(R"({"size": [2, 2], "counts": "oooooooooo"})")), "compressed run-length");
  has(with(segmentation(R"({"size": [9, 2], "counts": [18]})")), "is not the image's");
  has(with("", "../a.png"), "leads out");
  has(with("", "none.png"), "none.png");
  write(scratch / "c.json", "{\"images\": [\n  }");
  has(error_of(datasets::import_coco(request(scratch / "c.json", scratch / "out"))), "c.json:2:3: ");
  write(scratch / "c.json", std::string(1 << 20, '['));
  has(error_of(datasets::import_coco(request(scratch / "c.json", scratch / "out"))), "c.json:1:");
}

// Of a few bytes half a gigabyte: what is wrong with the annotation would be found in a map of its size.
BOOST_AUTO_TEST_CASE(annotations_are_no_larger_than_their_images) {
  const Scratch scratch;
  write_image(scratch / "a.png", 4, 6);
  write(scratch / "c.json",
        R"({"images": [{"id": 9, "file_name": "a.png", "height": 16384, "width": 16384}],
            "categories": [{"id": 7, "name": "bus"}],
            "annotations": [{"image_id": 9, "category_id": 7, "segmentation": [[1, 2]]}]})");
  const std::string error = error_of(datasets::import_coco(request(scratch / "c.json", scratch / "out")));
  BOOST_TEST(error.find("its annotation is of 16384 x 16384") != std::string::npos, error);
}

BOOST_AUTO_TEST_CASE(labelmes_files_become_a_data_set) {
  const Scratch scratch;
  write_image(scratch / "in/day 1/frame.0001.png", 4, 6);
  const std::string shapes =
      R"("imageHeight": 4, "imageWidth": 6, "imagePath": "..\\elsewhere\\frame.0001.png", "imageData": null,
         "shapes": [{"label": "dog", "points": [[0, 0], [2, 1]], "shape_type": "rectangle"},
                    {"label": "__ignore__", "points": [[5, 3], [5, 3]], "shape_type": "rectangle"},
                    {"label": "ant", "points": [[1, 0], [1, 3], [1, 0]]}]})";
  write(scratch / "in/day 1/frame.0001.json", "{" + shapes);
  const auto imported = test::require(datasets::import_labelme(request(scratch / "in", scratch / "out")));
  const datasets::Descriptor descriptor = load(imported.descriptor);
  BOOST_REQUIRE(descriptor.classes.size() == 3u);
  BOOST_TEST((descriptor.classes[0].name == "background" && descriptor.classes[1].name == "ant"));
  constexpr ClassId kVoid = imaging::kIgnoredClass;
  BOOST_TEST((first_label(descriptor).ids == std::vector<ClassId>{2, 1, 2, 0, 0, 0, 2, 1, 2, 0, 0, 0,  //
                                                                  0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, kVoid}));
  BOOST_TEST(std::filesystem::exists(scratch / "out/labels/day 1/frame.0001.png"));
  // The order of the classes may be given.
  write(scratch / "labels.txt", "__ignore__\n_background_\ndog\nant\n");
  auto ordered = request(scratch / "in", scratch / "ordered");
  ordered.classes = scratch / "labels.txt";
  const auto in_order = load(test::require(datasets::import_labelme(ordered)).descriptor);
  BOOST_TEST((in_order.classes[1].name == "dog" && in_order.classes[2].name == "ant"));
  std::filesystem::remove(scratch / "in/day 1/frame.0001.png");
  BOOST_TEST(error_of(datasets::import_labelme(request(scratch / "in", scratch / "none"))).find("--images") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(colour_masks_become_ids) {
  const Scratch scratch;
  write_image(scratch / "in/images/a.png", 1, 3);
  std::filesystem::create_directories(scratch / "in/masks");
  test::require(
      datasets::write_rgb_png(scratch / "in/masks/a_mask.png", {1, 3, {0, 0, 0, 9, 8, 7, 0, 0, 0}}));
  const auto imported = test::require(datasets::import_colors(request(scratch / "in", scratch / "out")));
  BOOST_TEST((first_label(load(imported.descriptor)).ids == std::vector<ClassId>{0, 1, 0}));
  write(scratch / "in/class_dict.csv", "name,r,g,b\nsea water,9,8,7\n\nsand,0,0,0\n");
  const auto named = test::require(datasets::import_colors(request(scratch / "in", scratch / "named")));
  const datasets::Descriptor descriptor = load(named.descriptor);
  BOOST_TEST((descriptor.classes[0].name == "sea water" && descriptor.classes[1].name == "sand"));
  BOOST_TEST((first_label(descriptor).ids == std::vector<ClassId>{1, 0, 1}));
}
