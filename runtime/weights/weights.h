#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "runtime/model/backend.h"
#include "runtime/model/program.h"
#include "runtime/weights/difference.h"
#include "runtime/weights/packed_weights.h"
#include "runtime/weights/packed_weights_folder.h"
#include "runtime/weights/quantised.h"
#include "runtime/weights/tensor_file.h"
#include "runtime/weights/wide_copies.h"

namespace graphrun::weights {

// Before the name of what training goes on with, in checkpoints where a parameter's own name has an average.
inline constexpr std::string_view kTrainedPrefix = "trained:";

// What a network began with.
struct Initialisation {
  std::size_t taken = 0;  // variables that have the file's values
  struct Fresh {
    std::string name;
    std::string file;  // shape there
    std::string model;
  };
  std::vector<Fresh> fresh;  // that keep their own
};

// `choice` with the names that the program knows, those of the optimiser's state among them.
TensorChoice choice_for(const model::Program& program, TensorChoice choice = {});

// The values of a program's parameters and buffers (and, for training, of the optimiser's state) on one
// device, with the forms of them that kernels prepared. Shared by all sessions of a program; reading is
// thread-safe, writing (training, load) needs that no session runs meanwhile.
class Weights {
 public:
  // For inference: tensors are used where the file maps them (host devices) and never copied or written.
  // Strict: every missing, unexpected or wrongly shaped tensor is in the error, and nothing is loaded then;
  // what inference does not read may be missing. Errors: values that are not finite, negative variances.
  // For a quick start: forms that save_packed() of an earlier process has written to `kept` are mapped
  // instead of computed. They count for the same tensors of the same weights file (told apart by place and
  // times, not by content), the same build, CPU and library, and where the file is this user's alone; the
  // values of those tensors were looked at then, and are not again.
  static Result<std::shared_ptr<Weights>> map(const model::Program& program,
                                              std::shared_ptr<const TensorFile> file,
                                              std::shared_ptr<model::Backend> backend,
                                              const PackedWeightsFolder& kept = {});
  // For training and random starts: own memory, parameters first, then buffers, then optimiser state, each
  // kind, and each of the optimiser's states, one contiguous range in the order of the model. Drawn from the
  // model's initialisers, keyed by seed and variable name. Optimiser state for which `holds` (by index of
  // Model::variables; empty: all) says no gets no memory: it is another rank's.
  static Result<std::shared_ptr<Weights>> initialise(const model::Program& program, std::uint64_t seed,
                                                     std::shared_ptr<model::Backend> backend,
                                                     const std::vector<bool>& holds = {});

  // Precondition: from initialise(). Overwrites parameters and buffers strictly as map() does; optimiser
  // state is taken too where the file has all of it, and left alone where it has none. Returns whether it was
  // taken.
  Result<bool> load(const TensorFile& file);
  // To begin with weights of a network that told other classes apart: as load(), without optimiser state, but
  // a variable whose shape differs in extents that depend on the graph parameter "classes" alone keeps its
  // values. Anything else is the error that it is for load().
  Result<Initialisation> load_but_classes(const TensorFile& file);
  // Loads what a file has under the names that `rename` gives (empty: not wanted), and no more:
  // backbones. Returns the names of the variables that were taken. A tensor of another shape is an error.
  Result<std::vector<std::string>> load_some(std::span<const NamedTensor> tensors,
                                             const std::function<std::string(std::string_view)>& rename);
  Result<std::vector<std::string>> load_some(const TensorFile& file,
                                             const std::function<std::string(std::string_view)>& rename) {
    return load_some(file.tensors(), rename);
  }

