#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <cstring>

#include "ops/cpu_backend.h"
#include "ops/cpu_training.h"
#include "ops/registry.h"
#include "runtime/model/model_file.h"
#include "runtime/session/session.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/model_mutator.h"

// A model is loaded, bound at small sizes and run. Memory of activations is filled with a number that no
// arithmetic gives: where it is found in an output, a kernel has read what nobody wrote. While a step runs,
// all of that memory is poisoned but for the step's own inputs, outputs and scratch.
namespace graphrun::fuzz {
namespace {

constexpr std::uint32_t kUnwritten = 0x7FA5A5A5;  // a NaN; arithmetic sets the bit below the exponent
constexpr std::uint32_t kQuiet = 0x00400000;
constexpr std::int64_t kMaxBytes = std::int64_t{16} << 20;
constexpr double kMaxOperations = 2e8;

class Arena final : public model::Buffer {
 public:
  explicit Arena(std::int64_t bytes)
      : memory_(new (std::align_val_t(64)) std::uint32_t[words(bytes)]), bytes_(bytes) {
    std::fill_n(memory_, words(bytes), kUnwritten);
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() override { operator delete[](memory_, std::align_val_t(64)); }
  void* data() override { return memory_; }
  std::int64_t bytes() const override { return bytes_; }

 private:
  static std::size_t words(std::int64_t bytes) { return static_cast<std::size_t>(bytes + 3) / 4; }
  std::uint32_t* memory_;
  std::int64_t bytes_;
};

class Gaps final : public session::StepObserver {
 public:
  explicit Gaps(model::Buffer& arena) : arena_(arena) {}
  Gaps(const Gaps&) = delete;
  Gaps& operator=(const Gaps&) = delete;
  ~Gaps() override { __asan_unpoison_memory_region(arena_.data(), size()); }

  void before(const session::StepView& step) override {
    __asan_poison_memory_region(arena_.data(), size());
    open(step.inputs);
    open(step.outputs);
    __asan_unpoison_memory_region(step.scratch.data(), step.scratch.size());
  }
  void after(const session::StepView&) override {}

 private:
  std::size_t size() { return static_cast<std::size_t>(arena_.bytes()); }
  static void open(std::span<const TensorView> views) {
    for (const TensorView& view : views) {
      if (view.data != nullptr)
        __asan_unpoison_memory_region(view.data, static_cast<std::size_t>(view.desc.bytes()));
    }
  }
  model::Buffer& arena_;
};

// Adds up what a run would compute, and stops it before it takes long.
bool is_small(const model::Program& program, const model::Backend& backend,
              const session::Session::Options& options) {
  const auto needs = session::Session::plan(program, backend, options);
  if (!needs.ok() || needs->arena_bytes > kMaxBytes || needs->table_bytes > kMaxBytes) return false;
  std::int64_t packed = 0;
  for (const auto& [key, bytes] : needs->packed_bytes) packed += bytes;
  return packed <= kMaxBytes && needs->operations <= kMaxOperations;
}

void fill(const TensorView& view, std::uint32_t seed) {
  const std::int64_t bytes = view.desc.bytes();
  auto* const to = static_cast<std::byte*>(view.data);
  for (std::int64_t i = 0; i + 4 <= bytes; i += 4) {
    const float real = static_cast<float>((i * 37 + seed) % 201) / 100.0F - 1.0F;
    const std::int32_t integer = static_cast<std::int32_t>((i + seed) % 3);
    if (view.desc.dtype == DType::f32) {
      std::memcpy(to + i, &real, 4);
    } else {
      std::memcpy(to + i, &integer, 4);
    }
  }
}

void check_written(const TensorView& view) {
  if (view.data == nullptr || view.desc.dtype != DType::f32) return;
  const auto* const words = static_cast<const std::uint32_t*>(view.data);
  for (std::int64_t i = 0; i < view.desc.bytes() / 4; ++i)
    require((words[i] & ~(kQuiet | 0x80000000U)) != (kUnwritten & ~kQuiet));
}

void run(const std::shared_ptr<const model::Program>& program,
         const std::shared_ptr<weights::Weights>& weights, const session::Session::Options& size) {
  session::Session::Options options = size;
  std::shared_ptr<model::Buffer> arena;
  options.arena = [&arena](std::int64_t bytes) -> Result<std::shared_ptr<model::Buffer>> {
    arena = std::make_shared<Arena>(bytes);
    return arena;
  };
  const auto session = session::Session::create(program, weights, options);
  if (!session.ok()) return;
  const model::Model& model = program->model();
  std::uint32_t seed = 0;
  for (const model::Input& input : model.inputs) {
    const auto view = (*session)->input(input.name);
    if (view.ok()) fill(*view, ++seed);
  }
  bool ran = false;
  if (arena != nullptr) {
    Gaps gaps(*arena);
    ran = (*session)->run(&gaps).ok();
  } else {
    ran = (*session)->run().ok();
  }
  if (!ran) return;
  for (const model::NamedValue& output : model.method(model::methods::kEval)->outputs) {
    const auto view = (*session)->output(output.name);
    if (view.ok()) check_written(*view);
  }
}

bool are_small(const model::Program& program) {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < program.model().variables.size(); ++i) {
    bytes += program.variable_shape(i).count() * 4;
    if (bytes > kMaxBytes) return false;
  }
  return true;
}

const std::shared_ptr<model::Backend>& backend() {
  static const std::shared_ptr<model::Backend> made = *ops::make_cpu_backend(1, ops::with_training_kernels());
  return made;
}

}  // namespace
}  // namespace graphrun::fuzz

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  using namespace graphrun;
  constexpr unsigned kOfBytes = 8;  // one mutation of so many does not know what a model is
  const OpRegistry& ops = ops::op_registry();
  if (seed % kOfBytes != 0) {
    Result<model::Model> model = model::parse_model(fuzz::bytes_of(data, size), ops);
    if (model.ok()) {
      for (unsigned i = 0; i <= seed % 3; ++i) fuzz::mutate(*model, ops, seed + i * 7919);
      const auto written = model::serialize(*model);
      if (written.ok() && written->size() <= max_size) {
        std::memcpy(data, written->data(), written->size());
        return written->size();
      }
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const auto program = model::Program::parse(fuzz::bytes_of(data, size), ops::op_registry());
  if (!program.ok() || !fuzz::are_small(**program)) return 0;
  if ((*program)->model().method(model::methods::kEval) == nullptr) return 0;
  const auto weights = weights::Weights::initialise(**program, 1, fuzz::backend());
  if (!weights.ok()) return 0;
  for (const std::int64_t side : {1, 9, 33}) {
    const session::Session::Options options{1, side, side + 8};
    if (fuzz::is_small(**program, *fuzz::backend(), options)) fuzz::run(*program, *weights, options);
  }
  return 0;
}
