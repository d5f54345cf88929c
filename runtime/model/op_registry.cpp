#include "graphrun/kernel/op_library.h"

#include <algorithm>
#include <map>
#include <string>

namespace graphrun {
namespace {

std::string_view name_of(const OpDef* def) { return def->name; }

Status check_op(const OpDef* def, const OpLibrary& library) {
  const std::string where = "op library " + std::string(library.name);
  if (def == nullptr || def->name.empty())
    return {ErrorCode::invalid_argument, where + ": an op without a name"};
  if (def->infer != nullptr) return {};
  return {ErrorCode::invalid_argument,
          where + ": the op " + std::string(def->name) + " has no infer function"};
}

}  // namespace

Result<OpRegistry> OpRegistry::make(OpLibraries libraries) {
  std::map<std::string_view, const OpLibrary*> known;
  std::vector<const OpDef*> all;
  for (const auto& library : libraries) {
    for (const OpDef* def : library->ops) {
      GRAPHRUN_TRY(check_op(def, *library));
      const auto [found, is_new] = known.emplace(def->name, library.get());
      if (!is_new) {
        return {ErrorCode::invalid_argument,
                "the op " + std::string(def->name) + " is in two op libraries, " +
                    std::string(found->second->name) + " and " + std::string(library->name)};
      }
      const auto same_role = [def](const OpDef* other) { return other->role == def->role; };
      if (def->role != OpRole::none && std::ranges::any_of(all, same_role)) {
        return {ErrorCode::invalid_argument, "op library " + std::string(library->name) + ": the op " +
                                                 std::string(def->name) + " has a role that another op has"};
      }
      all.push_back(def);
    }
  }
  OpRegistry registry(std::move(all));
  registry.libraries_ = std::move(libraries);
  return registry;
}

const OpLibrary* OpRegistry::library_of(std::string_view op) const {
  for (const auto& library : libraries_) {
    if (std::ranges::find(library->ops, op, name_of) != library->ops.end()) return library.get();
  }
  return nullptr;
}

}  // namespace graphrun