  // A variable's memory; data is null for gradients, which belong to training sessions, for optimiser state
  // in weights from map(), for state that another rank holds, and for what map() found in s8 before
  // make_wide(). Index of Model::variables.
  const TensorView& variable(std::size_t index) const {
    return is_narrow(index) ? wide_copies_->view(index) : views_[index];
  }
  // Gives those of these variables that map() found in s8 memory in f32, which stays. Others have theirs.
  Status make_wide(std::span<const std::size_t> variables) const;
  Status make_all_wide() const;
  // Where map() found them quantised: what of the network can be stored in 8 bits, and a weight in s8 with
  // its scales.
  const QuantisedValues& quantised() const { return quantised_; }
  const TensorView& eight_bits(std::size_t index) const { return narrow_[index]; }
  // For whoever quantises: from now on as if map() had found these, by variable (without values: none),
  // beside what variable() has. Precondition: no session runs, and each has the extents of its variable.
  void quantise(std::shared_ptr<const std::vector<EightBitTensor>> tensors, ActivationScales activations);
  bool writable() const { return writable_; }
  // Bytes of memory that the variables have here, prepared forms and mapped files apart.
  std::int64_t bytes() const;
  // Host views of parameters and buffers, and the optimiser state here if asked for: what a checkpoint holds.
  // They view memory of the weights on host devices, else memory that `storage` owns.
  Result<std::vector<NamedTensor>> snapshot(bool with_optimizer_state, std::vector<std::byte>& storage) const;

  // Grows whenever values changed; whoever writes calls touch().
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  void touch() { version_.fetch_add(1, std::memory_order_acq_rel); }

  // Memory of each form, computed for the current version where it is not there yet, several at once. It
  // stays valid while the weights live. Memory of a mapped file that a form was made of is given back.
  Result<std::vector<const void*>> packed(std::span<const PackedWeights> forms);

  // Keeps the forms of all sessions there were in the folder that map() was given, whole or not at all, and
  // readable by this user alone: as large as what they take in memory, or twice that with forms that the file
  // had for others. Nothing where there is no folder or map() had found them all. A session that is made or
  // refreshed meanwhile waits for the disk. Errors: the disk's; they say that nothing was kept.
  Status save_packed() const;
  // Why forms that an earlier process kept are of no use; empty: nothing to say.
  const std::string& kept_note() const { return kept_note_; }

  // What is worth knowing of what map() found in the file; empty: nothing.
  const std::string& note() const { return note_; }
  const std::shared_ptr<model::Backend>& backend() const { return backend_; }

 private:
  struct Item {
    std::string name;
    VariableKind kind;
    Shape shape;
    std::int32_t of;  // Variable::of
    bool not_negative;
    std::vector<bool> of_classes;  // by axis: its extent depends on the number of classes
  };
  // By variable, tensors of a file; null: it has none.
  struct Found {
    std::vector<const NamedTensor*> tensors;
    std::string note;
  };
  Weights(const model::Program& program, std::shared_ptr<model::Backend> backend);
  Result<Found> match(const TensorFile& file, const std::vector<bool>& needed = {}) const;
  static Difference difference_of(const Item& item, const NamedTensor* tensor, const TensorFile& file);
  bool differs_in_classes(const Item& item, const NamedTensor& tensor) const;
  Status check_mapped(const TensorFile& file) const;
  Status check_types() const;
  Status allocate(const std::vector<bool>& holds);
  Status store(std::size_t index, const NamedTensor& tensor, const float* scales = nullptr);
  Status read_quantised(const TensorFile& file, const Found& found, const model::Model& model);
  Status check_narrow(const TensorFile& file, const Found& found) const;
  bool is_narrow(std::size_t index) const { return wide_copies_ != nullptr && wide_copies_->has(index); }
  std::string selection(const Found& found) const;
  bool open_kept(const PackedWeightsFolder& kept, const Found& found);

  std::shared_ptr<model::Backend> backend_;
  std::vector<Item> items_;
  std::vector<TensorView> views_;
  QuantisedValues quantised_;
  std::vector<TensorView> narrow_;  // by variable; empty: no file with tensors in s8 is mapped
  std::shared_ptr<const std::vector<EightBitTensor>> narrow_memory_;  // of quantise()
  std::unique_ptr<WideCopies> wide_copies_;  // of what map() found in s8; null: nothing
  std::vector<std::unique_ptr<model::Buffer>> buffers_;
  std::shared_ptr<const TensorFile> file_;
  std::string note_;
  bool writable_ = false;
  std::atomic<std::uint64_t> version_{1};
  PackedWeightsCache packed_;
  std::string kept_path_;      // of the forms from process to process; empty: they are not kept
  std::string kept_identity_;  // all that forms depend on besides their keys
  std::string kept_note_;
};

}  // namespace graphrun::weights
