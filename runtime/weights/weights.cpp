#include "runtime/weights/weights.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "runtime/core/guard.h"
#include "runtime/core/hash.h"
#include "runtime/core/round_up.h"
#include "runtime/model/parameter_names.h"
#include "runtime/weights/convert.h"
#include "runtime/weights/difference.h"
#include "runtime/weights/initialise.h"
#include "runtime/weights/value_check.h"

namespace graphrun::weights {
namespace {

bool in_checkpoint(VariableKind kind) {
  return kind == VariableKind::parameter || kind == VariableKind::buffer;
}

bool is_usable(const TensorFile& file, const NamedTensor& tensor) {
  return is_real(tensor.desc.dtype) || scales_of(file, tensor) != nullptr;
}

// As the file has it; another type than a real one is a difference, too.
std::string file_shape(const NamedTensor& tensor) {
  const std::string shape = to_string(tensor.desc.shape);
  return is_real(tensor.desc.dtype) ? shape : std::string(to_string(tensor.desc.dtype)) + " " + shape;
}

// By variable: the method reads it.
std::vector<bool> read_by(const model::Model& model, std::string_view method_name) {
  std::vector<bool> result(model.variables.size(), false);
  const model::Method* const method = model.method(method_name);
  if (method == nullptr) return std::vector<bool>(model.variables.size(), true);
  for (const model::Value& value : method->values) {
    if (value.origin == model::Origin::variable) result[static_cast<std::size_t>(value.index)] = true;
  }
  return result;
}

// Tensors of no variable. Integers are no weights: positions, masks and counters that a network's code needs.
void add_unexpected(const TensorFile& file, std::vector<std::string_view> known,
                    std::vector<Difference>& differences) {
  std::ranges::sort(known);
  for (const NamedTensor& tensor : file.tensors()) {
    std::string_view name = tensor.name;
    if (name.starts_with(kTrainedPrefix)) name.remove_prefix(kTrainedPrefix.size());
    if (is_real(tensor.desc.dtype) && !std::ranges::binary_search(known, name) && !is_scales(file, tensor))
      differences.push_back({Difference::Kind::unexpected, tensor.name, "", file_shape(tensor)});
  }
}

std::string note_of_missing(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 4;
  std::string text =
      "the file lacks " + std::to_string(names.size()) + " tensors that inference does not use:";
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i == 0 ? " " : ", ") + names[i];
  return text + (names.size() > kShown ? ", ..." : "");
}

}  // namespace

TensorChoice choice_for(const model::Program& program, TensorChoice choice) {
  auto names = std::make_shared<std::set<std::string, std::less<>>>();
  for (const model::Variable& variable : program.model().variables) names->insert(variable.name);
  choice.wants = [names](std::string_view name) { return names->contains(name); };
  return choice;
}

Weights::Weights(const model::Program& program, std::shared_ptr<model::Backend> backend)
    : backend_(std::move(backend)) {
  const model::Model& model = program.model();
  const std::vector<bool> not_negative = not_negative_variables(program);
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    const model::Variable& variable = model.variables[i];
    std::vector<bool> of_classes;
    for (const Expr& extent : variable.shape)
      of_classes.push_back(std::ranges::find(extent.symbols, model::parameter_names::kClasses) !=
                           extent.symbols.end());
    items_.push_back({variable.name, variable.kind, program.variable_shape(i), variable.of, not_negative[i],
                      std::move(of_classes)});
    views_.push_back({TensorDesc::dense(model.variables[i].dtype, items_.back().shape), nullptr});
  }
}

Difference Weights::difference_of(const Item& item, const NamedTensor* tensor, const TensorFile& file) {
  if (tensor != nullptr) {
    const Difference::Kind kind =
        is_real(tensor->desc.dtype) ? Difference::Kind::shape : Difference::Kind::type;
    return {kind, item.name, to_string(item.shape), file_shape(*tensor)};
  }
  const std::string_view what = file.unusable(item.name);
  const Difference::Kind kind = what.empty() ? Difference::Kind::missing : Difference::Kind::type;
  return {kind, item.name, to_string(item.shape), std::string(what)};
}

