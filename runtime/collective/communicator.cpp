#include "runtime/collective/communicator.h"

#include <numeric>

namespace graphrun::collective {

std::string Communicator::describe(int rank) const {
  return "rank " + std::to_string(rank) + " on " + hosts()[static_cast<std::size_t>(rank)];
}

Status all_reduce(Communicator& ranks, void* data, std::int64_t count, DType type, Combine how) {
  GRAPHRUN_ASSIGN(const Communicator::Ticket ticket, ranks.all_reduce(data, count, type, how));
  return ranks.wait(ticket);
}

Status broadcast(Communicator& ranks, void* data, std::int64_t bytes, int root) {
  GRAPHRUN_ASSIGN(const Communicator::Ticket ticket, ranks.broadcast(data, bytes, root));
  return ranks.wait(ticket);
}

Result<std::vector<std::string>> all_gather_text(Communicator& ranks, std::string_view text) {
  const auto self = static_cast<std::size_t>(ranks.rank());
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(ranks.size()));
  sizes[self] = std::ssize(text);
  GRAPHRUN_TRY(all_reduce<std::int64_t>(ranks, sizes));
  std::string all(static_cast<std::size_t>(std::reduce(sizes.begin(), sizes.end())), '\0');
  const auto own = std::reduce(sizes.begin(), sizes.begin() + ranks.rank());
  text.copy(all.data() + own, text.size());
  GRAPHRUN_ASSIGN(const Communicator::Ticket ticket, ranks.all_gather(all.data(), sizes));
  GRAPHRUN_TRY(ranks.wait(ticket));
  std::vector<std::string> texts;
  std::size_t at = 0;
  for (const std::int64_t size : sizes) {
    texts.push_back(all.substr(at, static_cast<std::size_t>(size)));
    at += static_cast<std::size_t>(size);
  }
  return texts;
}

Status barrier(Communicator& ranks) {
  std::int32_t nothing = 0;
  return all_reduce(ranks, &nothing, 1, DType::i32);
}

LocalRank local_rank(const Communicator& ranks) {
  LocalRank local{0, 0};
  const std::string& own = ranks.hosts()[static_cast<std::size_t>(ranks.rank())];
  for (int rank = 0; rank < ranks.size(); ++rank) {
    if (ranks.hosts()[static_cast<std::size_t>(rank)] != own) continue;
    local.index += rank < ranks.rank() ? 1 : 0;
    ++local.count;
  }
  return local;
}

}  // namespace graphrun::collective
