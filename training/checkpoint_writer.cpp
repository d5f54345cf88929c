#include "training/checkpoint_writer.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <system_error>

#include "runtime/core/guard.h"

namespace graphrun::training {
namespace {

bool in_checkpoint(VariableKind kind) { return kind != VariableKind::gradient; }

}  // namespace

Result<CheckpointContent> gather_checkpoint(const model::Program& program, const weights::Weights& weights,
                                            collective::Communicator& comm, const std::vector<int>& owners,
                                            const Averages* averages) try {
  const std::vector<model::Variable>& variables = program.model().variables;
  const bool writes = comm.rank() == 0;
  const auto average_of = [&](std::size_t i) {
    return averages != nullptr && averages->any() ? averages->of(i) : TensorView();
  };
  std::size_t all = 0;
  std::size_t largest = 0;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!in_checkpoint(variables[i].kind)) continue;
    const auto bytes = static_cast<std::size_t>(weights.variable(i).desc.bytes());
    all += average_of(i).data == nullptr ? bytes : 2 * bytes;
    largest = std::max(largest, bytes);
  }
  CheckpointContent content;
  content.storage.resize(writes ? all : owners.empty() ? 0 : largest);
  std::byte* memory = content.storage.data();
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!in_checkpoint(variables[i].kind)) continue;
    const TensorView& view = weights.variable(i);
    const std::int64_t bytes = view.desc.bytes();
    const bool shared_out =
        !owners.empty() && variables[i].kind == VariableKind::optimizer_state && owners[i] >= 0;
    if (!writes && !shared_out) continue;
    if (view.data != nullptr) GRAPHRUN_TRY(weights.backend()->copy_to_host(memory, view.data, bytes));
    if (shared_out && owners[i] != 0) GRAPHRUN_TRY(collective::broadcast(comm, memory, bytes, owners[i]));
    if (!writes) continue;
    const TensorView average = average_of(i);
    const std::string& name = variables[i].name;
    const auto size = static_cast<std::size_t>(bytes);
    content.tensors.push_back(
        {average.data == nullptr ? name : std::string(kTrainedPrefix) + name, view.desc, {memory, size}});
    memory += bytes;
    if (average.data == nullptr) continue;
    GRAPHRUN_TRY(weights.backend()->copy_to_host(memory, average.data, bytes));
    content.tensors.push_back({name, view.desc, {memory, size}});
    memory += bytes;
  }
  return content;
} catch (...) {
  return core::caught();
}

Status CheckpointWriter::start(const std::filesystem::path& path, CheckpointContent content,
                               const TrainState& state) try {
  GRAPHRUN_TRY(status_of(written(true)));
  path_ = path;
  const auto kept = std::make_shared<CheckpointContent>(std::move(content));
  const auto write = [path, state, kept] { return write_checkpoint(path, kept->tensors, state); };
  try {
    result_ = std::async(std::launch::async, write);
  } catch (const std::system_error&) {  // no thread to be had: training waits, and the checkpoint is written
    std::promise<Status> done;
    done.set_value(write());
    result_ = done.get_future();
  }
  return {};
} catch (...) {
  return core::caught();
}

Result<std::optional<std::filesystem::path>> CheckpointWriter::written(bool wait) try {
  using Path = std::optional<std::filesystem::path>;
  if (!result_.valid()) return Path();
  if (!wait && result_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return Path();
  GRAPHRUN_TRY(result_.get());
  return Path(path_);
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