Result<Weights::Found> Weights::match(const TensorFile& file, const std::vector<bool>& needed) const {
  std::vector<const NamedTensor*> found(items_.size(), nullptr);
  std::vector<Difference> differences;
  std::vector<std::string> unused;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const Item& item = items_[i];
    if (item.kind == VariableKind::gradient) continue;
    const NamedTensor* tensor = file.find(item.name);
    if (tensor == nullptr && !in_checkpoint(item.kind)) continue;
    if (tensor != nullptr && tensor->desc.shape == item.shape && is_usable(file, *tensor)) {
      found[i] = tensor;
      continue;
    }
    Difference difference = difference_of(item, tensor, file);
    if (difference.kind == Difference::Kind::missing && !needed.empty() && !needed[i]) {
      unused.push_back(item.name);
    } else {
      differences.push_back(std::move(difference));
    }
  }
  std::vector<std::string_view> known;
  for (const Item& item : items_) known.push_back(item.name);
  add_unexpected(file, std::move(known), differences);
  if (!differences.empty()) return describe_differences(std::move(differences));
  Found result{std::move(found), unused.empty() ? std::string() : note_of_missing(unused)};
  GRAPHRUN_TRY(check_narrow(file, result));
  return result;
}

Result<std::shared_ptr<Weights>> Weights::map(const model::Program& program,
                                              std::shared_ptr<const TensorFile> file,
                                              std::shared_ptr<model::Backend> backend,
                                              const PackedWeightsFolder& kept) try {
  std::shared_ptr<Weights> weights(new Weights(program, std::move(backend)));
  GRAPHRUN_TRY(weights->check_types());
  GRAPHRUN_ASSIGN(const Found matched,
                  weights->match(*file, read_by(program.model(), model::methods::kEval)));
  const std::vector<const NamedTensor*>& found = matched.tensors;
  weights->note_ = matched.note;
  std::int64_t copied = 0;
  const bool host = weights->backend_->is_host();
  GRAPHRUN_TRY(weights->read_quantised(*file, matched, program.model()));
  const auto in_place = [host](const NamedTensor& tensor) { return host && tensor.desc.dtype == DType::f32; };
  const auto is_taken = [&](std::size_t i) {
    return found[i] != nullptr && in_checkpoint(weights->items_[i].kind) && !weights->is_narrow(i);
  };
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!is_taken(i)) continue;
    if (!in_place(*found[i])) copied += core::whole_lines(weights->views_[i].desc.bytes());
  }
  std::byte* free_memory = nullptr;
  if (copied > 0) {
    GRAPHRUN_ASSIGN(std::unique_ptr<model::Buffer> buffer, weights->backend_->allocate(copied));
    free_memory = static_cast<std::byte*>(buffer->data());
    weights->buffers_.push_back(std::move(buffer));
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!is_taken(i)) continue;
    TensorView& view = weights->views_[i];
    if (in_place(*found[i])) {
      // Sessions only read mapped weights: writable() is false.
      view.data = const_cast<std::byte*>(found[i]->bytes.data());
    } else {
      view.data = free_memory;
      free_memory += core::whole_lines(view.desc.bytes());
      GRAPHRUN_TRY(weights->store(i, *found[i], scales_of(*file, *found[i])));
    }
  }
  weights->file_ = std::move(file);
  if (weights->open_kept(kept, matched)) return weights;
  if (host) GRAPHRUN_TRY(weights->check_mapped(*weights->file_));
  return weights;
} catch (...) {
  return core::caught();
}

// Values are drawn, converted and copied as f32.
Status Weights::check_types() const {
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (views_[i].desc.dtype == DType::f32) continue;
    return {ErrorCode::unsupported, "variable \"" + items_[i].name + "\" is of type " +
                                        std::string(to_string(views_[i].desc.dtype)) + "; weights are f32"};
  }
  return {};
}

