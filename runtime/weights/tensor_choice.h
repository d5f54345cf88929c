#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/status.h"

// Which of a file's tensors are the weights, and what they are called. Files of trainers hold them in
// dictionaries of many names ("state_dict", "model", ...), beside averages of them and the optimiser's state,
// and under names with a wrapper's prefix ("module.", "_orig_mod.", "model.", ...).
namespace graphrun::weights {

struct TensorChoice {
  std::string key;    // of the dictionary, as "model" or "ema.state_dict"; empty: the one that fits
  std::string strip;  // prefix of the names to take, which is dropped; empty: the one that fits
  // Whether the model has a variable of this name. Empty: no model is known, and names stay but for wrappers.
  std::function<bool(std::string_view)> wants;
  // The model's name of a tensor that another implementation calls otherwise; empty text: it has none, and
  // the name stays. `wants` is asked for names before this.
  std::function<std::string(std::string_view)> rename{};
};

// A dictionary of a file in which tensors stand.
struct TensorNest {
  std::vector<std::string> keys;        // ways to it from the root, the first one first; "": the root itself
  std::vector<std::string_view> names;  // of its tensors
  std::vector<std::uint32_t> tensors;   // what tells two tensors apart, in the order of names
};

struct ChosenTensors {
  std::size_t nest = 0;
  std::string prefix;  // of the names to take
  std::string note;    // what is worth knowing of the choice; empty: nothing
};

// Errors: a key or prefix that the file has not; several sets of tensors that fit alike: they are listed with
// the options that choose one. Precondition: there are nests.
Result<ChosenTensors> choose_tensors(std::span<const TensorNest> nests, const TensorChoice& choice);

// The name under which a tensor is known: without the chosen prefix and the wrappers' ones ("module.", ...).
// Nothing for tensors that are not taken: others than the prefix's, "num_batches_tracked" counters and
// "criterion.*".
std::optional<std::string> chosen_name(std::string_view name, const ChosenTensors& chosen,
                                       const TensorChoice& choice);

// The name without leading wrappers; nothing for counters and "criterion.*". The result views `name`.
std::optional<std::string_view> canonical_name(std::string_view name);

}  // namespace graphrun::weights
