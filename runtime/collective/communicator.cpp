#include "runtime/collective/communicator.h"

#include <numeric>

namespace graphrun::collective {

std::string Communicator::describe(int rank) const {
  return "rank " + std::to_string(rank) + " on " + hosts()[static_cast<std::size_t>(rank)];
}

Status all_reduce(Communicator& comm, void* data, std::int64_t count, DType type, ReduceOp how) {
  GRAPHRUN_ASSIGN(const Communicator::Ticket ticket, comm.all_reduce(data, count, type, how));
  return comm.wait(ticket);
}

Status broadcast(Communicator& comm, void* data, std::int64_t bytes, int root) {
  GRAPHRUN_ASSIGN(const Communicator::Ticket ticket, comm.broadcast(data, bytes, root));
  return comm.wait(ticket);
}

Result<std::vector<std::string>> all_gather_text(Communicator& comm, std::string_view text) {
  const auto self = static_cast<std::size_t>(comm.rank());
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(comm.size()));
  sizes[self] = std::ssize(text);
  GRAPHRUN_TRY(all_reduce<std::int64_t>(comm, sizes));
  std::string all(static_cast<std::size_t>(std::reduce(sizes.begin(), sizes.end())), '\0');
  const auto own = std::reduce(sizes.begin(), sizes.begin() + comm.rank());
  text.copy(all.data() + own, text.size());
  GRAPHRUN_ASSIGN(const Communicator::Ticket ticket, comm.all_gather(all.data(), sizes));
  GRAPHRUN_TRY(comm.wait(ticket));
  std::vector<std::string> texts;
  std::size_t at = 0;
  for (const std::int64_t size : sizes) {
    texts.push_back(all.substr(at, static_cast<std::size_t>(size)));
    at += static_cast<std::size_t>(size);
  }
  return texts;
}

Status barrier(Communicator& comm) {
  std::int32_t nothing = 0;
  return all_reduce(comm, &nothing, 1, DType::i32);
}

LocalRank local_rank(const Communicator& comm) {
  LocalRank local{0, 0};
  const std::string& own = comm.hosts()[static_cast<std::size_t>(comm.rank())];
  for (int rank = 0; rank < comm.size(); ++rank) {
    if (comm.hosts()[static_cast<std::size_t>(rank)] != own) continue;
    local.index += rank < comm.rank() ? 1 : 0;
    ++local.count;
  }
  return local;
}

}  // namespace graphrun::collective
