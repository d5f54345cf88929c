#include "runtime/weights/difference.h"

#include <algorithm>
#include <array>

#include "graphrun/kernel/attributes.h"

namespace graphrun::weights {
namespace {

using Kind = Difference::Kind;

bool ends_in_scope(std::string_view name, std::string_view tail) {
  return name.size() > tail.size() && name.ends_with(tail) && name[name.size() - tail.size() - 1] == '.';
}

bool is_of_one_side(Kind kind) { return kind == Kind::missing || kind == Kind::unexpected; }

std::string partner(const Difference& difference, const std::vector<Difference>& all) {
  if (!is_of_one_side(difference.kind)) return {};
  std::vector<std::string_view> same_shape;
  std::vector<std::string_view> others;
  for (const Difference& other : all) {
    if (!is_of_one_side(other.kind) || other.kind == difference.kind) continue;
    const bool is_missing = difference.kind == Kind::missing;
    const bool fits = is_missing ? difference.model == other.file : difference.file == other.model;
    if (fits && (ends_in_scope(other.name, difference.name) || ends_in_scope(difference.name, other.name)))
      return other.name;
    (fits ? same_shape : others).push_back(other.name);
  }
  const std::string near = nearest_name(difference.name, same_shape);
  return near.empty() ? nearest_name(difference.name, others) : near;
}

constexpr std::string_view label(Kind kind) {
  switch (kind) {
    case Kind::missing:
      return "missing";
    case Kind::unexpected:
      return "unexpected";
    case Kind::shape:
      return "wrong shape";
    case Kind::type:
      return "wrong type";
  }
  return {};
}

}  // namespace

Status describe_differences(std::vector<Difference> differences) {
  constexpr std::size_t kShown = 40;
  constexpr std::size_t kColumns = 5;
  std::ranges::stable_sort(differences, {}, &Difference::kind);
  std::vector<std::array<std::string, kColumns>> rows{{"", "tensor", "model", "file", ""}};
  const std::size_t shown = std::min(differences.size(), kShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const Difference& difference = differences[i];
    const std::string near = partner(difference, differences);
    const std::string where = difference.kind == Kind::missing ? "the file has " : "the model has ";
    rows.push_back({std::string(label(difference.kind)), difference.name,
                    difference.model.empty() ? "-" : difference.model,
                    difference.file.empty() ? "-" : difference.file, near.empty() ? "" : where + near});
  }
  std::array<std::size_t, kColumns> widths{};
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < kColumns; ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string table;
  for (const auto& row : rows) {
    std::string line = "\n ";
    for (std::size_t c = 0; c < kColumns; ++c)
      line += " " + row[c] + std::string(widths[c] - row[c].size() + 1, ' ');
    table += line.substr(0, line.find_last_not_of(' ') + 1);
  }
  const auto count = [&](Kind kind) {
    return std::to_string(std::ranges::count(differences, kind, &Difference::kind)) + " ";
  };
  if (shown < differences.size())
    table += "\n  ... and " + std::to_string(differences.size() - shown) + " more";
  std::string counts = count(Kind::missing) + "missing, " + count(Kind::unexpected) + "unexpected, " +
                       count(Kind::shape) + "of another shape";
  if (std::ranges::count(differences, Kind::type, &Difference::kind) > 0)
    counts += ", " + count(Kind::type) + "of another type";
  return {ErrorCode::invalid_file, "the weights do not fit the model, nothing was loaded: " + counts + table};
}

}  // namespace graphrun::weights