Status Weights::allocate(const std::vector<bool>& holds) {
  const auto is_here = [&](std::size_t i, VariableKind kind) {
    const bool held = kind != VariableKind::optimizer_state || holds.empty() || holds[i];
    return items_[i].kind == kind && held;
  };
  for (const VariableKind kind :
       {VariableKind::parameter, VariableKind::buffer, VariableKind::optimizer_state}) {
    // Without padding between them: one update kernel walks over all parameters as one range. Where the
    // parameters' order begins anew, so does the next state of the optimiser.
    std::vector<std::int64_t> offsets(items_.size(), 0);
    std::int64_t bytes = 0;
    std::int32_t owner = -1;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (!is_here(i, kind)) continue;
      if (kind == VariableKind::optimizer_state && items_[i].of <= owner) bytes = core::whole_lines(bytes);
      owner = items_[i].of;
      offsets[i] = bytes;
      bytes += views_[i].desc.bytes();
    }
    GRAPHRUN_ASSIGN(std::unique_ptr<model::Buffer> buffer, backend_->allocate(bytes));
    auto* const memory = static_cast<std::byte*>(buffer->data());
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (is_here(i, kind)) views_[i].data = memory + offsets[i];
    }
    buffers_.push_back(std::move(buffer));
  }
  writable_ = true;
  return {};
}

std::int64_t Weights::bytes() const {
  std::int64_t sum = 0;
  for (const std::unique_ptr<model::Buffer>& buffer : buffers_) sum += buffer->bytes();
  return sum + (wide_copies_ == nullptr ? 0 : wide_copies_->bytes());
}

Result<std::shared_ptr<Weights>> Weights::initialise(const model::Program& program, std::uint64_t seed,
                                                     std::shared_ptr<model::Backend> backend,
                                                     const std::vector<bool>& holds) try {
  std::shared_ptr<Weights> weights(new Weights(program, std::move(backend)));
  GRAPHRUN_TRY(weights->check_types());
  GRAPHRUN_TRY(weights->allocate(holds));
  std::vector<float> values;
  for (std::size_t i = 0; i < weights->items_.size(); ++i) {
    if (weights->views_[i].data == nullptr) continue;
    values.resize(static_cast<std::size_t>(weights->items_[i].shape.count()));
    GRAPHRUN_TRY(initialise_variable(program, i, seed, values));
    GRAPHRUN_TRY(weights->backend_->copy_to_device(weights->views_[i].data, values.data(),
                                                   static_cast<std::int64_t>(values.size() * sizeof(float))));
  }
  return weights;
} catch (...) {
  return core::caught();
}

// What lies in memory of the host; what is copied to a device is looked at before.
// The pages are given back: where kernels' forms are kept from an earlier process nobody reads them again.
Status Weights::check_mapped(const TensorFile& file) const {
  std::vector<Status> results(items_.size());
  backend_->for_each(std::ssize(items_), [&](std::int64_t index) {
    const auto i = static_cast<std::size_t>(index);
    if (views_[i].data == nullptr) return;
    const std::span values(views_[i].as<const float>(), static_cast<std::size_t>(items_[i].shape.count()));
    results[i] = check_values(items_[i].name, items_[i].shape, values, items_[i].not_negative);
    file.release(std::as_bytes(values));
  });
  for (Status& result : results) GRAPHRUN_TRY(std::move(result));
  return {};
}

Status Weights::store(std::size_t index, const NamedTensor& tensor, const float* scales) {
  std::vector<float> values(static_cast<std::size_t>(items_[index].shape.count()));
  if (scales != nullptr) {
    widen({reinterpret_cast<const std::int8_t*>(tensor.bytes.data()), values.size()}, items_[index].shape[0],
          scales, values.data());
  } else {
    convert_to_f32(tensor, values);
  }
  GRAPHRUN_TRY(check_values(tensor.name, items_[index].shape, values, items_[index].not_negative));
  return backend_->copy_to_device(views_[index].data, values.data(),
                                  static_cast<std::int64_t>(values.size() * sizeof(float)));
}

