#include <boost/test/unit_test.hpp>

#include "ops/registry.h"
#include "runtime/model/model_file.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "training/run/run_folder.h"

using namespace graphrun;
using graphrun::test::require;
using graphrun::test::Scratch;

namespace {

// The run's link exp/latest lies in the current folder.
class InFolder {
 public:
  explicit InFolder(const std::filesystem::path& folder) : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(folder);
  }
  InFolder(const InFolder&) = delete;
  InFolder& operator=(const InFolder&) = delete;
  ~InFolder() { std::filesystem::current_path(before_); }

 private:
  std::filesystem::path before_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_run_remembers_its_data_set) {
  const training::RunRecord named = training::make_run_record("camvid", "");
  BOOST_TEST(named.dataset == "camvid");
  BOOST_TEST(!named.data_root.has_value());
  const training::RunRecord own = training::make_run_record("mine/data.json", "../files");
  BOOST_TEST(std::filesystem::path(own.dataset).is_absolute());
  BOOST_TEST(own.data_root.value().is_absolute());
}

BOOST_AUTO_TEST_CASE(the_newest_run_is_found_again) {
  const Scratch scratch;
  const InFolder here(scratch.path());
  BOOST_TEST(training::latest_run_folder().status().message().find("train first") != std::string::npos);
  const datasets::Descriptor descriptor = require(datasets::parse_descriptor(
      R"({"name": "d", "classes": [{"name": "a", "color": [1, 2, 3]}], "labels": {"identity": 1},
          "splits": {"val": {"list": "val.txt"}}})",
      "d.json"));
  model::Model model;
  model.name = "empty";
  const auto program = require(model::Program::make(model, ops::op_registry()));
  const training::RunRecord record{"/data/d.json", "/data/\"files\"", "bf16", {}};
  const std::filesystem::path folder =
      require(training::make_run_folder(training::new_run_folder("d", "empty"), true));
  require(training::start_run_folder(folder, *program, descriptor, record, training::SettingTable()));
  require(training::point_latest_at(folder));
  const std::filesystem::path latest = require(training::latest_run_folder());
  BOOST_TEST(latest == std::filesystem::canonical(folder));
  const training::RunRecord read = require(training::read_run_record(latest));
  BOOST_TEST(read.dataset == record.dataset);
  BOOST_TEST((read.data_root == record.data_root));
  BOOST_TEST(read.precision == record.precision);
  const auto kept = require(model::Program::load((latest / "model.fb").string(), ops::op_registry()));
  BOOST_TEST((kept->model().class_names == std::vector<std::string>{"a"}));
  BOOST_TEST((kept->model().palette == std::vector<std::uint8_t>{1, 2, 3}));
  BOOST_TEST(training::new_run_folder("d", "empty") != folder);
}

BOOST_AUTO_TEST_CASE(a_damaged_record_is_an_error) {
  const Scratch scratch;
  for (const char* json : {"", "[]", "{}", "{\"dataset\": 1}", "{\"dataset\": \"d\", \"data_root\": 2}",
                           "{\"dataset\": \"d\", \"precision\": 16}"}) {
    require(core::write_file(scratch / "run.json", json));
    BOOST_TEST(training::read_run_record(scratch.path()).status().message().find("run.json: expected") !=
               std::string::npos);
  }
}
