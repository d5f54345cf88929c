#include "runtime/labelling/labelling.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "runtime/core/size_text.h"
#include "runtime/core/system_memory.h"
#include "runtime/imaging/label_accumulator.h"

namespace graphrun::labelling {
namespace {

Result<std::int64_t> available_bytes(const model::Backend& backend, const Labelling::Options& options) {
  constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();
  if (options.memory_limit != 0)
    return static_cast<std::int64_t>(std::min<std::uint64_t>(options.memory_limit, kUnlimited));
  if (!backend.is_host()) return imaging::free_device_bytes(backend);
  return core::available_memory().value_or(kUnlimited) / options.processes;
}

}  // namespace

Result<EvaluationMemory> reserve_memory(Protocol& protocol, std::span<const imaging::Extent> sizes,
                                        std::int64_t picture_bytes, std::int64_t max_bytes) {
  GRAPHRUN_ASSIGN(EvaluationMemory memory, protocol.plan(sizes));
  const auto pixels = [](const imaging::Extent& size) { return size.height * size.width; };
  for (const imaging::Extent& size : sizes) {
    if (pixels(size) > pixels(memory.largest)) memory.largest = size;
  }
  memory.pictures = picture_bytes * pixels(memory.largest);
  if (memory.total() > max_bytes) {
    return {ErrorCode::out_of_memory,
            "images of up to " + std::to_string(memory.largest.width) + " x " +
                std::to_string(memory.largest.height) + " need " + core::size_text_up(memory.total()) +
                " of memory (" + core::size_text(memory.activations) + " of them activations), and " +
                core::size_text(max_bytes) + " may be used; " + std::string(protocol.advice())};
  }
  GRAPHRUN_TRY(protocol.reserve(memory, max_bytes - (memory.total() - memory.activations)));
  return memory;
}

Result<Labelling> Labelling::open(std::shared_ptr<const model::Program> program,
                                  std::shared_ptr<const weights::TensorFile> weights,
                                  const std::string& weights_path,
                                  const std::shared_ptr<model::Backend>& backend, const Options& options) {
  Labelling labelling;
  const weights::PackedWeightsFolder kept(options.cache_folder, weights_path, options.protocol.precision);
  GRAPHRUN_ASSIGN(
      labelling.weights_,
      weights::Weights::map(*program, std::move(weights), backend, kept).with_context(weights_path));
  ProtocolSettings protocol = options.protocol;
  GRAPHRUN_ASSIGN(protocol.max_bytes, available_bytes(*backend, options));
  GRAPHRUN_ASSIGN(labelling.protocol_, make_protocol(protocol, std::move(program), labelling.weights_));
  GRAPHRUN_ASSIGN(labelling.max_bytes_, available_bytes(*backend, options));
  return labelling;
}

}  // namespace graphrun::labelling
