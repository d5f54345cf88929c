#include <boost/test/unit_test.hpp>
#include <cmath>

#include "ops/registry.h"
#include "runtime/model/upgrade.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "training/run/resolve.h"
#include "training/schedule.h"
#include "training/trainer.h"

using namespace graphrun;
using graphrun::test::require;
using graphrun::test::Scratch;

namespace {

datasets::Descriptor some_data() {
  return require(datasets::parse_descriptor(
      R"({"name": "d", "classes": [{"name": "a", "color": [0, 0, 0]}], "labels": {"identity": 1},
          "splits": {"val": {"list": "val.txt"}}, "settings": {"epochs": 30, "base_lr": 0.3, "power": 0.3, "train_h": 30},
          "recipes": {"net*": {"base_lr": 0.4, "power": 0.4, "momentum": 0.4}, "other": {"epochs": 99}}})",
      "d.json"));
}

model::Model some_model() {
  model::Model model;
  model.name = "net50";
  model.settings = {{"epochs", "20"}, {"base_lr", "0.2"}, {"train_w", "20"}, {"weight_decay", "0.2"}};
  return model;
}

}  // namespace

BOOST_AUTO_TEST_CASE(later_sources_of_settings_win) {
  const Scratch scratch;
  require(core::write_file(scratch / "c.json", R"({"momentum": 0.5, "power": 0.5})"));
  const datasets::Descriptor descriptor = some_data();
  const training::SettingTable settings = require(training::resolve_settings(
      some_model(), &descriptor, {{(scratch / "c.json").string()}, {"power=0.6", "scales=0.5,1"}}));
  BOOST_TEST(settings.integer("batch_size") == 16);
  BOOST_TEST(settings.source("batch_size") == "default");
  BOOST_TEST(settings.real("weight_decay") == 0.2);
  BOOST_TEST(settings.source("weight_decay") == "model net50");
  BOOST_TEST(settings.integer("epochs") == 30);
  BOOST_TEST(settings.real("base_lr") == 0.4);
  BOOST_TEST(settings.source("base_lr") == "data set d, recipe for net50");
  BOOST_TEST(settings.real("momentum") == 0.5);
  BOOST_TEST(settings.real("power") == 0.6);
  BOOST_TEST(settings.source("power") == "--set");
  BOOST_TEST((settings.reals("scales") == std::vector<double>{0.5, 1.0}));
}

BOOST_AUTO_TEST_CASE(what_nobody_set_is_as_the_network_has_it) {
  model::Model model = some_model();
  model.parameters.emplace_back().name = "aux_weight";
  model.parameters.back().value = 1;
  const training::SettingTable settings = require(training::resolve_settings(model, nullptr, {}));
  BOOST_TEST(settings.real("aux_weight") == 1);
  BOOST_TEST(settings.source("aux_weight") == "model net50");
  const training::SettingTable chosen =
      require(training::resolve_settings(model, nullptr, {{}, {"aux_weight=0.4"}}));
  BOOST_TEST(chosen.real("aux_weight") == 0.4);
}

BOOST_AUTO_TEST_CASE(the_evaluation_crop_is_the_training_crop_unless_given) {
  const datasets::Descriptor descriptor = some_data();
  const training::SettingTable settings =
      require(training::resolve_settings(some_model(), &descriptor, {{}, {"test_w=77"}}));
  BOOST_TEST(settings.integer("test_h") == 30);
  BOOST_TEST(settings.integer("test_w") == 77);
}

