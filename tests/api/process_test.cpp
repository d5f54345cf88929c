#include <sys/wait.h>
#include <unistd.h>

#include <omp.h>

#include "graphrun/labeler.h"
#include "tests/api/files.h"

// What a program does with its process and its threads around graphrun.
using namespace graphrun;
using namespace graphrun::test;

namespace {

LabelerOptions on_threads(const std::string& model, int threads) {
  LabelerOptions options{.model = model};
  options.device = "cpu";
  options.threads = threads;
  return options;
}

// Exit status of a child that runs `work`; -1 where it hung or was killed.
template <class Work>
int in_child(const Work& work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(work());
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

// LLVM's OpenMP runtime starts anew in a child; with GNU's there is an error with the reason, and no call
// hangs.
BOOST_AUTO_TEST_CASE(a_forked_child_computes_or_is_told_why_not) {
  const Disk disk;
  Labeler labeler = take(Labeler::open(on_threads(disk.path("model.grun"), 2)));
  const std::vector<std::uint8_t> rgb = picture(40, 50);
  const LabelMap before = take(labeler.label({rgb.data(), 40, 50}));
  const auto is_right = [&](const Result<LabelMap>& map) {
    if (map.ok()) return map->ids == before.ids;
    return map.status().code() == ErrorCode::unsupported &&
           map.status().message().find("forked") != std::string::npos;
  };
  BOOST_TEST(in_child([&] { return is_right(labeler.label({rgb.data(), 40, 50})) ? 0 : 1; }) == 0);
  const auto open_and_label = [&]() -> Result<LabelMap> {
    GRAPHRUN_ASSIGN(Labeler own, Labeler::open(on_threads(disk.path("model.grun"), 2)));
    return own.label({rgb.data(), 40, 50});
  };
  BOOST_TEST(in_child([&] { return is_right(open_and_label()) ? 0 : 1; }) == 0);
  // The parent goes on.
  BOOST_TEST((take(labeler.label({rgb.data(), 40, 50})).ids == before.ids));
}

// Inside a region OpenMP grants a team of one.
BOOST_AUTO_TEST_CASE(a_parallel_region_of_the_program_may_label) {
  const Disk disk;
  const std::vector<std::uint8_t> rgb = picture(40, 50);
  std::vector<Labeler> labelers;
  for (int i = 0; i < 2; ++i) labelers.push_back(take(Labeler::open(on_threads(disk.path("model.grun"), 3))));
  const LabelMap outside = take(labelers[0].label({rgb.data(), 40, 50}));
  std::vector<std::optional<LabelMap>> inside(2);
#pragma omp parallel for num_threads(2)
  for (std::size_t i = 0; i < 2; ++i) {
    auto map = labelers[i].label({rgb.data(), 40, 50});
    if (map.ok()) inside[i] = *std::move(map);
  }
  for (const auto& map : inside) BOOST_TEST((map && map->ids == outside.ids));
}

// A program may take threads away from OpenMP after it has opened a labeller.
BOOST_AUTO_TEST_CASE(a_program_may_limit_its_own_regions) {
  const Disk disk;
  const std::vector<std::uint8_t> rgb = picture(40, 50);
  Labeler labeler = take(Labeler::open(on_threads(disk.path("model.grun"), 3)));
  const LabelMap before = take(labeler.label({rgb.data(), 40, 50}));
  omp_set_max_active_levels(0);
  omp_set_dynamic(1);
  const auto limited = labeler.label({rgb.data(), 40, 50});
  omp_set_max_active_levels(1);
  omp_set_dynamic(0);
  BOOST_TEST((take(limited).ids == before.ids));
}
