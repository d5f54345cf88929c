#include <boost/test/unit_test.hpp>

#include "datasets/descriptor.h"
#include "runtime/core/pattern.h"
#include "tests/datasets/require.h"

using namespace graphrun;

namespace {

const std::vector<std::filesystem::path> kFolders = {"/nowhere", GRAPHRUN_SOURCE_DIR "/datasets"};

// A small descriptor with these labels and what else stands there.
std::string with_labels(const std::string& labels, const std::string& more = "") {
  return R"({"name": "t", "classes": [{"name": "a", "color": [1, 2, 3]}, {"name": "b", "color": [4, 5, 6]}],
             "labels": )" +
         labels + R"(, "splits": {"train": {"list": "train.txt"}})" + more + "}";
}

std::string error_of(const std::string& json) {
  const auto descriptor = datasets::parse_descriptor(json, "t.json");
  return descriptor.ok() ? "" : descriptor.status().message();
}

datasets::LabelRule rule_of(const std::string& labels) {
  return test::require(datasets::parse_descriptor(with_labels(labels), "t.json")).labels;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_shipped_descriptors_load_by_name) {
  const auto camvid = test::require(datasets::load_descriptor("camvid", kFolders));
  BOOST_TEST(camvid.classes.size() == 11);
  BOOST_TEST(camvid.classes[10].name == "bicyclist");
  BOOST_TEST(camvid.splits.at("val").at(0).list == "list/val.txt");
  BOOST_TEST(camvid.settings.at("train_h") == "240");
  BOOST_TEST(datasets::recipe_settings(camvid, "pspnet50").at("train_h") == "241");
  BOOST_TEST(datasets::recipe_settings(camvid, "spnet50").empty());
  const auto shapes = test::require(datasets::load_descriptor("shapes", kFolders));
  BOOST_TEST(shapes.splits.at("train").at(0).count == 400);
}

BOOST_AUTO_TEST_CASE(an_unknown_name_says_where_it_was_looked_for) {
  const auto missing = datasets::load_descriptor("camwid", kFolders);
  BOOST_REQUIRE(!missing.ok());
  BOOST_TEST(missing.status().message().find("/nowhere/camwid.json") != std::string::npos);
  BOOST_TEST((datasets::load_descriptor("./camwid.json", kFolders).status().code() == ErrorCode::not_found));
}

BOOST_AUTO_TEST_CASE(label_rules_map_ids_to_classes_and_back) {
  const datasets::LabelRule identity = rule_of(R"({"identity": 2, "ignore": [255]})");
  BOOST_TEST((identity.class_of(1) == 1 && identity.class_of(255) == imaging::kIgnoredClass &&
              !identity.class_of(2)));
  const datasets::LabelRule offset = rule_of(R"({"offset": -1, "ignore": [0]})");
  BOOST_TEST(
      (offset.class_of(0) == imaging::kIgnoredClass && offset.class_of(2) == 1 && !offset.class_of(3)));
  BOOST_TEST((offset.label_id(0) == 1 && offset.label_id(1) == 2));
  const datasets::LabelRule map = rule_of(R"({"map": {"33": 1, "7": 0, "8": 0}, "ignore": [0, 255]})");
  BOOST_TEST((map.class_of(8) == 0 && map.class_of(33) == 1 && !map.class_of(1) && !map.class_of(65535)));
  BOOST_TEST((map.label_id(0) == 7 && map.label_id(1) == 33));
  const datasets::LabelRule submitted = rule_of(R"({"identity": 2, "submission": [26, 1000]})");
  BOOST_TEST((submitted.label_id(0) == 26 && submitted.label_id(1) == 1000));
  const auto applied = map.apply({2, 2, {7, 33, 255, 9}, {}});
  BOOST_REQUIRE(!applied.ok());
  BOOST_TEST(applied.status().message().find("label id 9 at row 1, column 1") == 0);
}

