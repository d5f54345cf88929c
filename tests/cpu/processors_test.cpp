#include "runtime/cpu/processors.h"

#include <sched.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "tests/datasets/scratch.h"

using namespace graphrun;
using namespace graphrun::cpu;
namespace fs = std::filesystem;

namespace {

class Groups {
 public:
  void write(const fs::path& file, const std::string& text) const {
    fs::create_directories((folder_.path() / file).parent_path());
    std::ofstream(folder_.path() / file) << text;
  }
  int usable() const { return usable_processors({folder_.path() / "groups", folder_.path() / "membership"}); }

 private:
  test::Scratch folder_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(without_groups_the_affinity_counts) {
  const int all = Groups().usable();
  BOOST_TEST(all >= 1);
  cpu_set_t before, one;
  BOOST_REQUIRE(sched_getaffinity(0, sizeof(before), &before) == 0);
  BOOST_TEST(all == CPU_COUNT(&before));
  CPU_ZERO(&one);
  for (int i = 0; CPU_COUNT(&one) == 0; ++i) {
    if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
  }
  BOOST_REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
  BOOST_TEST(Groups().usable() == 1);
  BOOST_REQUIRE(sched_setaffinity(0, sizeof(before), &before) == 0);
}

BOOST_AUTO_TEST_CASE(a_quota_of_version_2_limits_its_own_group_and_those_below) {
  const Groups groups;
  const int all = groups.usable();
  groups.write("membership", "0::/pods/ours\n");
  groups.write("groups/pods/ours/cpu.max", "max 100000\n");
  BOOST_TEST(groups.usable() == all);
  groups.write("groups/pods/cpu.max", "50000 100000\n");
  BOOST_TEST(groups.usable() == 1);
  groups.write("groups/pods/cpu.max", "110000 100000\n");
  BOOST_TEST(groups.usable() == std::min(all, 2));
  groups.write("groups/cpu.max", "100000 100000\n");  // as a container sees its own
  BOOST_TEST(groups.usable() == 1);
}

BOOST_AUTO_TEST_CASE(a_quota_of_version_1) {
  const Groups groups;
  const int all = groups.usable();
  groups.write("membership", "3:memory:/ours\n2:cpu,cpuacct:/ours\n");
  groups.write("groups/cpu/ours/cpu.cfs_period_us", "100000\n");
  groups.write("groups/cpu/ours/cpu.cfs_quota_us", "-1\n");
  BOOST_TEST(groups.usable() == all);
  groups.write("groups/cpu/ours/cpu.cfs_quota_us", "60000\n");
  BOOST_TEST(groups.usable() == 1);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_no_limit) {
  const Groups groups;
  const int all = groups.usable();
  groups.write("membership", "nonsense\n0::/../../elsewhere\n");
  groups.write("groups/cpu.max", "many few\n");
  BOOST_TEST(groups.usable() == all);
  groups.write("groups/cpu.max", "100000 0\n");
  BOOST_TEST(groups.usable() == all);
}