Result<bool> Weights::load(const TensorFile& file) try {
  if (!writable_) return {ErrorCode::internal, "load() into weights that are mapped from a file"};
  GRAPHRUN_ASSIGN(const Found matched, match(file));
  const std::vector<const NamedTensor*>& found = matched.tensors;
  bool all_state = true;
  bool any_state = false;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (items_[i].kind != VariableKind::optimizer_state) continue;
    all_state = all_state && found[i] != nullptr;
    any_state = any_state || found[i] != nullptr;
  }
  if (any_state && !all_state)
    return {ErrorCode::invalid_file, "the file has only a part of the optimiser's state"};
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] != nullptr && views_[i].data != nullptr)
      GRAPHRUN_TRY(store(i, *found[i], scales_of(file, *found[i])));
  }
  touch();
  return any_state;
} catch (...) {
  return core::caught();
}

bool Weights::differs_in_classes(const Item& item, const NamedTensor& tensor) const {
  const Shape& shape = tensor.desc.shape;
  if (!in_checkpoint(item.kind) || shape.rank() != item.shape.rank() || !is_real(tensor.desc.dtype))
    return false;
  bool differs = false;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == item.shape[axis]) continue;
    if (!item.of_classes[static_cast<std::size_t>(axis)]) return false;
    differs = true;
  }
  return differs;
}

Result<Initialisation> Weights::load_but_classes(const TensorFile& file) try {
  if (!writable_) return {ErrorCode::internal, "load_but_classes() into weights that are mapped from a file"};
  Initialisation result;
  std::vector<Difference> differences;
  std::vector<std::pair<std::size_t, const NamedTensor*>> taken;
  std::vector<std::string_view> known;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const Item& item = items_[i];
    known.push_back(item.name);
    if (!in_checkpoint(item.kind)) continue;
    const NamedTensor* tensor = file.find(item.name);
    if (tensor != nullptr && tensor->desc.shape == item.shape && is_usable(file, *tensor)) {
      taken.emplace_back(i, tensor);
    } else if (tensor != nullptr && differs_in_classes(item, *tensor)) {
      result.fresh.push_back({item.name, to_string(tensor->desc.shape), to_string(item.shape)});
    } else {
      differences.push_back(difference_of(item, tensor, file));
    }
  }
  add_unexpected(file, std::move(known), differences);
  if (!differences.empty()) return describe_differences(std::move(differences));
  for (const auto& [index, tensor] : taken) GRAPHRUN_TRY(store(index, *tensor, scales_of(file, *tensor)));
  result.taken = taken.size();
  touch();
  return result;
} catch (...) {
  return core::caught();
}

Result<std::vector<std::string>> Weights::load_some(
    std::span<const NamedTensor> tensors, const std::function<std::string(std::string_view)>& rename) try {
  if (!writable_) return {ErrorCode::internal, "load_some() into weights that are mapped from a file"};
  std::vector<std::pair<std::size_t, const NamedTensor*>> taken;
  std::vector<Difference> differences;
  for (const NamedTensor& tensor : tensors) {
    const std::string name = rename(tensor.name);
    if (name.empty()) continue;
    const auto item = std::ranges::find(items_, name, &Item::name);
    if (item == items_.end() || !in_checkpoint(item->kind)) continue;
    if (!(tensor.desc.shape == item->shape) || !is_real(tensor.desc.dtype)) {
      const std::string both = tensor.name == name ? name : tensor.name + " -> " + name;
      differences.push_back({Difference::Kind::shape, both, to_string(item->shape), file_shape(tensor)});
    }
    taken.emplace_back(static_cast<std::size_t>(item - items_.begin()), &tensor);
  }
  if (!differences.empty()) return describe_differences(std::move(differences));
  std::vector<std::string> names;
  for (const auto& [index, tensor] : taken) {
    GRAPHRUN_TRY(store(index, *tensor));
    names.push_back(items_[index].name);
  }
  touch();
  return names;
} catch (...) {
  return core::caught();
}