BOOST_AUTO_TEST_CASE(labels_may_be_the_classes_colours) {
  const auto by_color =
      datasets::parse_descriptor(with_labels(R"({"colors": true, "ignore": [[7, 7, 7]]})"), "t.json");
  BOOST_REQUIRE_MESSAGE(by_color.ok(), (by_color.ok() ? "" : by_color.status().message()));
  BOOST_TEST((by_color->labels.form() == datasets::LabelForm::colors));
  const imaging::Color first = by_color->classes[0].color, second = by_color->classes[1].color;
  const datasets::LabelImage label{1, 3, {2, 0, 1}, {first, {7, 7, 7}, second}};
  const auto map = by_color->labels.apply(label);
  BOOST_REQUIRE(map.ok());
  BOOST_TEST((map->ids == std::vector<ClassId>{1, 0, imaging::kIgnoredClass}));
  const auto wrong = by_color->labels.apply({1, 1, {0}, {{1, 2, 99}}});
  BOOST_TEST(wrong.status().message().find("colour [1, 2, 99] at row 0, column 0") == 0u);
  BOOST_TEST(error_of(with_labels(R"({"colors": false})")).find("/labels/colors: expected true") !=
             std::string::npos);
  BOOST_TEST(error_of(with_labels(R"({"colors": true, "ignore": [255]})")).find("/ignore/0: expected [red") !=
             std::string::npos);
  BOOST_TEST(error_of(with_labels(R"({"colors": true, "identity": 2})")).find("no key 'identity'") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(errors_say_file_key_and_what_was_expected) {
  BOOST_TEST(error_of("{\n \"name\": }").find("t.json:2:10: ") == 0);
  BOOST_TEST(error_of("[]").find("t.json: expected an object") == 0);
  BOOST_TEST(error_of(with_labels(R"({"identity": 3})"))
                 .find("t.json: /labels/identity: expected 2, the number of classes") == 0);
  BOOST_TEST(error_of(with_labels("{}")).find("t.json: /labels: expected one of the keys identity") == 0);
  BOOST_TEST(error_of(with_labels(R"({"map": {"1": 0}})")).find("no label id stands for class 1") !=
             std::string::npos);
  BOOST_TEST(error_of(with_labels(R"({"map": {"01": 0}})")).find("/labels/map/01: expected a label id") !=
             std::string::npos);
  BOOST_TEST(error_of(with_labels(R"({"identity": 2, "ignore": [1]})")).find("ignored label id 1") !=
             std::string::npos);
  const std::string rule = R"({"identity": 2})";
  BOOST_TEST(error_of(with_labels(rule, R"(, "colour": 1)")).find("/colour: expected one of the keys") !=
             std::string::npos);
  BOOST_TEST(error_of(with_labels(rule, R"(, "name": "u")")).find("/name: expected each key once") !=
             std::string::npos);
  BOOST_TEST(error_of(with_labels(rule, R"(, "settings": {"a": {"b": 1}})"))
                 .find("/settings/a: expected a number") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_name_is_one_component_of_a_path) {
  for (const std::string name : {"", "../x", "/etc", ".hidden", "a/b", "a b", "-x", "\\u001b]0;x"}) {
    std::string json = with_labels(R"({"identity": 2})");
    json.replace(json.find("\"t\""), 3, "\"" + name + "\"");
    BOOST_TEST(error_of(json).find("/name: expected letters, digits and . _ + -") != std::string::npos, name);
  }
  std::string zero = with_labels(R"({"identity": 2})");
  zero.replace(zero.find("\"t\""), 3, "\"a\\u0000b\"");
  BOOST_TEST(error_of(zero).find("/name") != std::string::npos, error_of(zero));
}

BOOST_AUTO_TEST_CASE(splits_stay_inside_the_data_root) {
  const auto split = [](const std::string& text) {
    return error_of(
        R"({"name": "t", "classes": [{"name": "a", "color": [0, 0, 0]}], "labels": {"identity": 1},
                        "splits": {"val": )" +
        text + "}}");
  };
  BOOST_TEST(split(R"({"list": "a.txt"})").empty());
  BOOST_TEST(split(R"({"images": "i", "image_suffix": ".png", "labelled": false})").empty());
  BOOST_TEST(split(R"({"list": "/etc/a.txt"})").find("/splits/val/list: expected a path inside") !=
             std::string::npos);
  BOOST_TEST(split(R"({"list": "../a.txt"})").find("leads out") != std::string::npos);
  BOOST_TEST(split(R"({"list": "a.txt", "images": "i"})").find("one of the keys") != std::string::npos);
  BOOST_TEST(split(R"({"images": "i", "image_suffix": ".png"})").find("'labels'") != std::string::npos);
  BOOST_TEST(split(R"({"count": 3, "seed": 1})").find("/splits/val/count") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(settings_keep_their_json_text) {
  const auto descriptor = datasets::parse_descriptor(
      with_labels(R"({"identity": 2})",
                  R"(, "settings": {"base_lr": 0.01, "scales": [0.5, 1.0], "s": "x", "b": true},
                     "recipes": {"spnet*": {"base_lr": 0.1}, "spnet50": {"base_lr": 1}})"),
      "t.json");
  BOOST_REQUIRE(descriptor.ok());
  BOOST_TEST(descriptor->settings.at("base_lr") == "0.01");
  BOOST_TEST(descriptor->settings.at("scales") == "[0.5,1.0]");
  BOOST_TEST(descriptor->settings.at("s") == "\"x\"");
  BOOST_TEST(datasets::recipe_settings(*descriptor, "spnet50").at("base_lr") == "1");
  BOOST_TEST(datasets::recipe_settings(*descriptor, "spnet101").at("base_lr") == "0.1");
}

BOOST_AUTO_TEST_CASE(hostile_json_is_an_error) {
  BOOST_TEST(!error_of(std::string(1000000, '[')).empty());
  std::string nested;
  for (int i = 0; i < 100000; ++i) nested += "{\"a\":";
  BOOST_TEST(!error_of(nested + "1" + std::string(100000, '}')).empty());
  BOOST_TEST(!error_of("{\"name\": \"\xFF\"}").empty());
}

BOOST_AUTO_TEST_CASE(patterns_match_whole_names) {
  BOOST_TEST(core::matches_pattern("spnet*", "spnet50"));
  BOOST_TEST(core::matches_pattern("*net?0", "pspnet50"));
  BOOST_TEST(!core::matches_pattern("spnet*", "pspnet50"));
  BOOST_TEST(!core::matches_pattern("spnet", "spnet50"));
  BOOST_TEST(core::matches_pattern("*", ""));
}
