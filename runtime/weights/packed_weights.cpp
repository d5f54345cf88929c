#include "runtime/weights/packed_weights.h"

#include <algorithm>

#include "runtime/core/guard.h"
#include "runtime/core/round_up.h"
#include "runtime/weights/safetensors.h"

namespace graphrun::weights {
namespace {

constexpr std::string_view kIdentity = "graphrun.prepared";

// In memory and in files packed weights take whole cache lines, so that each begins on one.
bool is_aligned(const void* data) { return reinterpret_cast<std::uintptr_t>(data) % core::kCacheLine == 0; }

}  // namespace

const void* PackedWeightsCache::Entry::memory() const { return buffer ? buffer->data() : of_file.data(); }

bool PackedWeightsCache::take_from_file(const std::string& key, std::int64_t bytes, std::uint64_t version,
                                        Entry& entry) const {
  if (file_ == nullptr || version != file_version_) return false;
  const NamedTensor* const found = file_->find(key);
  if (found == nullptr || std::ssize(found->bytes) != core::whole_lines(bytes) ||
      !is_aligned(found->bytes.data()))
    return false;
  entry.of_file = found->bytes;
  entry.version = version;
  return true;
}

Result<std::vector<const void*>> PackedWeightsCache::get(
    std::span<const PackedWeights> forms, std::uint64_t version, model::Backend& backend,
    const std::function<void(std::span<const TensorView>)>& made) {
  const std::lock_guard lock(mutex_);
  struct Task {
    const PackedWeights* form;
    Entry* entry;
  };
  std::vector<const void*> memory;
  std::vector<Task> tasks;
  std::vector<std::span<const std::byte>> mapped;
  for (const PackedWeights& form : forms) {
    Entry& entry = entries_[form.key];
    const std::int64_t bytes = form.kernel.packed_bytes();
    const bool is_new = entry.memory() == nullptr;
    if (is_new && take_from_file(form.key, bytes, version, entry)) mapped.push_back(entry.of_file);
    if (entry.buffer == nullptr && entry.version != version) {
      GRAPHRUN_ASSIGN(entry.buffer, backend.allocate(core::whole_lines(bytes)));
      entry.of_file = {};
    }
    const std::int64_t has = entry.buffer ? entry.buffer->bytes() : std::ssize(entry.of_file);
    if (has < bytes)
      return {ErrorCode::internal, "two kernels prepare different forms under the key " + form.key};
    memory.push_back(entry.memory());
    const bool known = std::ranges::any_of(tasks, [&](const Task& task) { return task.entry == &entry; });
    if (entry.version != version && !known) tasks.push_back({&form, &entry});
  }
  backend.for_each(std::ssize(mapped),
                   [&](std::int64_t i) { file_->populate(mapped[static_cast<std::size_t>(i)]); });
  // The largest are made by all threads together, one after the other, the others at once: most of them are
  // too small to be divided.
  std::ranges::sort(tasks, std::ranges::greater(),
                    [](const Task& task) { return task.entry->buffer->bytes(); });
  constexpr std::int64_t kLarge = std::int64_t{24} << 20;
  std::vector<Status> done(tasks.size());
  const auto make = [&](std::int64_t i) {
    const Task& task = tasks[static_cast<std::size_t>(i)];
    // No exception may leave the parallel region that this runs in.
    done[static_cast<std::size_t>(i)] = core::guard([&]() -> Status {
      GRAPHRUN_TRY(task.form->kernel.pack_constants(task.form->inputs, task.entry->buffer->data()));
      task.entry->version = version;
      made(task.form->inputs);
      return {};
    });
  };
  const auto large =
      std::ranges::count_if(tasks, [](const Task& task) { return task.entry->buffer->bytes() >= kLarge; });
  for (std::int64_t i = 0; i < large; ++i) make(i);
  backend.for_each(std::ssize(tasks) - large, [&](std::int64_t i) { make(large + i); });
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (!done[i].ok()) return std::move(done[i]).with_context(std::string(tasks[i].form->path));
  }
  return memory;
}

Status PackedWeightsCache::open(const std::string& path, std::string_view identity, std::uint64_t version) {
  GRAPHRUN_ASSIGN(std::shared_ptr<const TensorFile> file, TensorFile::open(path));
  if (!file->is_private())
    return {ErrorCode::invalid_file, path + ": prepared weights that others own or may write are not used"};
  const auto found = file->metadata().find(std::string(kIdentity));
  if (found == file->metadata().end() || found->second != identity)
    return {ErrorCode::invalid_file, path + ": was prepared from other weights or by another build"};
  const std::lock_guard lock(mutex_);
  file_ = std::move(file);
  file_version_ = version;
  return {};
}

Status PackedWeightsCache::keep(const std::string& path, const std::string& identity,
                                std::uint64_t version) const {
  const std::lock_guard lock(mutex_);
  std::vector<NamedTensor> tensors;
  std::int64_t used = 0;
  bool computed = false;
  for (const auto& [key, entry] : entries_) {
    if (entry.version != version) continue;
    computed = computed || entry.buffer != nullptr;
    const std::span<const std::byte> bytes =
        entry.buffer == nullptr ? entry.of_file
                                : std::span(static_cast<const std::byte*>(entry.buffer->data()),
                                            static_cast<std::size_t>(entry.buffer->bytes()));
    tensors.push_back({key, TensorDesc::dense(DType::u8, {std::ssize(bytes)}), bytes});
    used += std::ssize(bytes);
  }
  if (!computed) return {};
  if (file_ != nullptr && file_version_ == version) {
    // Forms for images of other sizes, as long as they are no more than those of this process: the file must
    // not grow without end.
    std::vector<NamedTensor> others;
    std::int64_t unused = 0;
    for (const NamedTensor& tensor : file_->tensors()) {
      if (entries_.contains(tensor.name)) continue;
      others.push_back(tensor);
      unused += std::ssize(tensor.bytes);
    }
    if (unused <= used) tensors.insert(tensors.end(), others.begin(), others.end());
  }
  return write_safetensors(path, tensors, {{std::string(kIdentity), identity}}, core::AtomicFile::Access::own,
                           [this](const NamedTensor& tensor) {
                             if (file_ != nullptr && !entries_.contains(tensor.name))
                               file_->release(tensor.bytes);
                           });
}

}  // namespace graphrun::weights
