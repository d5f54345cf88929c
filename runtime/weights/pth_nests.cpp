#include "runtime/weights/pth_nests.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

#include "runtime/weights/tensor_table.h"

namespace graphrun::weights {
namespace {

constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxNests = 1000;
constexpr std::size_t kMaxKeys = 8;  // ways to one dictionary
constexpr std::size_t kMaxKey = 200;
constexpr std::size_t kMaxName = 1024;  // TensorTable takes no longer ones

bool has_entries(const PickleObject& object) {
  return object.kind == PickleKind::dict || object.kind == PickleKind::inert;
}
bool is_tensor(const PickleObject& object) {
  return object.kind == PickleKind::tensor || object.kind == PickleKind::other_tensor;
}

// torch.nn.Module keeps its parts in these attributes.
bool is_module(const Pickle& pickle, const PickleObject& object) {
  return object.kind == PickleKind::inert && pickle.find(object, "_modules") != nullptr &&
         pickle.find(object, "_parameters") != nullptr;
}

std::string class_of(const PickleObject& object) {
  return quoted(std::string(object.module) + (object.module.empty() ? "" : ".") + std::string(object.text));
}

class Walk {
 public:
  explicit Walk(const Pickle& pickle) : pickle_(pickle), seen_(pickle.objects.size(), false) {}

  std::vector<TensorNest> run() {
    enter(pickle_.root, -1, {});
    for (std::size_t next = 0; next < places_.size(); ++next) visit(next);
    return std::move(nests_);
  }

 private:
  // A container, and the way to it.
  struct Place {
    PickleId id = 0;
    std::int32_t parent = -1;
    std::int32_t depth = 0;
    std::string_view key;      // of a dictionary's entry
    std::size_t index = kKey;  // of an element of a list
    std::string step() const {
      return index == kKey ? std::string(key.substr(0, kMaxKey)) : std::to_string(index);
    }
  };
  static constexpr std::size_t kKey = std::numeric_limits<std::size_t>::max();

  std::string way(std::size_t place) const {
    std::string text = places_[place].step();
    for (std::int32_t at = places_[place].parent; at > 0; at = places_[static_cast<std::size_t>(at)].parent)
      text.insert(0, ".").insert(0, places_[static_cast<std::size_t>(at)].step());
    return text.substr(0, kMaxKey);
  }

  void enter(PickleId id, std::int32_t parent, std::string_view key, std::size_t index = kKey) {
    const std::int32_t depth = parent < 0 ? 0 : places_[static_cast<std::size_t>(parent)].depth + 1;
    if (depth > kMaxDepth) return;
    const auto known = nest_of_.find(id);
    if (seen_[id] && (known == nest_of_.end() || nests_[known->second].keys.size() >= kMaxKeys)) return;
    places_.push_back({id, parent, depth, key, index});
    if (known != nest_of_.end()) {
      nests_[known->second].keys.push_back(way(places_.size() - 1));
      places_.pop_back();
    }
    seen_[id] = true;
  }

  void visit(std::size_t index) {
    const PickleObject& object = pickle_[places_[index].id];
    const auto parent = static_cast<std::int32_t>(index);
    if (object.kind == PickleKind::list || object.kind == PickleKind::tuple) {
      for (std::size_t i = 0; i < object.items.size(); ++i) {
        if (is_container(pickle_[object.items[i]])) enter(object.items[i], parent, {}, i);
      }
      return;
    }
    if (is_module(pickle_, object)) return;
    TensorNest nest = tensors_of(object);
    if (!nest.names.empty() && nests_.size() < kMaxNests) {
      nest.keys.push_back(way(index));
      nest_of_[places_[index].id] = nests_.size();
      nests_.push_back(std::move(nest));
    }
    for (std::size_t i = 0; i + 1 < object.items.size(); i += 2) {
      const PickleObject& key = pickle_[object.items[i]];
      if (key.kind == PickleKind::text && is_container(pickle_[object.items[i + 1]]))
        enter(object.items[i + 1], parent, key.text);
    }
  }

