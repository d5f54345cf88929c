#include "runtime/model/required_ops.h"

#include <map>
#include <set>

#include "runtime/model/validate_method.h"

namespace graphrun::model {
namespace {

Status missing(const RequiredOps& required, const std::string& op, const std::string& instead) {
  return {ErrorCode::unsupported,
          "the op \"" + op + "\" comes from the op library \"" + required.library + "\"" +
              (required.version.empty() ? "" : " " + required.version) + ", which was not given" + instead +
              ": name its file with --ops, or give it in the field `ops` of a program's options"};
}

Status check_op(const RequiredOps& required, const std::string& op, const OpRegistry& registry) {
  GRAPHRUN_TRY(check_name(op).with_context("op library " + required.library));
  if (registry.find(op) == nullptr) return missing(required, op, "");
  // Null where ops were given without a library, as a test does.
  const OpLibrary* const library = registry.library_of(op);
  if (library == nullptr || library->name == required.library) return {};
  return missing(required, op, " (\"" + std::string(library->name) + "\" has an op of that name)");
}

}  // namespace

Status check_libraries(const OpLibraries& libraries) {
  for (const auto& library : libraries) {
    if (library == nullptr) return {ErrorCode::invalid_argument, "an op library is null"};
    if (library->name.empty()) return {ErrorCode::invalid_argument, "an op library without a name"};
    if (library->name == kOwnOps)
      return {ErrorCode::invalid_argument,
              "an op library calls itself " + std::string(kOwnOps) + ", as graphrun's own does"};
  }
  return {};
}

std::vector<RequiredOps> make_required_ops(const Model& model, const OpRegistry& registry) {
  std::map<std::string_view, std::pair<const OpLibrary*, std::set<std::string>>> found;
  for (const Method& method : model.methods) {
    for (const Node& node : method.nodes) {
      const OpLibrary* const library = registry.library_of(node.op);
      if (library == nullptr || library->name == kOwnOps) continue;
      auto& [of, ops] = found[library->name];
      of = library;
      ops.insert(node.op);
    }
  }
  std::vector<RequiredOps> required;
  for (const auto& [name, item] : found) {
    const auto& [library, ops] = item;
    required.push_back({std::string(name), std::string(library->version), {ops.begin(), ops.end()}});
  }
  return required;
}

Status check_required_ops(const Model& model, const OpRegistry& registry) {
  const auto limited = [](std::size_t count, std::size_t limit, const char* what) -> Status {
    if (count <= limit) return {};
    return {ErrorCode::invalid_argument,
            std::to_string(count) + " " + what + "; at most " + std::to_string(limit)};
  };
  GRAPHRUN_TRY(limited(model.required_ops.size(), kMaxInputs, "op libraries"));
  for (const RequiredOps& required : model.required_ops) {
    GRAPHRUN_TRY(check_name(required.library).with_context("op library"));
    GRAPHRUN_TRY(limited(required.version.size(), kMaxNameLength, "bytes of an op library's version"));
    GRAPHRUN_TRY(limited(required.ops.size(), kMaxParameters, "ops of an op library"));
    for (const std::string& op : required.ops) GRAPHRUN_TRY(check_op(required, op, registry));
  }
  return {};
}

}  // namespace graphrun::model
