#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "compiler/compile.h"
#include "ops/registry.h"
#include "runtime/core/file.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "tests/schemas/schema.h"

// graphs/graph.schema.json against the compiler. The part on ops is graphs/ops.schema.json, which is made
// from their definitions (tests/ops/op_reference_test.cpp).
using namespace graphrun;
using namespace graphrun::test;

namespace {

const std::filesystem::path kFolder = GRAPHRUN_SOURCE_DIR "/graphs";
const Schema& schema() {
  static const Schema schema(kFolder / "graph.schema.json");
  return schema;
}

// Something of everything.
const std::string kGraph = R"({"$schema": "s", "doc": "d",
  "parameters": {"width": {"doc": "d", "default": 8, "min": 1, "max": 64, "choices": [8, 16], "structural": true},
                 "decay": {"default": 0.1}, "crop": {"from": "width*2"}},
  "inputs": {"image": {"doc": "d", "shape": ["N", 3, "H", "W"], "dtype": "f32", "role": "image"},
             "label": {"shape": ["N", "H", "W"], "dtype": "i32"}},
  "require": [{"that": "H >= 8", "because": "b"}],
  "preprocess": {"doc": "d", "value_scale": 255, "mean": [0, 0, 0], "std": [1, 1, 1], "stored": "u8"},
  "protocol": {"doc": "d", "name": "slide", "crop_h": 33, "crop_w": 33, "base_size": 0, "scales": [1], "flip": true},
  "metadata": {"by": "a test"},
  "blocks": {"unit": {"doc": "d", "inputs": ["x"], "parameters": {"o": {"doc": "d", "default": "x.C"}},
    "graph": [{"op": "conv2d", "as": "conv", "x": "x", "out_channels": "o", "kernel": 3, "padding": 1, "doc": "d",
               "init": {"weight": {"normal": [0, 0.1]}}}, {"op": "relu", "out": "y"}], "out": "y"}},
  "graph": [{"block": "unit", "as": "a", "x": "image", "o": "width", "out": "b"},
            {"repeat": 2, "index": "i", "as": "r{i}", "graph": [{"block": "unit", "as": "u"}]},
            {"let": "c"},
            {"op": "relu", "x": "c", "out": "logits"}],
  "outputs": {"logits": {"doc": "d", "value": "logits", "role": "logits"}, "same": "c"},
  "losses": {"main": {"op": "cross_entropy", "logits": "logits", "label": "label", "weight": 1, "doc": "d"}},
  "train": {"doc": "d", "optimizer": {"op": "sgd", "doc": "d", "momentum": 0.9, "weight_decay": "decay"},
            "groups": [{"match": "a.*", "doc": "d", "lr_mult": 2}, {"match": "*"}],
            "rules": [{"match": {"name": "*", "op": "conv2d", "operand": "weight", "rank": 4}, "doc": "d", "weight_decay": 0}],
            "settings": {"epochs": 3}}})";

std::string errors_of(const rapidjson::Value& graph) {
  const Scratch scratch;
  require(core::write_file(scratch / "graph.json", json_text(graph)));
  return compiler::compile(scratch / "graph.json", {}, ops::op_registry()).errors;
}

// The keys that the compiler knows in the object at `pointer`, as its error lists them.
Names known_keys(const rapidjson::Value& graph, const std::string& pointer) {
  return names_after(errors_of(with_key(graph, pointer, "zzzzzzzz")), "\"zzzzzzzz\"; there is ", "\", ");
}

Names without(Names names, const OpDef& def) {
  for (const InputSpec& spec : def.inputs) names.erase(std::string(spec.name));
  for (const AttrSpec& spec : def.attrs) names.erase(std::string(spec.name));
  return names;
}

void check_keys(const std::string& pointer, const std::string& in_schema) {
  BOOST_TEST_CONTEXT("in the object " << pointer) {
    const rapidjson::Document graph = parse_json(kGraph);
    BOOST_TEST(known_keys(graph, pointer) == schema().keys(in_schema), boost::test_tools::per_element());
    BOOST_TEST(schema().problem(with_key(graph, pointer, "zzzzzzzz")) != "");
  }
}

