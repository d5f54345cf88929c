#include <boost/test/unit_test.hpp>

#include <rapidjson/document.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "runtime/core/file.h"
#include "tests/session/compiled.h"
#include "training/schedule.h"

// Learning rates against those of PyTorch's schedulers (tests/oracle/golden_fine_tuning.py).
using namespace graphrun;
using namespace graphrun::test;

namespace {

training::SettingTable table(const std::map<std::string, std::string>& values) {
  training::SettingTable settings;
  require_ok(settings.set_all(values, "test"));
  return settings;
}

training::Schedule schedule(const std::map<std::string, std::string>& values, std::int64_t iterations = 100) {
  return take(training::Schedule::make(table(values), iterations, 20));
}

std::string error(const std::map<std::string, std::string>& values) {
  const auto made = training::Schedule::make(table(values), 100, 20);
  BOOST_TEST_REQUIRE(!made.ok());
  return made.status().message();
}

}  // namespace

BOOST_AUTO_TEST_CASE(rates_are_those_of_pytorch) {
  const std::string json =
      take(core::read_file(kSource / "tests/golden/fine_tuning/schedules.json", 1 << 20));
  rapidjson::Document cases;
  cases.Parse(json.c_str());
  BOOST_TEST_REQUIRE(cases.IsArray());
  BOOST_TEST(cases.Size() >= 10U);
  for (const auto& one : cases.GetArray()) {
    std::map<std::string, std::string> values;
    for (const auto& setting : one["settings"].GetObject()) {
      const auto& value = setting.value;
      std::string text;
      if (value.IsString()) {
        text = value.GetString();
      } else if (value.IsArray()) {
        for (const auto& item : value.GetArray())
          text += (text.empty() ? "" : ",") + std::to_string(item.GetDouble());
      } else if (value.IsInt()) {
        text = std::to_string(value.GetInt());
      } else {
        text = std::to_string(value.GetDouble());
      }
      values[setting.name.GetString()] = text;
    }
    const std::int64_t per_epoch = one["iterations_per_epoch"].GetInt64();
    const training::Schedule made =
        take(training::Schedule::make(table(values), one["epochs"].GetInt64() * per_epoch, per_epoch));
    std::int64_t iteration = 0;
    for (const auto& rate : one["rates"].GetArray()) {
      const double expected = rate.GetDouble();
      const double actual = made.rate(++iteration);
      BOOST_TEST(std::abs(actual - expected) <= 1e-12,
                 values["schedule"] << " iteration " << iteration << ": " << actual);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_default_is_poly_alone) {
  const training::Schedule made = schedule({});
  for (const std::int64_t iteration : {1, 2, 57, 100})
    BOOST_TEST(made.rate(iteration) == training::poly_learning_rate(0.01, 0.9, iteration, 100));
}

BOOST_AUTO_TEST_CASE(poly_ends_at_the_least_rate) {
  const training::Schedule made = schedule({{"min_lr", "0.001"}});
  BOOST_TEST(std::abs(made.rate(1) - 0.01) < 1e-15);
  BOOST_TEST(std::abs(made.rate(51) - (0.001 + 0.009 * std::pow(0.5, 0.9))) < 1e-12);
}

BOOST_AUTO_TEST_CASE(steps_fall_late_where_nothing_is_said) {
  const training::Schedule made = schedule({{"schedule", "step"}, {"min_lr", "0.0005"}}, 90);
  BOOST_TEST(made.rate(60) == 0.01);
  BOOST_TEST(std::abs(made.rate(61) - 0.001) < 1e-12);
  BOOST_TEST(made.rate(81) == 0.0005);
}

BOOST_AUTO_TEST_CASE(settings_that_contradict_each_other) {
  BOOST_TEST(error({{"warmup_iters", "100"}}).find("the run has 100 iterations") != std::string::npos);
  BOOST_TEST(error({{"min_lr", "0.1"}}).find("min_lr 0.1 is above base_lr 0.01") != std::string::npos);
  BOOST_TEST(error({{"schedule", "step"}, {"step_epochs", "3,2"}}).find("ascending") != std::string::npos);
  training::SettingTable settings;
  BOOST_TEST(!settings.set("schedule", "linear", "test").ok());
}
