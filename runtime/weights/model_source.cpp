#include "runtime/weights/model_source.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "graphrun/bfloat16.h"
#include "runtime/model/eight_bits.h"
#include "runtime/model/model_file.h"
#include "runtime/weights/bundle.h"
#include "runtime/weights/quantised_file.h"
#include "runtime/weights/safetensors.h"

namespace graphrun::weights {
namespace {

constexpr std::string_view kModel = "model";
constexpr std::string_view kWeights = "weights";
constexpr std::string_view kProtocol = "protocol";
constexpr std::string_view kMetadata = "metadata";
constexpr std::array kKnown{KnownPart{kModel}, KnownPart{kWeights}, KnownPart{kProtocol},
                            KnownPart{kMetadata}};

constexpr std::size_t kMaxProtocolBytes = std::size_t{64} << 10;

Result<std::span<const std::byte>> needed(const Bundle& bundle, std::string_view name) {
  const std::span<const std::byte>* const part = bundle.find(name);
  if (part != nullptr) return *part;
  return {ErrorCode::invalid_file, "the bundle has no part \"" + std::string(name) + "\""};
}

Result<ModelSource> read_bundle(std::shared_ptr<const core::MappedFile> file, const OpRegistry& registry) {
  GRAPHRUN_ASSIGN(const Bundle bundle, Bundle::open(std::move(file), kKnown));
  ModelSource source;
  GRAPHRUN_ASSIGN(const std::span<const std::byte> graph, needed(bundle, kModel));
  GRAPHRUN_ASSIGN(source.program, model::Program::parse(graph, registry).with_context("model"));
  GRAPHRUN_ASSIGN(const std::span<const std::byte> tensors, needed(bundle, kWeights));
  GRAPHRUN_ASSIGN(source.weights, TensorFile::open_part(bundle.file(), tensors).with_context("weights"));
  if (const auto* const protocol = bundle.find(kProtocol)) {
    if (protocol->size() > kMaxProtocolBytes) return {ErrorCode::invalid_file, "protocol: more than 64 KiB"};
    source.protocol.assign(reinterpret_cast<const char*>(protocol->data()), protocol->size());
  }
  // Texts by name are a safetensors file without tensors: one format and one reader for both.
  if (const auto* const metadata = bundle.find(kMetadata)) {
    GRAPHRUN_ASSIGN(TensorTable table, read_safetensors(*metadata).with_context("metadata"));
    source.metadata = std::move(table.metadata);
  }
  return source;
}

// The tensors as they go to the file, with the memory of those that are not the weights' own.
struct Packed {
  std::vector<NamedTensor> tensors;
  std::vector<std::byte> storage;
  NarrowTensors narrow;
  std::map<std::string, std::string> metadata;
};

Result<Packed> packed_tensors(const PackSource& source) {
  Packed packed;
  GRAPHRUN_ASSIGN(packed.tensors, source.weights.snapshot(false, packed.storage));
  if (!source.weights.quantised().empty()) {
    store_quantised(source.weights, source.program.model(), WideMaps::exact, packed.tensors, packed.metadata,
                    packed.narrow);
    return packed;
  }
  if (source.precision != DType::bf16) return packed;
  for (NamedTensor& tensor : packed.tensors) {
    if (tensor.desc.shape.rank() >= 2) store_in_bf16(tensor, packed.narrow);
  }
  align_tensors(packed.tensors);
  return packed;
}

PartSource text_part(std::string_view name, const std::string& text) {
  return {std::string(name), 1, false,
          [&text](const ByteSink& sink) { return sink(std::as_bytes(std::span(text))); }};
}

// What a file that is no model is, where it is something that people give in a model's place; else empty.
std::string what_else(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  constexpr std::size_t kHeader = 8;  // of a safetensors file: the length of what follows
  const std::size_t first = text.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  if (text.empty()) return "it is empty";
  if (first != std::string_view::npos && text[first] == '{')
    return "it is JSON: graphc makes a model of a graph (graphc GRAPH.json -o MODEL.fb)";
  if (text.size() > kHeader && text.substr(kHeader).starts_with("{\""))
    return "it is a safetensors file: weights are given with --weights";
  if (text.starts_with("PK\3\4") || text.starts_with("\x80\x02"))
    return "it is a PyTorch checkpoint: weights are given with --weights";
  return {};
}

}  // namespace

Result<ModelSource> open_model(const std::string& path, const OpRegistry& registry) {
  std::error_code none;
  if (std::filesystem::is_directory(path, none)) {
    return {ErrorCode::io, path + ": is a folder, not a file; where it is a run's, `grun pack " + path +
                               " -o NAME.grun` makes one file of it"};
  }
  GRAPHRUN_ASSIGN(std::shared_ptr<const core::MappedFile> file, core::MappedFile::open(path));
  ModelSource source;
  if (Bundle::is_bundle(file->bytes())) {
    GRAPHRUN_ASSIGN(source, read_bundle(std::move(file), registry).with_context(path));
  } else {
    const std::string other = what_else(file->bytes());
    if (!other.empty()) return {ErrorCode::invalid_file, path + ": this is no model; " + other};
    file.reset();
    GRAPHRUN_ASSIGN(source.program, model::Program::load(path, registry));
  }
  source.path = path;
  return source;
}

Result<std::shared_ptr<const TensorFile>> open_weights(const ModelSource& model, const std::string& path,
                                                       const TensorChoice& choice) {
  if (path.empty() && !model.is_bundle()) return {ErrorCode::usage, "--weights is missing"};
  if (path.empty() && !(choice.key.empty() && choice.strip.empty()))
    return {ErrorCode::usage, "--key and --strip choose among the tensors of --weights, which is missing"};
  if (path.empty()) return model.weights;
  if (model.is_bundle()) {
    return {ErrorCode::usage,
            "--weights " + path + ": " + model.path + " is a bundle, which has its own weights"};
  }
  return TensorFile::open(path, choice_for(*model.program, choice));
}

Status pack(const PackSource& source, const std::string& path) {
  if (source.precision != DType::f32 && source.precision != DType::bf16)
    return {ErrorCode::invalid_argument, "weights are stored in f32 or bf16, not in " +
                                             std::string(model::precision_name(source.precision)) +
                                             "; those that grun quantize made are stored as they are"};
  GRAPHRUN_ASSIGN(const std::vector<std::byte> graph, model::serialize(source.program.model()));
  GRAPHRUN_ASSIGN(const Packed packed, packed_tensors(source));
  std::vector<PartSource> parts;
  parts.push_back({std::string(kModel), 1, true, [&](const ByteSink& sink) { return sink(graph); }});
  parts.push_back({std::string(kWeights), 1, true, [&](const ByteSink& sink) {
                     return emit_safetensors(packed.tensors, packed.metadata, sink);
                   }});
  if (!source.protocol.empty()) parts.push_back(text_part(kProtocol, source.protocol));
  if (!source.metadata.empty()) {
    parts.push_back({std::string(kMetadata), 1, false,
                     [&](const ByteSink& sink) { return emit_safetensors({}, source.metadata, sink); }});
  }
  return write_bundle(path, parts);
}

}  // namespace graphrun::weights
