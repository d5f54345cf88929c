#include "training/jobs/ranks.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <set>
#include <span>
#include <sstream>
#include <tuple>

#include "runtime/collective/mpi.h"
#include "runtime/collective/self.h"
#include "runtime/cpu/processors.h"

namespace graphrun::training {
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

// How the ranks of one host lie on its CPUs, seen from one of them.
struct HostShare {
  std::set<int> cpus;       // of all ranks of the host
  std::size_t sharing = 0;  // ranks that may use the same CPUs as this one, itself included
  std::size_t before = 0;   // those of them with a lower rank
};

Result<HostShare> share_of_host(collective::Communicator& comm, std::span<const int> own) {
  GRAPHRUN_ASSIGN(const std::vector<std::string> all,
                  collective::all_gather_text(comm, fmt::format("{}", fmt::join(own, " "))));
  const auto self = static_cast<std::size_t>(comm.rank());
  HostShare share;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (comm.hosts()[rank] != comm.hosts()[self]) continue;
    std::istringstream stream(all[rank]);
    for (int cpu = 0; stream >> cpu;) share.cpus.insert(cpu);
    if (all[rank] != all[self]) continue;
    ++share.sharing;
    share.before += rank < self ? 1 : 0;
  }
  return share;
}

// Ranks of one host that were bound to fewer CPUs than their launcher has: mpirun does so to two ranks unless
// it is told otherwise. Empty where they were not.
std::string narrow_binding(const std::string& host, int comm, std::size_t bound) {
  const std::size_t launcher = usable_cpus(getppid()).size();
  if (bound >= launcher) return {};
  return fmt::format(
      "the launcher has bound the {} ranks on {} to {} of {} CPUs; with mpirun --bind-to none graphrun "
      "divides all of them",
      comm, host, bound, launcher);
}

Status divide_cpus(JoinedRanks& joined) {
  collective::Communicator& comm = *joined.comm;
  std::vector<int> cpus = usable_cpus(0);
  GRAPHRUN_ASSIGN(const HostShare share, share_of_host(comm, cpus));
  if (joined.threads > 0 || cpus.empty()) return {};
  const std::string& host = comm.hosts()[static_cast<std::size_t>(comm.rank())];
  const collective::LocalRank local = collective::local_rank(comm);
  const auto note = [&](std::string text) {
    if (local.index == 0 && !text.empty()) joined.notes.push_back(std::move(text));
  };
  if (share.sharing == 1) {
    note(narrow_binding(host, local.count, share.cpus.size()));
    return {};
  }
  // A control group's share of time is of all ranks in it.
  joined.threads = std::max(cpu::usable_processors() / static_cast<int>(share.sharing), 1);
  if (cpus.size() < share.sharing) {
    note(fmt::format("{} ranks share {} CPUs on {}: one thread each", share.sharing, cpus.size(), host));
    return {};
  }
  sort_by_core(cpus);
  const std::size_t begin = share.before * cpus.size() / share.sharing;
  const std::size_t end = (share.before + 1) * cpus.size() / share.sharing;
  if (!bind_to(std::span(cpus).subspan(begin, end - begin)))
    note(fmt::format("the system does not let ranks on {} be bound to CPUs", host));
  return {};
}

}  // namespace

Result<JoinedRanks> join_ranks(const RankOptions& options) {
  JoinedRanks joined{nullptr, options.device, options.threads, {}};
  if (!collective::started_by_launcher()) {
    joined.comm = collective::make_self();
    return joined;
  }
  GRAPHRUN_ASSIGN(joined.comm, collective::join_mpi({.timeout_s = options.timeout_s}));
  if (joined.comm->size() == 1) return joined;
  GRAPHRUN_TRY(divide_cpus(joined));
  if (joined.device == "cuda")
    joined.device = fmt::format("cuda:{}", collective::local_rank(*joined.comm).index);
  return joined;
}

int launched_rank() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"}) {
    if (const char* const rank = std::getenv(name)) return std::atoi(rank);
  }
  return 0;
}

}  // namespace graphrun::training
