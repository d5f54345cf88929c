#include "ops/cpu_backend.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "runtime/core/build_id.h"
#include "runtime/core/size_text.h"
#include "runtime/core/system_memory.h"
#include "runtime/cpu/instructions.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/processors.h"
#include "runtime/cpu/team.h"
#include "runtime/cpu/waiting.h"
#include "runtime/model/eight_bits.h"
#include "runtime/model/kernel_table.h"
#include "runtime/model/team.h"

#define GRAPHRUN_OPS(room)                \
  namespace graphrun::ops::room {         \
  std::vector<KernelEntry> cpu_kernels(); \
  }
#include "ops/cpu_list.inc"
#undef GRAPHRUN_OPS

namespace graphrun::ops {
namespace {

// Pages come zeroed and uncommitted from the kernel; huge pages save TLB misses on large arenas.
class HostBuffer final : public model::Buffer {
 public:
  explicit HostBuffer(std::int64_t bytes)
      : data_(mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
        bytes_(bytes) {}
  ~HostBuffer() override {
    if (has_memory()) munmap(data_, static_cast<std::size_t>(bytes_));
  }
  HostBuffer(const HostBuffer&) = delete;
  HostBuffer& operator=(const HostBuffer&) = delete;
  bool has_memory() const { return data_ != MAP_FAILED; }
  void* data() override { return data_; }
  std::int64_t bytes() const override { return bytes_; }

 private:
  void* data_;
  std::int64_t bytes_;
};

class CpuTeam final : public model::Team {
 public:
  explicit CpuTeam(int threads) : threads_(threads) {}
  Status run(const std::function<Status()>& work) const override { return cpu::with_team(threads_, work); }

 private:
  int threads_;
};

class CpuBackend final : public model::Backend {
 public:
  CpuBackend(int threads, OpLibraries libraries, std::span<const KernelEntry> own)
      : threads_(threads),
        team_(threads),
        libraries_(std::move(libraries)),
        kernels_(model::make_kernel_table(libraries_, "cpu", own)) {}
  std::string_view device() const override { return "cpu"; }
  std::vector<KernelEntry> candidates(std::string_view op) const override {
    const auto found = kernels_.find(op);
    return found == kernels_.end() ? std::vector<KernelEntry>() : found->second;
  }
  Result<std::unique_ptr<model::Buffer>> allocate(std::int64_t bytes) override {
    const std::int64_t size = std::max<std::int64_t>(bytes, 64);
    GRAPHRUN_TRY(core::check_memory(size));
    auto buffer = std::make_unique<HostBuffer>(size);
    if (!buffer->has_memory()) {
      return {ErrorCode::out_of_memory,
              "the system has not the " + core::size_text(size) + " of memory asked for"};
    }
    constexpr std::int64_t kHugePagesFrom = std::int64_t{8} << 20;
    if (size >= kHugePagesFrom) madvise(buffer->data(), static_cast<std::size_t>(size), MADV_HUGEPAGE);
    return std::unique_ptr<model::Buffer>(std::move(buffer));
  }
  std::shared_ptr<void> allocate_host(std::int64_t bytes) override {
    auto buffer = allocate(bytes);
    if (!buffer.ok()) return nullptr;
    const std::shared_ptr<model::Buffer> owned = *std::move(buffer);
    return {owned, owned->data()};
  }
  bool is_host() const override { return true; }
  Status copy_to_device(void* device, const void* host, std::int64_t bytes) override {
    std::memcpy(device, host, static_cast<std::size_t>(bytes));
    return {};
  }
  Status copy_to_host(void* host, const void* device, std::int64_t bytes) override {
    std::memcpy(host, device, static_cast<std::size_t>(bytes));
    return {};
  }
  Status synchronize() override { return {}; }
  Status check_precision(DType type) const override {
    if (type == DType::f32) return {};
    if (type != DType::bf16)
      return {ErrorCode::unsupported,
              "sessions on the CPU compute in f32 or bf16, not in " + std::string(to_string(type))};
    if (cpu::has_bf16()) return {};
    return {ErrorCode::unsupported,
            "this CPU has no instructions for bf16 (AVX-512 BF16, AMX); compute in f32"};
  }
  std::string packing_identity() const override {
    std::string identity = "build";
    std::vector<const void*> objects{reinterpret_cast<const void*>(&make_cpu_backend)};
    for (const auto& library : libraries_) objects.push_back(library.get());
    for (const void* object : objects) {
      std::string build = core::build_id(object);
      if (build.empty()) return build;
      identity += " " + build;
    }
    return identity + ", " + cpu::library_identity();
  }
  std::unique_lock<std::recursive_mutex> lock() const override {
    cpu::sleep_soon();
    return {};
  }
  int threads() const override { return threads_; }
  const void* service(std::string_view name) const override {
    if (name == model::Team::kService) return static_cast<const model::Team*>(&team_);
    return name == model::EightBits::kService && cpu::multiplies_bytes() ? &eight_bits_ : nullptr;
  }
  void for_each(std::int64_t count, const std::function<void(std::int64_t)>& body) const override {
    cpu::sleep_soon();
#pragma omp parallel for schedule(dynamic) num_threads(threads_)
    for (std::int64_t i = 0; i < count; ++i) body(i);
  }

 private:
  int threads_;
  CpuTeam team_;
  model::EightBits eight_bits_{cpu::multiplies_bf16() ? DType::bf16 : DType::f32};
  OpLibraries libraries_;
  model::KernelTable kernels_;
};

}  // namespace

Result<std::shared_ptr<model::Backend>> make_cpu_backend(int threads, OpLibraries libraries) {
  if (threads < 0) return {ErrorCode::invalid_argument, "the number of threads is negative"};
  std::vector<KernelEntry> all;
  const auto take = [&all](std::vector<KernelEntry> more) {
    all.insert(all.end(), more.begin(), more.end());
  };
#define GRAPHRUN_OPS(room) take(ops::room::cpu_kernels());
#include "ops/cpu_list.inc"
#undef GRAPHRUN_OPS
  GRAPHRUN_ASSIGN(const int count, cpu::team_size(threads > 0 ? threads : cpu::usable_processors()));
  return std::shared_ptr<model::Backend>(std::make_shared<CpuBackend>(count, std::move(libraries), all));
}

}  // namespace graphrun::ops
