#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "runtime/collective/mpi.h"
#include "runtime/collective/self.h"

// Seconds of all-reduces of several sizes between the ranks that mpirun started: what a step's exchanges
// cost where nothing hides them. Prints medians on the first rank.
namespace graphrun::tools {
namespace {

using Clock = std::chrono::steady_clock;

Result<double> median_seconds(collective::Communicator& comm, std::int64_t bytes, int rounds) {
  std::vector<float> data(static_cast<std::size_t>(bytes) / sizeof(float), 1.0F);
  std::vector<double> seconds;
  for (int round = 0; round < rounds; ++round) {
    GRAPHRUN_TRY(collective::barrier(comm));
    const auto start = Clock::now();
    GRAPHRUN_TRY(collective::all_reduce<float>(comm, data));
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::ranges::sort(seconds);
  return seconds[seconds.size() / 2];
}

Status run() {
  std::unique_ptr<collective::Communicator> comm = collective::make_self();
  if (collective::started_by_launcher()) {
    GRAPHRUN_ASSIGN(comm, collective::join_mpi({}));
  }
  const bool speaks = comm->rank() == 0;
  if (speaks)
    fmt::print("{} ranks, {}\n{:>12} {:>12} {:>10}\n", comm->size(), comm->name(), "bytes", "us", "GB/s");
  for (const std::int64_t bytes :
       {16, 1 << 10, 12 << 10, 48 << 10, 256 << 10, 4 << 20, 16 << 20, 192 << 20}) {
    constexpr std::int64_t kLarge = 1 << 20;
    GRAPHRUN_ASSIGN(const double seconds, median_seconds(*comm, bytes, bytes < kLarge ? 200 : 9));
    if (speaks)
      fmt::print("{:>12} {:>12.1f} {:>10.3f}\n", bytes, seconds * 1e6,
                 static_cast<double>(bytes) / seconds / 1e9);
  }
  return {};
}

}  // namespace
}  // namespace graphrun::tools

int main() {
  const graphrun::Status status = graphrun::tools::run();
  if (!status.ok()) fmt::print(stderr, "ranks_bench: {}\n", status.message());
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
