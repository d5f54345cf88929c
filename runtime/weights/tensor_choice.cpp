#include "runtime/weights/tensor_choice.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <utility>

#include "runtime/weights/tensor_table.h"

namespace graphrun::weights {
namespace {

// Parts of names that wrappers of a network put into its tensors' names: DataParallel and
// DistributedDataParallel, torch.compile, FullyShardedDataParallel, activation checkpointing, DeepSpeed.
constexpr std::array<std::string_view, 6> kWrappers{
    "module",          "_orig_mod",  "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
    "_forward_module", "_dpp_module"};
constexpr std::size_t kMaxName = 1024;  // TensorTable takes no longer ones
constexpr std::size_t kMaxParts = 24;   // of a prefix

bool is_wrapper(std::string_view part) { return std::ranges::find(kWrappers, part) != kWrappers.end(); }

std::string_view without_leading_wrappers(std::string_view name) {
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos && is_wrapper(name.substr(0, dot));
       dot = name.find('.')) {
    name.remove_prefix(dot + 1);
  }
  return name;
}

std::string without_wrappers(std::string_view name) {
  std::string kept;
  while (!name.empty()) {
    const std::size_t end = std::min(name.find('.'), name.size());
    const std::string_view part = name.substr(0, end);
    if (!is_wrapper(part)) kept.append(kept.empty() ? "" : ".").append(part);
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return kept;
}

// Without wrappers, as far as the model's own names have none of these parts.
std::string unwrapped(std::string_view name, const TensorChoice& choice) {
  const std::string_view leading = without_leading_wrappers(name);
  if (!choice.wants) return std::string(leading);
  if (choice.wants(name)) return std::string(name);
  if (choice.wants(leading)) return std::string(leading);
  std::string inner = without_wrappers(leading);
  return inner.size() < leading.size() && choice.wants(inner) ? inner : std::string(leading);
}

// Names of trainers for what is no network's present weights: averages of them, and what optimisers hold.
bool is_secondary(std::string_view place) {
  constexpr std::array<std::string_view, 8> kWords{"swa",    "avg",    "averaged", "average",
                                                   "shadow", "polyak", "grad",     "grads"};
  std::string word;
  for (std::size_t i = 0; i <= place.size(); ++i) {
    const char c = i < place.size() ? place[i] : '.';
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      continue;
    }
    if (word.starts_with("ema") || word.ends_with("ema") || word.starts_with("optim") ||
        std::ranges::find(kWords, word) != kWords.end())
      return true;
    word.clear();
  }
  return false;
}

// Tensors of one dictionary under one prefix.
struct Candidate {
  std::size_t nest = 0;
  std::string prefix;
  std::set<std::string> found;         // the model's names
  std::vector<std::uint32_t> tensors;  // these
  bool secondary = false;
};

// The options that choose it, with what they choose.
std::string options_of(const TensorNest& nest, const Candidate& candidate, bool several_nests) {
  std::string text;
  if (several_nests && !nest.keys[0].empty()) text = "--key " + nest.keys[0];
  if (!candidate.prefix.empty()) text += (text.empty() ? "" : " ") + ("--strip " + candidate.prefix);
  return text.empty() ? "(the names at the top)" : text;
}

std::string list_of(std::span<const TensorNest> nests, const std::vector<const Candidate*>& candidates) {
  constexpr std::size_t kShown = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(candidates.size(), kShown); ++i) {
    const Candidate& one = *candidates[i];
    text += "\n  " + options_of(nests[one.nest], one, nests.size() > 1) + ": " +
            std::to_string(one.found.empty() ? nests[one.nest].names.size() : one.found.size()) + " tensors";
  }
  if (candidates.size() > kShown)
    text += "\n  ... and " + std::to_string(candidates.size() - kShown) + " more";
  return text;
}