BOOST_AUTO_TEST_CASE(masks_of_attention_follow_the_training_crop_unless_chosen) {
  const auto with_masks = [](double mask, double compact, double shrink = 2) {
    // As a file of version 1 has it.
    model::Model model;
    model.name = "net";
    model.settings = {{"train_h", "465"}, {"train_w", "465"}};
    for (const auto& [name, value] :
         {std::pair("shrink_factor", shrink), {"compact", compact}, {"mask_h", mask}, {"mask_w", mask}}) {
      model.parameters.emplace_back().name = name;
      model.parameters.back().value = value;
    }
    require(model::upgrade_from_version_1(model, ops::op_registry()));
    return model;
  };
  const auto resolved = [](const model::Model& model, std::vector<std::string> sets) {
    const training::SettingTable settings =
        require(training::resolve_settings(model, nullptr, {{}, std::move(sets)}));
    return std::pair(settings.json("mask_h"), settings.json("mask_w"));
  };
  const auto pair = [](const char* h, const char* w) { return std::pair<std::string, std::string>(h, w); };
  BOOST_TEST((resolved(with_masks(59, 0), {}) == pair("59", "59")));
  BOOST_TEST((resolved(with_masks(59, 0), {"train_h=129", "train_w=705"}) == pair("17", "89")));
  BOOST_TEST((resolved(with_masks(59, 0), {"train_h=129", "mask_h=11"}) == pair("11", "59")));
  BOOST_TEST((resolved(with_masks(31, 0), {"train_h=129"}) == pair("null", "null")));  // the model's own
  BOOST_TEST((resolved(with_masks(59, 1), {"train_h=129"}) == pair("9", "30")));
  for (const double shrink : {0x1p61, 1e300, -0x1p61, 0.0, std::nan("")})  // a hostile model's
    BOOST_TEST((resolved(with_masks(59, 1, shrink), {"train_h=129"}) == pair("17", "59")), shrink);
}

BOOST_AUTO_TEST_CASE(recorded_settings_can_be_given_back_and_defaults_stay_nobodys_choice) {
  const Scratch scratch;
  training::SettingTable first;
  require(first.set_assignment("epochs=7", "--set"));
  require(core::write_file(scratch / "config.json", first.to_json()));
  training::SettingTable second;
  require(second.set_from_file((scratch / "config.json").string()));
  BOOST_TEST(second.integer("epochs") == 7);
  BOOST_TEST(second.is_explicit("epochs"));
  BOOST_TEST(!second.is_explicit("zoom_factor"));
}

// Data and losses have one number for pixels that count nowhere, and it is no class.
BOOST_AUTO_TEST_CASE(an_ignored_label_is_no_class) {
  const datasets::Descriptor descriptor = some_data();
  const auto resolve = [&](training::SettingSources sources) {
    return training::resolve_settings(some_model(), &descriptor, sources);
  };
  const std::string last = std::to_string(descriptor.classes.size() - 1);
  for (const std::string& value : {std::string("0"), last}) {
    const auto refused = resolve({{}, {"ignore_label=" + value}});
    BOOST_TEST(refused.status().message().find("is the class") != std::string::npos,
               refused.status().message());
  }
  const double first = static_cast<double>(descriptor.classes.size());
  const training::SettingTable settings =
      require(resolve({{}, {}, {}, {{"ignore_label", first}, {"power", 0.25}}}));
  BOOST_TEST(settings.integer("ignore_label") == static_cast<std::int64_t>(first));
  BOOST_TEST(settings.real("power") == 0.25);
  BOOST_TEST(settings.source("ignore_label") == "-D");
  for (const double wrong : {-1.0, 0.5, 70000.0}) {
    const auto refused = resolve({{}, {}, {}, {{"ignore_label", wrong}}});
    BOOST_TEST((!refused.ok() && refused.status().code() == ErrorCode::usage), wrong);
  }
}

