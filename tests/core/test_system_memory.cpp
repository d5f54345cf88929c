#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/core/system_memory.h"

using namespace graphrun;

namespace {

// A machine's files below a folder of their own.
class Machine {
 public:
  Machine() {
    std::string name = (std::filesystem::temp_directory_path() / "graphrun_XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    root = name;
    write("/proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 800 kB\nSwapTotal: 24 kB\n");
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() { std::filesystem::remove_all(root); }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
    std::ofstream(root + path) << text;
  }
  std::string root;
};

constexpr std::int64_t kKilo = 1024;

}  // namespace

BOOST_AUTO_TEST_CASE(a_machine_without_groups_has_what_it_says) {
  const Machine machine;
  BOOST_TEST(*core::available_memory(machine.root) == 800 * kKilo);
  BOOST_TEST(*core::total_memory(machine.root) == 1024 * kKilo);
}

BOOST_AUTO_TEST_CASE(the_least_limit_of_all_groups_around_the_process_holds) {
  const Machine machine;
  machine.write("/proc/self/cgroup", "1:name=systemd:/other\n0::/a/b/c\n");
  machine.write("/sys/fs/cgroup/a/b/c/memory.max", "max\n");
  machine.write("/sys/fs/cgroup/a/b/memory.max", "300000\n");
  machine.write("/sys/fs/cgroup/a/b/memory.current", "250000\n");
  machine.write("/sys/fs/cgroup/a/b/memory.stat", "anon 5\ninactive_file 10000\n");
  machine.write("/sys/fs/cgroup/a/memory.max", "500000\n");
  BOOST_TEST(*core::available_memory(machine.root) == 60000);
  BOOST_TEST(*core::total_memory(machine.root) == 300000);
}

BOOST_AUTO_TEST_CASE(version_1_of_groups_is_read_as_well) {
  const Machine machine;
  machine.write("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/job\n");
  machine.write("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "400000\n");
  machine.write("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "100000\n");
  machine.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  machine.write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "100000\n");
  BOOST_TEST(*core::available_memory(machine.root) == 300000);
  BOOST_TEST(*core::total_memory(machine.root) == 400000);
}

BOOST_AUTO_TEST_CASE(more_than_the_machine_has_is_refused_before_it_is_allocated) {
  BOOST_TEST(core::check_memory(1 << 20).ok());
  const Status refused = core::check_memory(std::int64_t{1} << 60);
  BOOST_TEST((refused.code() == ErrorCode::out_of_memory));
}
