#include <boost/test/unit_test.hpp>

#include "tests/schemas/schema.h"
#include "training/run/settings.h"

// What graphs/graph.schema.json offers below train.settings, against the settings of a run.
using namespace graphrun;
using namespace graphrun::test;

namespace {

const Schema& schema() {
  static const Schema schema(GRAPHRUN_SOURCE_DIR "/graphs/graph.schema.json");
  return schema;
}

std::string type_of(training::SettingKind kind) {
  using enum training::SettingKind;
  switch (kind) {
    case integer:
      return R"({"type":"integer"})";
    case real:
      return R"({"type":"number"})";
    case boolean:
      return R"({"type":"boolean"})";
    case reals:
      return R"({"type":"array","items":{"type":"number"}})";
    case weights:
      return R"({"anyOf":[{"type":"array","items":{"type":"number"}},{"enum":["suggested"]}]})";
    case free_text:
      return R"({"type":"string"})";
    case word:
      return {};
  }
  return {};
}

// `choices` as a setting has them, "one, other".
std::string words(std::string_view choices) {
  std::string list = "\"" + std::string(choices) + "\"";
  for (std::size_t at = 0; (at = list.find(", ", at)) != std::string::npos;) list.replace(at, 2, R"(",")");
  return R"({"enum":[)" + list + "]}";
}

}  // namespace

BOOST_AUTO_TEST_CASE(settings_of_graphs_are_those_of_runs) {
  const std::string pointer = "/properties/train/properties/settings/properties";
  Names settings;
  for (const training::SettingSpec& spec : training::setting_specs()) {
    settings.emplace(spec.name);
    const std::string type =
        spec.kind == training::SettingKind::word ? words(spec.choices) : type_of(spec.kind);
    if (schema().keys(pointer).contains(spec.name)) {
      BOOST_TEST(json_text(schema().at(pointer + "/" + std::string(spec.name))) == type, spec.name);
    }
  }
  BOOST_TEST(settings == schema().keys(pointer), boost::test_tools::per_element());
}
