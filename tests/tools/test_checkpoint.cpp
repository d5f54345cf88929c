#include <boost/test/unit_test.hpp>
#include <set>

#include "runtime/weights/safetensors.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "tools/train/checkpoint.h"

using namespace graphrun;
using graphrun::test::require;
using graphrun::test::Scratch;

namespace {

void save(const std::filesystem::path& path, const std::string& iteration) {
  std::filesystem::create_directories(path.parent_path());
  require(write_safetensors(path.string(), {}, {{"iteration", iteration}, {"epoch", "1"}, {"seed", "1"}}));
}

std::set<std::string> files(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_checkpoint_that_has_gone_furthest_is_taken) {
  const Scratch run;
  BOOST_TEST(!latest_checkpoint(run.path()).has_value());
  save(epoch_checkpoint(run.path(), 9), "90");
  save(epoch_checkpoint(run.path(), 10), "100");
  BOOST_TEST(latest_checkpoint(run.path()).value() ==
             epoch_checkpoint(run.path(), 10));  // by number, not by name
  save(interrupted_checkpoint(run.path()), "95");
  BOOST_TEST(latest_checkpoint(run.path()).value() == epoch_checkpoint(run.path(), 10));
  save(interrupted_checkpoint(run.path()), "105");
  BOOST_TEST(latest_checkpoint(run.path()).value() == interrupted_checkpoint(run.path()));
  save(best_checkpoint(run.path()), "105");
  BOOST_TEST(latest_checkpoint(run.path()).value() == interrupted_checkpoint(run.path()));
  save(best_checkpoint(run.path()), "110");  // where not every epoch is saved
  BOOST_TEST(latest_checkpoint(run.path()).value() == best_checkpoint(run.path()));
}

BOOST_AUTO_TEST_CASE(old_epochs_are_removed_and_nothing_else) {
  const Scratch run;
  for (const std::int64_t epoch : {1, 2, 9, 10, 11}) save(epoch_checkpoint(run.path(), epoch), "1");
  save(interrupted_checkpoint(run.path()), "1");
  save(run.path() / "checkpoints/epoch_best.safetensors", "1");
  save(best_checkpoint(run.path()), "1");
  prune_checkpoints(run.path(), 2);
  BOOST_TEST((files(run.path() / "checkpoints") ==
              std::set<std::string>{"best.safetensors", "epoch_10.safetensors", "epoch_11.safetensors",
                                    "epoch_best.safetensors", "interrupted.safetensors"}));
}