// All ways to find names of the model in a dictionary.
void add_candidates(std::size_t index, const TensorNest& nest, const TensorChoice& choice,
                    std::vector<Candidate>& all) {
  std::map<std::string, Candidate, std::less<>> by_prefix;
  for (std::size_t i = 0; i < nest.names.size(); ++i) {
    const std::string_view name = nest.names[i];
    if (name.size() > kMaxName) continue;
    std::size_t begin = 0;
    for (std::size_t part = 0; part < kMaxParts && begin < name.size(); ++part) {
      std::string known = unwrapped(name.substr(begin), choice);
      if (choice.wants(known)) {
        Candidate& candidate = by_prefix[std::string(name.substr(0, begin))];
        if (candidate.found.insert(std::move(known)).second) candidate.tensors.push_back(nest.tensors[i]);
        break;
      }
      const std::size_t dot = name.find('.', begin);
      if (dot == std::string_view::npos) break;
      begin = dot + 1;
    }
  }
  for (auto& [prefix, candidate] : by_prefix) {
    if (!choice.strip.empty() && prefix != choice.strip) continue;
    candidate.nest = index;
    candidate.prefix = prefix;
    candidate.secondary = is_secondary(nest.keys[0]) || is_secondary(prefix);
    all.push_back(std::move(candidate));
  }
}

bool has_prefix(const TensorNest& nest, std::string_view prefix) {
  return std::ranges::any_of(nest.names, [&](std::string_view name) { return name.starts_with(prefix); });
}

// Without a model, or where nothing in the file has a name of it: the dictionary that is usually meant.
Result<ChosenTensors> usual_one(std::span<const TensorNest> nests, const TensorChoice& choice) {
  constexpr std::array<std::string_view, 9> kUsual{
      "state_dict", "model", "model_state_dict", "net", "model_state", "network", "params", "module", ""};
  std::vector<Candidate> all;
  for (std::size_t i = 0; i < nests.size(); ++i) {
    if (!has_prefix(nests[i], choice.strip)) continue;
    all.push_back({i, choice.strip, {}, nests[i].tensors, is_secondary(nests[i].keys[0])});
  }
  std::vector<const Candidate*> primary;
  std::vector<const Candidate*> listed;
  for (const Candidate& one : all) {
    if (!one.secondary) primary.push_back(&one);
    listed.push_back(&one);
  }
  if (primary.size() == 1) return ChosenTensors{primary[0]->nest, choice.strip, {}};
  if (listed.size() == 1) return ChosenTensors{listed[0]->nest, choice.strip, {}};
  for (const std::string_view usual : kUsual) {
    for (const Candidate* one : primary) {
      const std::string& key = nests[one->nest].keys[0];
      const bool below = !usual.empty() && key.starts_with(usual) && key[usual.size()] == '.';
      if (key == usual || below) return ChosenTensors{one->nest, choice.strip, {}};
    }
  }
  return {ErrorCode::invalid_argument, "the file has several sets of tensors; choose one:" +
                                           list_of(nests, primary.empty() ? listed : primary)};
}

// Chooses, where several fit best, the one that is no average, if there is one.
Result<ChosenTensors> best_of(std::span<const TensorNest> nests, const TensorChoice& choice,
                              const std::vector<Candidate>& all) {
  std::size_t most = 0;
  for (const Candidate& one : all) most = std::max(most, one.found.size());
  std::vector<const Candidate*> primary;
  std::vector<const Candidate*> secondary;
  for (const Candidate& one : all) {
    if (one.found.size() == most) (one.secondary ? secondary : primary).push_back(&one);
  }
  const std::vector<const Candidate*>& fitting = primary.empty() ? secondary : primary;
  for (const Candidate* other : fitting) {
    if (other->tensors == fitting[0]->tensors && other->found == fitting[0]->found) continue;
    return {ErrorCode::invalid_argument,
            "several sets of tensors in the file fit the model; choose one:" + list_of(nests, fitting)};
  }
  const Candidate& best = *fitting[0];
  // A few names that coincide are no reason to leave all others out.
  const auto below = static_cast<std::size_t>(std::ranges::count_if(
      nests[best.nest].names, [&](std::string_view name) { return name.starts_with(best.prefix); }));
  if (!best.prefix.empty() && choice.strip.empty() && 2 * most < below) return usual_one(nests, choice);
  ChosenTensors chosen{best.nest, best.prefix, {}};
  if (!primary.empty() && !secondary.empty()) {
    chosen.note = "the file has averages of the weights too, which are not taken; to take them:" +
                  list_of(nests, secondary);
  } else if (nests.size() > 1 || !best.prefix.empty()) {
    chosen.note = "weights taken as with " + options_of(nests[best.nest], best, nests.size() > 1);
  }
  return chosen;
}