BOOST_AUTO_TEST_CASE(a_file_of_settings_says_where_it_is_wrong) {
  const Scratch scratch;
  const auto message = [&](std::string_view json) {
    require(core::write_file(scratch / "c.json", json));
    training::SettingTable settings;
    return settings.set_from_file((scratch / "c.json").string()).message();
  };
  BOOST_TEST(message("{\"epochs\": 3,\n \"power\" 1}").find("c.json:2:10: not JSON: ") != std::string::npos);
  const auto says = [&](const std::string& json, const std::string& part) {
    BOOST_TEST(message(json).find(part) != std::string::npos, message(json) << " does not say " << part);
  };
  says("", "c.json:1:1: not JSON: the file is empty");
  says("{\"epochs\": 3, // more\n}", "c.json:1:15: not JSON: JSON has no comments");
  says("{\"epochs\": 3, # more\n}", "JSON has no comments");
  says("{\"epochs\": 3,\n}", "c.json:2:1: not JSON: a comma before the closing bracket");
  says("{\"scales\": [1, 2,]}", "a comma before the closing bracket");
  says("{'epochs': 3}", "texts stand in double quotation marks");
  says("{\"augment\": False}", "false is written in small letters");
  says("{\"base_lr\": .1}", "a number begins with a digit");
  says("{\"epochs\": 3", "the file ends too early");
  says("epochs: 3\n", "it does not begin with { as JSON does; settings are {");
  says("{\"epochs\": 3,\n \"epoch\": 4}", "c.json:2:2: unknown setting \"epoch\"; did you mean \"epochs\"?");
  says("{\"epochs\": 3,\n \"epochs\": 4}", "c.json:2:2: setting \"epochs\" stands there twice");
  says("{\n  \"epochs\": 3.5}", "c.json:2:3: setting \"epochs\": must be an integer");
  BOOST_TEST(message("[1]").find("expected an object") != std::string::npos);
  BOOST_TEST(message(R"({"epochs": 3, "epochs": 4})").find("\"epochs\" stands there twice") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(wrong_settings_are_refused_with_a_reason) {
  training::SettingTable settings;
  const auto message = [&](const char* assignment) {
    return settings.set_assignment(assignment, "--set").message();
  };
  BOOST_TEST(message("base_lrr=1").find("did you mean \"base_lr\"") != std::string::npos);
  BOOST_TEST(message("epochs=1.5").find("must be an integer") != std::string::npos);
  BOOST_TEST(message("zoom_factor=16").find("must be in") != std::string::npos);
  BOOST_TEST(message("epochs").find("expected name=value") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_setting_is_documented_in_the_order_of_the_table) {
  constexpr std::int64_t kMaxBytes = 1 << 20;
  const std::string text = require(core::read_file(GRAPHRUN_SOURCE_DIR "/doc/training.md", kMaxBytes));
  std::size_t at = text.find("| setting | default |");
  for (const training::SettingSpec& spec : training::setting_specs()) {
    const std::size_t found = text.find("`" + std::string(spec.name) + "`", at);
    BOOST_TEST((found < text.find("\n\n", at)), spec.name << " is missing or in another place");
    if (found != std::string::npos) at = found;
  }
}

BOOST_AUTO_TEST_CASE(the_learning_rate_falls_as_a_polynomial) {
  BOOST_TEST(training::poly_learning_rate(0.01, 0.9, 1, 100) == 0.01);
  BOOST_TEST(std::abs(training::poly_learning_rate(0.01, 0.9, 51, 100) - 0.01 * std::pow(0.5, 0.9)) < 1e-15);
  BOOST_TEST(std::abs(training::poly_learning_rate(0.01, 0.9, 100, 100) - 0.01 * std::pow(0.01, 0.9)) <
             1e-15);
  BOOST_TEST(std::abs(training::poly_learning_rate(2.0, 1.0, 76, 100) - 0.5) < 1e-12);
}

BOOST_AUTO_TEST_CASE(class_weights_are_a_list_or_a_word) {
  training::SettingTable settings;
  BOOST_TEST(!settings.has_value("class_weights"));
  for (const char* text : {"[0.5, 1, 2]", "0.5,1,2"}) {
    require(settings.set("class_weights", text, "--set"));
    BOOST_TEST(settings.reals("class_weights") == (std::vector<double>{0.5, 1, 2}),
               boost::test_tools::per_element());
  }
  require(settings.set("class_weights", "suggested", "--set"));
  BOOST_TEST(settings.json("class_weights") == "\"suggested\"");
  for (const char* wrong : {"sugested", "[1, -1]", "[]", "{}", "[\"a\"]", "[1, 2e6]"})
    BOOST_TEST(!settings.set("class_weights", wrong, "--set").ok(), wrong);
}