// Of an object that has an op's attributes as well, which the schema does not know.
void check_keys_beside(const std::string& op, const std::string& pointer, const std::string& in_schema) {
  BOOST_TEST_CONTEXT("in the object " << pointer) {
    const Names known = known_keys(parse_json(kGraph), pointer);
    BOOST_TEST(without(known, *ops::op_registry().find(op)) == schema().keys(in_schema),
               boost::test_tools::per_element());
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(keys_of_graphs_are_those_of_the_schema) {
  const rapidjson::Document graph = parse_json(kGraph);
  BOOST_TEST_REQUIRE(errors_of(graph) == "");
  BOOST_TEST_REQUIRE(schema().problem(graph) == "");
  check_keys("", "/properties");
  check_keys("/parameters/width", "/properties/parameters/additionalProperties/properties");
  check_keys("/inputs/image", "/properties/inputs/additionalProperties/properties");
  check_keys("/require/0", "/properties/require/items/properties");
  check_keys("/preprocess", "/properties/preprocess/properties");
  check_keys("/protocol", "/properties/protocol/properties");
  check_keys("/outputs/logits", "/properties/outputs/additionalProperties/anyOf/1/properties");
  const std::string block = "/properties/blocks/additionalProperties/properties";
  check_keys("/blocks/unit", block);
  check_keys("/blocks/unit/parameters/o", block + "/parameters/additionalProperties/properties");
  check_keys("/train", "/properties/train/properties");
  check_keys_beside("sgd", "/train/optimizer", "/properties/train/properties/optimizer/properties");
  check_keys_beside("sgd", "/train/groups/0", "/definitions/parameter_groups/items/properties");
  check_keys_beside("sgd", "/train/rules/0", "/definitions/parameter_groups/items/properties");
  check_keys("/train/rules/0/match", "/definitions/parameters/anyOf/1/properties");
}

BOOST_AUTO_TEST_CASE(keys_of_statements_are_those_of_the_schema) {
  const rapidjson::Document graph = parse_json(kGraph);
  Names known = known_keys(graph, "/graph/0");
  for (const char* own : {"x", "o"}) known.erase(own);  // the block's
  known.merge(known_keys(graph, "/graph/1"));
  known.merge(known_keys(graph, "/graph/2"));
  known.merge(without(known_keys(graph, "/graph/3"), *ops::op_registry().find("relu")));
  BOOST_TEST(known == schema().keys("/definitions/statement/properties"), boost::test_tools::per_element());
  check_keys_beside("cross_entropy", "/losses/main", "/properties/losses/additionalProperties/properties");
}

// What the schema lets a word be, and what the compiler does.
BOOST_AUTO_TEST_CASE(choices_are_those_of_the_schema) {
  rapidjson::Document graph = parse_json(kGraph);
  const auto choices = [](const std::string& pointer) {
    Names names;
    for (const auto& choice : schema().at(pointer).GetArray()) names.insert(choice.GetString());
    return names;
  };
  const Names types = choices("/properties/inputs/additionalProperties/properties/dtype/enum");
  for (const std::string name :
       {"f32", "bf16", "f16", "f64", "i32", "i64", "i16", "i8", "u8", "bool", "f8"}) {
    rapidjson::Value extra(rapidjson::kObjectType);
    extra.AddMember("shape", rapidjson::Value(rapidjson::kArrayType).PushBack("N", graph.GetAllocator()),
                    graph.GetAllocator());
    extra.AddMember("dtype", rapidjson::Value(name.c_str(), graph.GetAllocator()), graph.GetAllocator());
    graph["inputs"].RemoveMember("extra");
    graph["inputs"].AddMember("extra", extra, graph.GetAllocator());
    const bool known = errors_of(graph).find("dtype") == std::string::npos &&
                       errors_of(graph).find('"' + name + '"') == std::string::npos;
    BOOST_TEST(known == types.contains(name), name << ": " << errors_of(graph));
  }
  graph = parse_json(kGraph);
  for (const std::string json :
       {R"("kaiming_normal_fan_out")", R"("uniform_fan_in")", R"({"constant": 1})", R"({"normal": [0, 1]})",
        R"({"uniform": [0, 1]})", R"("zeros")", R"({"normal": 1})", R"({"truncated": [0, 1]})"}) {
    graph["blocks"]["unit"]["graph"][0]["init"]["weight"].CopyFrom(parse_json(json), graph.GetAllocator());
    BOOST_TEST((errors_of(graph) == "") == (schema().problem(graph) == ""), json);
  }
}

BOOST_AUTO_TEST_CASE(shipped_graphs_are_valid) {
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kFolder)) {
    const std::string name = std::filesystem::relative(entry.path(), kFolder);
    if (!name.ends_with(".json") || name.ends_with(".schema.json") || name.starts_with("backbones/") ||
        name.starts_with("maps/") || name.starts_with("recipes/"))
      continue;
    BOOST_TEST(schema().problem(parse_json(require(core::read_file(entry.path(), 1 << 20)))) == "", name);
    ++count;
  }
  BOOST_TEST(count >= 15);
}