Result<std::vector<NamedTensor>> Weights::snapshot(bool with_optimizer_state,
                                                   std::vector<std::byte>& storage) const try {
  GRAPHRUN_TRY(make_all_wide());
  const auto wanted = [&](std::size_t i) {
    const VariableKind kind = items_[i].kind;
    return variable(i).data != nullptr &&
           (in_checkpoint(kind) || (with_optimizer_state && kind == VariableKind::optimizer_state));
  };
  if (!backend_->is_host()) {
    std::int64_t bytes = 0;
    for (std::size_t i = 0; i < items_.size(); ++i)
      bytes += wanted(i) ? core::whole_lines(views_[i].desc.bytes()) : 0;
    storage.resize(static_cast<std::size_t>(bytes));
  }
  std::vector<NamedTensor> tensors;
  std::byte* free_memory = storage.data();
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (!wanted(i)) continue;
    const std::int64_t bytes = views_[i].desc.bytes();
    const void* data = variable(i).data;
    if (!backend_->is_host()) {
      GRAPHRUN_TRY(backend_->copy_to_host(free_memory, data, bytes));
      data = free_memory;
      free_memory += core::whole_lines(bytes);
    }
    tensors.push_back({items_[i].name,
                       views_[i].desc,
                       {static_cast<const std::byte*>(data), static_cast<std::size_t>(bytes)}});
  }
  return tensors;
} catch (...) {
  return core::caught();
}

Result<std::vector<const void*>> Weights::packed(std::span<const PackedWeights> forms) {
  return packed_.get(forms, version(), *backend_, [this](std::span<const TensorView> inputs) {
    if (file_ == nullptr || !backend_->is_host()) return;
    for (const TensorView& input : inputs)
      file_->release({input.as<const std::byte>(), static_cast<std::size_t>(input.desc.bytes())});
  });
}

// What tells apart the tensors that were taken of a file, and how their values were looked at.
std::string Weights::selection(const Found& found) const {
  std::uint64_t hash = core::kHashStart;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (found.tensors[i] == nullptr || !in_checkpoint(items_[i].kind)) continue;
    const NamedTensor& tensor = *found.tensors[i];
    const std::string_view checked = items_[i].not_negative ? "not negative" : "finite";
    for (const std::string_view text :
         {std::string_view(items_[i].name), to_string(tensor.desc.dtype), checked})
      hash = core::hash_of(text, hash);
    hash = core::hash_of(file_->place_of(tensor), hash);
  }
  return std::to_string(hash);
}

// Whether there are forms to be mapped.
bool Weights::open_kept(const PackedWeightsFolder& kept, const Found& found) {
  const std::string maker = backend_->packing_identity();
  if (maker.empty() || kept.keeps_nothing()) return false;
  const std::string tensors = selection(found);
  kept_path_ = kept.path_for(maker, tensors);
  if (kept_path_.empty()) return false;
  kept_identity_ = maker + " of " + file_->identity() + ", tensors " + tensors;
  const Status status = packed_.open(kept_path_, kept_identity_, version());
  if (!status.ok()) {
    if (status.code() != ErrorCode::not_found) kept_note_ = "weights are prepared anew: " + status.message();
    return false;
  }
  PackedWeightsFolder::was_used(kept_path_);
  return true;
}

Status Weights::save_packed() const try {
  if (kept_path_.empty()) return {};
  GRAPHRUN_TRY(
      packed_.keep(kept_path_, kept_identity_, version()).with_context("prepared weights are not kept"));
  PackedWeightsFolder::was_written(kept_path_);
  return {};
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::weights
