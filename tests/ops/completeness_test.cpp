#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <set>

#include "ops/cpu_backend.h"
#include "ops/cpu_training.h"
#include "ops/registry.h"

namespace graphrun::test {
namespace {

template <class Specs>
void require_documented(const Specs& specs, std::string_view what) {
  std::set<std::string_view> names;
  for (const auto& spec : specs) {
    BOOST_TEST_CONTEXT(what << " \"" << spec.name << "\"") {
      BOOST_TEST(!spec.name.empty());
      BOOST_TEST(!spec.doc.empty());
      BOOST_TEST(names.insert(spec.name).second, "two of one name");
    }
  }
}

// "The same type as that input" has one that is always there and says its type itself.
void require_target(const OpDef& def, const OperandType& type) {
  if (type.kind != OperandType::Kind::same_as) return;
  BOOST_TEST_REQUIRE((type.input >= 0 && type.input < std::ssize(def.inputs)));
  const InputSpec& target = def.inputs[static_cast<std::size_t>(type.input)];
  BOOST_TEST((!target.optional && !target.variadic && target.if_attribute.empty()));
  BOOST_TEST((target.type.kind != OperandType::Kind::same_as && target.type.kind != OperandType::Kind::any));
}

BOOST_AUTO_TEST_CASE(every_op_is_complete) {
  const auto backend = ops::make_cpu_backend(1, ops::with_training_kernels());
  BOOST_REQUIRE(backend.ok());
  std::set<std::string_view> names;
  for (const OpDef* def : ops::op_registry().all()) {
    BOOST_TEST_CONTEXT("op " << def->name) {
      BOOST_TEST(names.insert(def->name).second, "two of one name");
      BOOST_TEST(!def->doc.empty());
      require_documented(def->inputs, "input");
      require_documented(def->outputs, "output");
      require_documented(def->attrs, "attribute");
      BOOST_TEST((def->infer != nullptr));
      BOOST_TEST(((def->gradient != nullptr) != !def->not_differentiable.empty()),
                 "it needs a gradient or the reason why it has none");
      const bool is_rewritten =
          def->decomposition != nullptr || (def->for_eval != nullptr && def->for_train != nullptr);
      BOOST_TEST((is_rewritten || !(*backend)->candidates(def->name).empty()), "nothing computes it");
    }
  }
}

// Each program checks that all ops of its room have cases (room_test.cpp).
BOOST_AUTO_TEST_CASE(every_room_has_a_test_program) {
  namespace fs = std::filesystem;
  int rooms = 0;
  for (const auto& room : fs::directory_iterator(GRAPHRUN_SOURCE_DIR "/ops")) {
    if (!fs::exists(room.path() / "definition.cpp")) continue;
    const fs::path folder = fs::path(GRAPHRUN_SOURCE_DIR "/tests/ops") / room.path().filename();
    BOOST_TEST_CONTEXT(folder) {
      BOOST_REQUIRE(fs::is_directory(folder));
      const fs::directory_iterator files(folder);
      BOOST_TEST(
          (std::ranges::any_of(files, [](const auto& file) { return file.path().extension() == ".cpp"; })));
    }
    ++rooms;
  }
  BOOST_TEST(rooms > 15);
}

BOOST_AUTO_TEST_CASE(definitions_are_consistent) {
  for (const OpDef* def : ops::op_registry().all()) {
    BOOST_TEST_CONTEXT("op " << def->name) {
      const bool has_variables = std::ranges::any_of(def->inputs, &InputSpec::is_variable);
      BOOST_TEST((has_variables == (def->variable_shape != nullptr)));
      for (std::size_t i = 0; i < def->inputs.size(); ++i) {
        const InputSpec& input = def->inputs[i];
        BOOST_TEST((!input.variadic || i + 1 == def->inputs.size()), "only the last input may be variadic");
        BOOST_TEST((input.type.kind != OperandType::Kind::any || input.shape_only),
                   "an undeclared type is read");
        require_target(*def, input.type);
        if (input.if_attribute.empty()) continue;
        const auto attr = std::ranges::find(def->attrs, input.if_attribute, &AttrSpec::name);
        BOOST_TEST((attr != def->attrs.end() && attr->kind == AttrKind::boolean));
      }
      for (const OutputSpec& output : def->outputs) {
        BOOST_TEST((output.type.kind != OperandType::Kind::any));
        require_target(*def, output.type);
      }
      for (const auto* pairs : {&def->in_place, &def->updates}) {
        for (const IndexPair pair : *pairs) {
          BOOST_TEST((pair.output >= 0 && pair.output < std::ssize(def->outputs)));
          BOOST_TEST((pair.input >= 0 && pair.input < std::ssize(def->inputs)));
          BOOST_TEST(!def->inputs[static_cast<std::size_t>(pair.input)].shape_only);
        }
      }
      for (const AttrSpec& attr : def->attrs) {
        BOOST_TEST((attr.kind == AttrKind::text) == !attr.choices.empty());
        if (!attr.fallback) continue;
        const auto unknown = [](std::string_view) { return std::optional<Number>(); };
        const auto value = Attributes::evaluate({&attr, 1}, {}, unknown);
        BOOST_TEST(value.ok(), "the default of \"" << attr.name << "\" is not in its range");
      }
    }
  }
}

}  // namespace
}  // namespace graphrun::test