// The dictionaries that --key means.
Result<std::vector<std::size_t>> named_nests(std::span<const TensorNest> nests, const std::string& key) {
  std::vector<std::size_t> exact;
  std::vector<std::size_t> last;
  std::string known;
  for (std::size_t i = 0; i < nests.size(); ++i) {
    bool is_exact = false;
    bool is_last = false;
    for (const std::string& way : nests[i].keys) {
      is_exact = is_exact || way == key;
      is_last = is_last || way.ends_with("." + key) || way.starts_with(key + ".");
    }
    if (is_exact) exact.push_back(i);
    if (is_last) last.push_back(i);
    known += (known.empty() ? "" : ", ") + quoted(nests[i].keys[0]);
  }
  if (!exact.empty()) return exact;
  if (!last.empty()) return last;
  return {ErrorCode::invalid_argument,
          "--key " + key + ": no tensors are under this key; there are some under " + known};
}

}  // namespace

std::optional<std::string_view> canonical_name(std::string_view name) {
  constexpr std::string_view kCounter = "num_batches_tracked";
  name = without_leading_wrappers(name);
  if (name.starts_with("criterion.")) return std::nullopt;
  if (name == kCounter || name.ends_with(".num_batches_tracked")) return std::nullopt;
  return name;
}

std::optional<std::string> chosen_name(std::string_view name, const ChosenTensors& chosen,
                                       const TensorChoice& choice) {
  if (!name.starts_with(chosen.prefix)) return std::nullopt;
  name.remove_prefix(chosen.prefix.size());
  if (!canonical_name(name)) return std::nullopt;
  std::string known(unwrapped(name, choice));
  if (!choice.rename) return known;
  std::string renamed = choice.rename(known);
  return renamed.empty() ? known : renamed;
}

Result<ChosenTensors> choose_tensors(std::span<const TensorNest> nests, const TensorChoice& choice) {
  // "student" for "student."
  if (!choice.strip.empty() && !choice.strip.ends_with('.')) {
    TensorChoice dotted = choice;
    dotted.strip += '.';
    const auto has_dotted = [&](const TensorNest& nest) { return has_prefix(nest, dotted.strip); };
    if (std::ranges::any_of(nests, has_dotted)) return choose_tensors(nests, dotted);
  }
  std::vector<TensorNest> named;
  if (!choice.key.empty()) {
    GRAPHRUN_ASSIGN(const std::vector<std::size_t> indices, named_nests(nests, choice.key));
    for (const std::size_t index : indices) named.push_back(nests[index]);
    TensorChoice of_named = choice;
    of_named.key.clear();
    GRAPHRUN_ASSIGN(ChosenTensors chosen, choose_tensors(named, of_named));
    chosen.nest = indices[chosen.nest];
    chosen.note.clear();
    return chosen;
  }
  if (!choice.strip.empty() &&
      std::ranges::none_of(nests, [&](const TensorNest& nest) { return has_prefix(nest, choice.strip); })) {
    return {ErrorCode::invalid_argument, "--strip " + choice.strip +
                                             ": no name begins with this; one of them is " +
                                             quoted(nests[0].names[0])};
  }
  std::vector<Candidate> all;
  for (std::size_t i = 0; choice.wants && i < nests.size(); ++i) add_candidates(i, nests[i], choice, all);
  if (all.empty()) return usual_one(nests, choice);
  return best_of(nests, choice, all);
}

}  // namespace graphrun::weights
