#include "training/parallel.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

#include "runtime/collective/device_ranks.h"
#include "runtime/core/hash.h"
#include "runtime/model/model_file.h"

namespace graphrun::training {
namespace {

std::uint64_t hash_of_names(const datasets::Dataset* data) {
  std::uint64_t hash = core::kHashStart;
  for (std::int64_t i = 0; data != nullptr && i < data->size(); ++i)
    hash = core::hash_of(data->name(i) + "\n", hash);
  return hash;
}

std::string start_text(const TrainJob& job) {
  const TrainState& start = job.start;
  return std::to_string(start.iteration) + " " + std::to_string(start.epoch) + " " +
         std::to_string(start.seed) + " " + std::to_string(job.max_iters.value_or(-1)) + " " +
         job.folder.string();
}

// A communicator of the same ranks for memory of the device.
Result<std::shared_ptr<collective::Communicator>> ranks_of_device(
    const std::shared_ptr<collective::Communicator>& comm, const model::Backend& backend) {
  if (backend.is_host()) return comm;
  const auto* const device_ranks = model::service_of<collective::DeviceRanks>(backend);
  if (device_ranks == nullptr) {
    return {ErrorCode::unsupported, "several ranks cannot train on " + std::string(backend.device())};
  }
  const auto lock = backend.lock();
  GRAPHRUN_ASSIGN(std::unique_ptr<collective::Communicator> made,
                  device_ranks->join(*comm, *backend.context()));
  const auto keep_host_ranks = [comm](collective::Communicator* nccl) { delete nccl; };
  return std::shared_ptr<collective::Communicator>(made.release(), keep_host_ranks);
}

}  // namespace

Result<session::DataParallel> data_parallel(const SettingTable& settings,
                                            const std::shared_ptr<collective::Communicator>& host_ranks,
                                            const model::Backend& backend) {
  session::DataParallel parallel;
  if (host_ranks->size() == 1) return parallel;
  GRAPHRUN_ASSIGN(const std::shared_ptr<collective::Communicator> comm, ranks_of_device(host_ranks, backend));
  parallel.comm = comm;
  parallel.mean_of_ranks = settings.word("loss_average") == "rank";
  parallel.shard_optimizer = settings.flag("shard_optimizer");
  constexpr double kMiB = 1 << 20;
  parallel.exchange.bucket_bytes = static_cast<std::int64_t>(settings.real("bucket_mb") * kMiB);
  parallel.exchange.type = settings.word("gradient_exchange") == "bf16" ? DType::bf16 : DType::f32;
  if (!settings.flag("sync_bn")) return parallel;
  const std::int64_t group = settings.integer("sync_bn_group");
  if (group == 0 || group == comm->size()) {
    parallel.norm_ranks = comm;
  } else if (comm->size() % group != 0) {
    return {ErrorCode::invalid_argument, "sync_bn_group " + std::to_string(group) +
                                             ": expected a divisor of the " + std::to_string(comm->size()) +
                                             " ranks"};
  } else {
    GRAPHRUN_ASSIGN(parallel.norm_ranks, comm->split(static_cast<int>(comm->rank() / group)));
  }
  return parallel;
}

Status require_same_job(collective::Communicator& comm, const TrainJob& job) {
  if (comm.size() == 1) return {};
  GRAPHRUN_ASSIGN(const std::vector<std::byte> model, model::serialize(job.program->model()));
  const std::string_view model_bytes(reinterpret_cast<const char*>(model.data()), model.size());
  const std::array<std::pair<const char*, std::uint64_t>, 5> parts{
      {{"another model", core::hash_of(model_bytes)},
       {"other settings", core::hash_of(job.settings.values())},
       {"another list of training data", hash_of_names(job.data.get())},
       {"another list of validation data", hash_of_names(job.validation.get())},
       {"another starting point", core::hash_of(start_text(job))}}};
  std::string own;
  for (const auto& [what, hash] : parts) own += std::to_string(hash) + "\n";
  GRAPHRUN_ASSIGN(const std::vector<std::string> all, collective::all_gather_text(comm, own));
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    std::string_view first = all[0];
    std::string_view other = all[rank];
    std::string differs;
    for (const auto& [what, hash] : parts) {
      const std::size_t first_end = first.find('\n');
      const std::size_t other_end = other.find('\n');
      if (first.substr(0, first_end) != other.substr(0, other_end))
        differs += (differs.empty() ? "" : ", ") + std::string(what);
      first.remove_prefix(first_end + 1);
      other.remove_prefix(other_end + 1);
    }
    return {ErrorCode::invalid_argument, comm.describe(static_cast<int>(rank)) + " has " + differs +
                                             " than " + comm.describe(0) +
                                             ": all ranks must do the same job"};
  }
  return {};
}

Status broadcast_weights(collective::Communicator& comm, const model::Program& program,
                         weights::Weights& weights, const std::vector<VariableKind>& kinds) {
  if (comm.size() == 1) return {};
  const std::vector<model::Variable>& variables = program.model().variables;
  model::Backend& backend = *weights.backend();
  std::vector<std::byte> staged;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const TensorView& view = weights.variable(i);
    if (view.data == nullptr || std::ranges::find(kinds, variables[i].kind) == kinds.end()) continue;
    const std::int64_t bytes = view.desc.bytes();
    if (backend.is_host()) {
      GRAPHRUN_TRY(collective::broadcast(comm, view.data, bytes));
      continue;
    }
    staged.resize(static_cast<std::size_t>(bytes));
    GRAPHRUN_TRY(backend.copy_to_host(staged.data(), view.data, bytes));
    GRAPHRUN_TRY(collective::broadcast(comm, staged.data(), bytes));
    GRAPHRUN_TRY(backend.copy_to_device(view.data, staged.data(), bytes));
  }
  weights.touch();
  return {};
}

Result<Stop> vote(collective::Communicator& comm, const StopToken& stop, std::span<std::int64_t> counts) {
  std::vector<std::int64_t> sums(counts.begin(), counts.end());
  const Stop asked = stop.asked();
  sums.push_back(asked == Stop::interrupted ? 1 : 0);
  sums.push_back(asked == Stop::terminated ? 1 : 0);
  GRAPHRUN_TRY(collective::all_reduce(comm, std::span(sums)));
  std::copy_n(sums.begin(), counts.size(), counts.begin());
  const bool interrupted = sums[counts.size()] > 0;
  const bool terminated = sums.back() > 0;
  return terminated ? Stop::terminated : interrupted ? Stop::interrupted : Stop::none;
}

}  // namespace graphrun::training
