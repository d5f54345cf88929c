#include <boost/test/unit_test.hpp>
#include <set>

#include "ops/cpu_backend.h"
#include "ops/registry.h"
#include "runtime/core/file.h"
#include "runtime/weights/safetensors.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "training/checkpoint.h"
#include "training/run/json_lines.h"

using namespace graphrun;
using graphrun::test::require;
using graphrun::test::Scratch;

namespace {

void save(const std::filesystem::path& path, const std::string& iteration) {
  std::filesystem::create_directories(path.parent_path());
  require(weights::write_safetensors(path.string(), {},
                                     {{"iteration", iteration}, {"epoch", "1"}, {"seed", "1"}}));
}

std::set<std::string> files(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_checkpoint_that_has_gone_furthest_is_taken) {
  const Scratch run;
  BOOST_TEST(!training::latest_checkpoint(run.path()).has_value());
  save(training::epoch_checkpoint(run.path(), 9), "90");
  save(training::epoch_checkpoint(run.path(), 10), "100");
  BOOST_TEST(training::latest_checkpoint(run.path()).value() ==
             training::epoch_checkpoint(run.path(), 10));  // by number, not by name
  save(training::interrupted_checkpoint(run.path()), "95");
  BOOST_TEST(training::latest_checkpoint(run.path()).value() == training::epoch_checkpoint(run.path(), 10));
  save(training::interrupted_checkpoint(run.path()), "105");
  BOOST_TEST(training::latest_checkpoint(run.path()).value() == training::interrupted_checkpoint(run.path()));
  save(training::best_checkpoint(run.path()), "105");
  BOOST_TEST(training::latest_checkpoint(run.path()).value() == training::interrupted_checkpoint(run.path()));
  save(training::best_checkpoint(run.path()), "110");  // where not every epoch is saved
  BOOST_TEST(training::latest_checkpoint(run.path()).value() == training::best_checkpoint(run.path()));
}

BOOST_AUTO_TEST_CASE(old_epochs_are_removed_and_nothing_else) {
  const Scratch run;
  for (const std::int64_t epoch : {1, 2, 9, 10, 11}) save(training::epoch_checkpoint(run.path(), epoch), "1");
  save(training::interrupted_checkpoint(run.path()), "1");
  save(run.path() / "checkpoints/epoch_best.safetensors", "1");
  save(training::best_checkpoint(run.path()), "1");
  training::prune_checkpoints(run.path(), 2);
  BOOST_TEST((files(run.path() / "checkpoints") ==
              std::set<std::string>{"best.safetensors", "epoch_10.safetensors", "epoch_11.safetensors",
                                    "epoch_best.safetensors", "interrupted.safetensors"}));
}

BOOST_AUTO_TEST_CASE(figures_that_no_run_has_are_refused) {
  const Scratch scratch;
  model::Model nothing;
  nothing.name = "nothing";
  const auto program = require(model::Program::make(std::move(nothing), ops::op_registry()));
  const auto weights = require(weights::Weights::initialise(*program, 1, require(ops::make_cpu_backend())));
  const std::string most = std::to_string(INT64_MAX), half = std::to_string(std::int64_t{1} << 49);
  const auto error_of = [&](const std::string& key, const std::string& value) {
    require(weights::write_safetensors((scratch / "file").string(), {},
                                       {{"iteration", "1"}, {"epoch", "1"}, {"seed", "1"}, {key, value}}));
    return training::read_checkpoint(scratch / "file", *weights).status().message();
  };
  BOOST_TEST(error_of("epoch_confusion", half + " 0 " + half).find("optimiser") != std::string::npos);
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"best_mIoU", "inf"},
                                                        {"epoch_loss", "inf"},
                                                        {"epoch_loss", "nan"},
                                                        {"epoch_iterations", "-1"},
                                                        {"epoch_confusion", "1 x"},
                                                        {"epoch_confusion", most + " " + most},
                                                        {"epoch_confusion", half + " " + half + " 1"}}) {
    BOOST_TEST(error_of(key, value).find("damaged") != std::string::npos, key << " = " << value);
  }
}

BOOST_AUTO_TEST_CASE(lines_of_a_run_that_cannot_be_read_are_not_replaced) {
  const Scratch run;
  const std::filesystem::path path = run / "metrics.jsonl";
  require(training::JsonLines::open(path, "iter", 5));  // a run without any
  require(core::write_file(path, "{\"iter\": 1}\n{\"iter\": 2}\n"));
  require(training::JsonLines::open(path, "iter", 1));
  BOOST_TEST(require(core::read_file(path, 100)) == "{\"iter\": 1}\n");
  constexpr std::uintmax_t kTooLong = std::uintmax_t{5} << 30;  // with holes
  std::filesystem::resize_file(path, kTooLong);
  BOOST_TEST(!training::JsonLines::open(path, "iter", 1).ok());
  BOOST_TEST(std::filesystem::file_size(path) == kTooLong);
}