  // The last one of several entries of one key counts, in the place of the first.
  TensorNest tensors_of(const PickleObject& dict) const {
    std::vector<std::pair<std::string_view, PickleId>> entries;
    std::unordered_map<std::string_view, std::size_t> known;
    for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const PickleObject& key = pickle_[dict.items[i]];
      if (key.kind != PickleKind::text) continue;
      // Names that are longer are an error later on; comparing them in full would take long here.
      const auto [place, added] = known.emplace(key.text.substr(0, kMaxName + 1), entries.size());
      if (added) entries.emplace_back(key.text, PickleId{});
      entries[place->second].second = dict.items[i + 1];
    }
    TensorNest nest;
    for (const auto& [name, value] : entries) {
      if (!is_tensor(pickle_[value])) continue;
      nest.names.push_back(name);
      nest.tensors.push_back(value);
    }
    return nest;
  }

  static bool is_container(const PickleObject& object) {
    return has_entries(object) || object.kind == PickleKind::list || object.kind == PickleKind::tuple;
  }

  const Pickle& pickle_;
  std::vector<bool> seen_;
  std::vector<Place> places_;
  std::vector<TensorNest> nests_;
  std::unordered_map<PickleId, std::size_t> nest_of_;
};

constexpr const char* kSaveStateDict =
    "; a program that has the network's code can save its weights: torch.save(torch.load(FILE, "
    "weights_only=False)";

// The key of the first entry for which `is` holds.
template <class Is>
std::optional<std::string_view> key_where(const Pickle& pickle, const PickleObject& dict, const Is& is) {
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    if (pickle[dict.items[i]].kind == PickleKind::text && is(pickle[dict.items[i + 1]]))
      return pickle[dict.items[i]].text;
  }
  return std::nullopt;
}

std::string keys_of(const Pickle& pickle, const PickleObject& dict) {
  constexpr std::size_t kShown = 8;
  std::string keys;
  for (std::size_t i = 0; i + 1 < dict.items.size() && i < 2 * kShown; i += 2) {
    const PickleObject& key = pickle[dict.items[i]];
    if (!keys.empty()) keys += ", ";
    keys += key.kind == PickleKind::integer ? std::to_string(key.integer) : quoted(key.text);
  }
  return keys;
}

bool is_array(const PickleObject& object) {
  return object.kind == PickleKind::inert && object.module.starts_with("numpy");
}

}  // namespace

std::vector<TensorNest> pth_nests(const Pickle& pickle) { return Walk(pickle).run(); }

std::string describe_without_tensors(const Pickle& pickle) {
  const PickleObject& root = pickle[pickle.root];
  if (is_module(pickle, root)) {
    return "the file is a whole model, an object of the class " + class_of(root) +
           ", as torch.save(model) writes it, and no state_dict" + kSaveStateDict +
           ".state_dict(), 'weights.pth')";
  }
  if (is_tensor(root)) return "the file is a single tensor without a name, not a state_dict";
  if (root.kind == PickleKind::list || root.kind == PickleKind::tuple) {
    const bool tensors = std::ranges::any_of(root.items, [&](PickleId id) { return is_tensor(pickle[id]); });
    return tensors ? "the file is a list of tensors without names, not a state_dict: save model.state_dict()"
                   : "the file is a list without a state_dict in it";
  }
  if (root.kind == PickleKind::inert && !root.text.empty())
    return "the file is an object of the class " + class_of(root) + " without a state_dict in it";
  if (!has_entries(root)) return "the checkpoint is not a dictionary of tensors";
  if (root.items.empty()) return "the checkpoint is an empty dictionary";
  const auto module =
      key_where(pickle, root, [&](const PickleObject& value) { return is_module(pickle, value); });
  if (module) {
    const std::string key = quoted(*module);
    return "the entry " + key + " of the checkpoint is a whole model, an object of the class " +
           class_of(*pickle.find(root, *module)) + ", and no state_dict" + kSaveStateDict + "[" + key +
           "].state_dict(), 'weights.pth')";
  }
  if (key_where(pickle, root, is_array))
    return "the checkpoint holds arrays of NumPy, not tensors: save them with torch.from_numpy()";
  for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
    if (is_tensor(pickle[root.items[i + 1]]))
      return "the checkpoint's tensors have no names, but keys like " + keys_of(pickle, root) +
             ": save model.state_dict()";
  }
  return "no tensors in the checkpoint; its entries are " + keys_of(pickle, root);
}

}  // namespace graphrun::weights
