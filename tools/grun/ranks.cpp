#include "tools/grun/ranks.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <set>
#include <span>
#include <sstream>
#include <thread>
#include <tuple>

#include "api/devices.h"
#include "runtime/collective/host_name.h"
#include "runtime/collective/mpi.h"
#include "runtime/collective/self.h"
#include "runtime/cpu/processors.h"

namespace graphrun::tools {
namespace {

using CpuMask = std::array<cpu_set_t, 8>;

// Empty where the system does not say.
std::vector<int> usable_cpus(pid_t process) {
  CpuMask mask{};
  std::vector<int> cpus;
  if (sched_getaffinity(process, sizeof(mask), mask.data()) != 0) return cpus;
  for (int cpu = 0; cpu < static_cast<int>(8 * sizeof(mask)); ++cpu) {
    if (CPU_ISSET_S(static_cast<std::size_t>(cpu), sizeof(mask), mask.data())) cpus.push_back(cpu);
  }
  return cpus;
}

bool bind_to(std::span<const int> cpus) {
  CpuMask mask{};
  for (const int cpu : cpus) CPU_SET_S(static_cast<std::size_t>(cpu), sizeof(mask), mask.data());
  return sched_setaffinity(0, sizeof(mask), mask.data()) == 0;
}

// Threads of one core are neighbours in this order, and cores of one package.
void sort_by_core(std::vector<int>& cpus) {
  const auto read = [](int cpu, const char* what) {
    int value = 0;
    std::ifstream(fmt::format("/sys/devices/system/cpu/cpu{}/topology/{}", cpu, what)) >> value;
    return value;
  };
  std::vector<std::tuple<int, int, int>> places;
  for (const int cpu : cpus) places.emplace_back(read(cpu, "physical_package_id"), read(cpu, "core_id"), cpu);
  std::ranges::sort(places);
  std::ranges::transform(places, cpus.begin(), [](const auto& place) { return std::get<2>(place); });
}

// Ranks of one host that were bound to fewer CPUs than their launcher has: mpirun does so to two ranks unless
// it is told otherwise.
void note_narrow_binding(const std::string& host, int ranks, std::size_t bound) {
  const std::size_t launcher = usable_cpus(getppid()).size();
  if (bound >= launcher) return;
  fmt::print(stderr,
             "note: the launcher has bound the {} ranks on {} to {} of {} CPUs; with mpirun --bind-to none "
             "graphrun divides all of them\n",
             ranks, host, bound, launcher);
}

Status divide_cpus(collective::Communicator& ranks, CommonOptions& options) {
  std::vector<int> cpus = usable_cpus(0);
  GRAPHRUN_ASSIGN(const std::vector<std::string> all,
                  collective::all_gather_text(ranks, fmt::format("{}", fmt::join(cpus, " "))));
  const auto self = static_cast<std::size_t>(ranks.rank());
  const std::string& host = ranks.hosts()[self];
  std::set<int> of_host;
  std::size_t sharing = 0;
  std::size_t before = 0;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (ranks.hosts()[rank] != host) continue;
    std::istringstream stream(all[rank]);
    for (int cpu = 0; stream >> cpu;) of_host.insert(cpu);
    if (all[rank] != all[self]) continue;
    ++sharing;
    before += rank < self ? 1 : 0;
  }
  if (options.threads > 0 || cpus.empty()) return {};
  const collective::LocalRank local = collective::local_rank(ranks);
  const bool speaks = local.index == 0 && !options.quiet;
  if (sharing == 1) {
    if (speaks) note_narrow_binding(host, local.count, of_host.size());
    return {};
  }
  // A control group's share of time is of all ranks in it.
  options.threads = std::max(cpu::usable_processors() / static_cast<int>(sharing), 1);
  if (cpus.size() < sharing) {
    if (speaks)
      fmt::print(stderr, "note: {} ranks share {} CPUs on {}: one thread each\n", sharing, cpus.size(), host);
    return {};
  }
  sort_by_core(cpus);
  const std::size_t begin = before * cpus.size() / sharing;
  const std::size_t end = (before + 1) * cpus.size() / sharing;
  if (!bind_to(std::span(cpus).subspan(begin, end - begin)) && speaks)
    fmt::print(stderr, "note: the system does not let ranks on {} be bound to CPUs\n", host);
  return {};
}

}  // namespace

Result<std::shared_ptr<collective::Communicator>> join_ranks(CommonOptions& options, double timeout_s) {
  if (!collective::started_by_launcher())
    return std::shared_ptr<collective::Communicator>(collective::make_self());
  GRAPHRUN_ASSIGN(std::shared_ptr<collective::Communicator> ranks,
                  collective::join_mpi({.timeout_s = timeout_s}));
  if (ranks->size() > 1) GRAPHRUN_TRY(divide_cpus(*ranks, options));
  if (ranks->size() > 1) options.device = api::devices().resolve(options.device);
  if (ranks->size() > 1 && options.device == "cuda")
    options.device = fmt::format("cuda:{}", collective::local_rank(*ranks).index);
  return ranks;
}

int launched_rank() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"}) {
    if (const char* const rank = std::getenv(name)) return std::atoi(rank);
  }
  return 0;
}

void report_error(collective::Communicator* ranks, const Status& error, int exit_status) {
  const bool several = ranks != nullptr && ranks->size() > 1;
  // Who is ended meanwhile has nothing to add. mpirun takes longer to see a rank that has not joined.
  if (launched_rank() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(several ? 500 : 2000));
  const std::string where = several ? ranks->describe(ranks->rank()) + ": "
                            : collective::started_by_launcher()
                                ? fmt::format("rank {} on {}: ", launched_rank(), collective::host_name())
                                : "";
  fmt::print(stderr, "grun: error: {}{}\n", where, error.message());
  if (several) ranks->abort(exit_status);
}

}  // namespace graphrun::tools
