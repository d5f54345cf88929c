#include <boost/test/unit_test.hpp>

#include "datasets/descriptor.h"
#include "runtime/core/file.h"
#include "tests/datasets/require.h"
#include "tests/schemas/schema.h"

// datasets/dataset.schema.json against the reader of descriptors.
using namespace graphrun;
using namespace graphrun::test;

namespace {

const std::filesystem::path kFolder = GRAPHRUN_SOURCE_DIR "/datasets";
const Schema& schema() {
  static const Schema schema(kFolder / "dataset.schema.json");
  return schema;
}

const std::string kFiles =
    R"({"$schema": "s", "name": "n", "note": "", "classes": [{"name": "a", "color": [0, 0, 0]}],
  "labels": {"identity": 1, "ignore": [255], "submission": [0], "variants": {"*.png": {"offset": -1, "ignore": [0]}}},
  "splits": {"train": {"list": "train.txt", "labelled": true}, "val": [{"images": "i", "labels": "l", "image_suffix": ".jpg",
  "label_suffix": ".png"}]}, "subfolders": ["x"], "data_root": "d", "data_hint": "h", "settings": {"epochs": 3},
  "images": {"channels": 3, "type": "u16", "files": ["a", "b"]}, "preprocess": {"value_scale": 2, "mean": [1, 2, 3], "std": [4, 5, 6]},
  "recipes": {"pspnet*": {"epochs": 4}}})";
const std::string kGenerated =
    R"({"name": "n", "classes": [{"name": "a", "color": [0, 0, 0]}], "labels": {"identity": 1},
  "generator": {"name": "shapes", "height": 32, "width": 32}, "splits": {"train": {"count": 3, "seed": 1}}})";

// The keys that the reader knows in the object at `pointer`; the schema refuses others too.
Names known_keys(const std::string& text, const std::string& pointer) {
  const rapidjson::Document changed = with_key(parse_json(text), pointer, "zzzz");
  BOOST_TEST(schema().problem(changed) != "", "the schema takes any key in " << pointer);
  const auto descriptor = datasets::parse_descriptor(json_text(changed), "d.json");
  BOOST_REQUIRE_MESSAGE(!descriptor.ok(), "the reader takes any key in " << pointer);
  return names_after(descriptor.status().message(), "expected one of the keys ", ", ");
}

void check_keys(const std::string& text, const std::string& pointer, const Names& in_schema) {
  BOOST_TEST_CONTEXT("in the object " << pointer) {
    BOOST_TEST(known_keys(text, pointer) == in_schema, boost::test_tools::per_element());
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(keys_of_descriptors_are_those_of_the_schema) {
  for (const std::string& text : {kFiles, kGenerated}) {
    BOOST_TEST(schema().problem(parse_json(text)) == "");
    require(datasets::parse_descriptor(text, "d.json"));
  }
  check_keys(kFiles, "", schema().keys("/properties"));
  check_keys(kFiles, "/classes/0", schema().keys("/properties/classes/items/properties"));
  check_keys(kFiles, "/labels", schema().keys("/properties/labels/properties"));
  check_keys(kFiles, "/labels/variants/*.png",
             schema().keys("/properties/labels/properties/variants/additionalProperties/properties"));
  check_keys(kFiles, "/images", schema().keys("/properties/images/properties"));
  check_keys(kFiles, "/preprocess", schema().keys("/properties/preprocess/properties"));
  check_keys(kGenerated, "/generator", schema().keys("/properties/generator/properties"));
  check_keys(kGenerated, "/splits/train", schema().keys("/definitions/generatedSplit/properties"));
  Names of_files = schema().keys("/definitions/listSplit/properties");
  of_files.merge(schema().keys("/definitions/folderSplit/properties"));
  check_keys(kFiles, "/splits/train", of_files);
  check_keys(kFiles, "/splits/val/0", of_files);
}

BOOST_AUTO_TEST_CASE(what_the_schema_demands_the_reader_demands) {
  const rapidjson::Document whole = parse_json(kFiles);
  for (const auto& name : schema().at("/required").GetArray()) {
    rapidjson::Document changed;
    changed.CopyFrom(whole, changed.GetAllocator());
    changed.RemoveMember(name.GetString());
    BOOST_TEST(!datasets::parse_descriptor(json_text(changed), "d.json").ok(), name.GetString());
  }
  for (const auto& member : whole.GetObject()) {
    rapidjson::Document changed;
    changed.CopyFrom(whole, changed.GetAllocator());
    changed.RemoveMember(member.name.GetString());
    BOOST_TEST(
        schema().problem(changed).empty() == datasets::parse_descriptor(json_text(changed), "d.json").ok(),
        "without " << member.name.GetString());
  }
}

BOOST_AUTO_TEST_CASE(shipped_descriptors_are_valid) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    const std::string name = entry.path().filename();
    if (!name.ends_with(".json") || name.ends_with(".schema.json")) continue;
    BOOST_TEST(schema().problem(parse_json(require(core::read_file(entry.path(), 1 << 20)))) == "", name);
    ++count;
  }
  BOOST_TEST(count >= 5);
}
