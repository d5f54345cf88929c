#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "ops/registry.h"
#include "runtime/model/resolve.h"
#include "tests/ops/operand_cases.h"

// For every op: operands of every other type, and absent ones, are refused, or the op is right about taking
// them.
namespace graphrun::test {
namespace {

constexpr Layout kLayouts[] = {Layout::dense, Layout::nhwc};

const OpDef& def_of(const Case& test) { return *ops::op_registry().find(test.op); }

// Types that the input takes beside the case's own.
bool may_be(const Case& test, std::size_t input, DType dtype, Layout layout) {
  using Kind = OperandType::Kind;
  const Kind kind = def_of(test).input(input).type.kind;
  if (kind == Kind::any) return true;
  // Where it is the only activation, nothing says that it is not stored in bf16.
  std::size_t activations = 0;
  for (std::size_t i = 0; i < test.inputs.size(); ++i)
    activations += def_of(test).input(i).type.kind == Kind::activation ? 1 : 0;
  const bool alone = activations == 1;
  const bool stored = layout == Layout::nhwc && dtype == DType::bf16;
  if (kind == Kind::activation && alone && stored) return true;
  return kind == Kind::real && (dtype == DType::f32 || dtype == DType::bf16);
}

void check_other_types(const OpHarness& harness, const Case& test, std::size_t input) {
  const TensorDesc own = test.inputs[input].desc;
  for (int dtype = 0; dtype < kDTypeCount; ++dtype) {
    for (const Layout layout : kLayouts) {
      Case other = test;
      TensorDesc& desc = other.inputs[input].desc;
      desc.dtype = static_cast<DType>(dtype);
      desc.layout = layout;
      if ((desc.dtype == own.dtype && layout == own.layout) || may_be(test, input, desc.dtype, layout))
        continue;
      BOOST_TEST(!harness.infer(other).ok(),
                 "takes " << to_string(desc.dtype) << (layout == Layout::nhwc ? " in NHWC" : ", dense"));
    }
  }
}

void check_other_rank(const OpHarness& harness, const Case& test, std::size_t input) {
  if (def_of(test).input(input).type.kind == OperandType::Kind::any) return;
  if (def_of(test).input(input).type.kind == OperandType::Kind::dense &&
      def_of(test).input(input).type.rank < 0)
    return;
  Case other = test;
  TensorDesc& desc = other.inputs[input].desc;
  std::vector<std::int64_t> extents(desc.shape.extents().begin(), desc.shape.extents().end());
  extents.push_back(2);
  desc.shape = Shape(std::span<const std::int64_t>(extents));
  BOOST_TEST(!harness.infer(other).ok(), "takes rank " << extents.size());
}

// Every kernel that takes both gives the same outputs.
void check_same_results(const OpHarness& harness, const Case& whole, const Case& part) {
  const auto expected = harness.run_all(whole);
  for (const auto& [kernel, outputs] : harness.run_all(part)) {
    const auto found = expected.find(kernel);
    if (found == expected.end()) continue;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].present)
        BOOST_TEST((outputs[i].values == found->second[i].values), kernel << ": output " << i << " differs");
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_op_has_a_case_that_it_takes) {
  const OpHarness harness;
  std::set<std::string> names;
  for (const Case& test : operand_cases()) {
    BOOST_TEST_CONTEXT("op " << test.op) {
      names.insert(test.op);
      const auto types = harness.infer(test);
      BOOST_TEST(types.ok(), (types.ok() ? "" : types.status().message()));
    }
  }
  for (const OpDef* def : ops::op_registry().all())
    BOOST_TEST(names.contains(std::string(def->name)), def->name);
}

BOOST_AUTO_TEST_CASE(an_input_of_another_type_is_refused) {
  const OpHarness harness;
  for (const Case& test : operand_cases()) {
    for (std::size_t i = 0; i < test.inputs.size(); ++i) {
      BOOST_TEST_CONTEXT("op " << test.op << ", input " << i << " " << def_of(test).input(i).name) {
        check_other_types(harness, test, i);
        check_other_rank(harness, test, i);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_absent_input_is_refused_or_is_not_read) {
  const OpHarness harness;
  for (const Case& test : operand_cases()) {
    for (std::size_t i = 0; i < test.inputs.size(); ++i) {
      const InputSpec& spec = def_of(test).input(i);
      BOOST_TEST_CONTEXT("op " << test.op << ", input " << spec.name) {
        Case without = test;
        without.inputs[i] = absent();
        const bool taken = harness.infer(without).ok();
        BOOST_TEST((!taken || spec.optional));
        if (taken) harness.run_all(without);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_absent_output_is_refused_or_changes_nothing) {
  const OpHarness harness;
  for (const Case& test : operand_cases()) {
    const std::vector<OutputSpec>& outputs = def_of(test).outputs;
    Case without_optional = test;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      BOOST_TEST_CONTEXT("op " << test.op << ", output " << outputs[i].name) {
        Case without = test;
        without.unwanted = {static_cast<int>(i)};
        BOOST_TEST(harness.infer(without).ok() == outputs[i].optional);
        if (!outputs[i].optional) continue;
        check_same_results(harness, test, without);
        without_optional.unwanted.push_back(static_cast<int>(i));
      }
    }
    BOOST_TEST_CONTEXT("op " << test.op << " without what is optional") {
      // A node of which nothing is wanted is no node: kernels never see one.
      const bool is_idle = !outputs.empty() && without_optional.unwanted.size() == outputs.size();
      BOOST_TEST(harness.infer(without_optional).ok() == !is_idle);
      if (is_idle || without_optional.unwanted.size() < 2) continue;
      check_same_results(harness, test, without_optional);
    }
  }
}

// A late parameter has no value yet when graphs are compiled: inference copes with it or says where it is.
BOOST_AUTO_TEST_CASE(a_late_parameter_in_any_attribute_is_taken_or_refused) {
  const SymbolLookup late = [](std::string_view name) { return std::optional<Number>(Dim::symbol(name)); };
  for (const Case& test : operand_cases()) {
    const OpDef& def = def_of(test);
    std::vector<ValueType> types;
    Node node{"node", test.op, test.attrs, {}, {}};
    for (const InputCase& input : test.inputs) {
      types.push_back({input.desc.dtype, input.desc.layout, {}});
      for (const std::int64_t extent : input.desc.shape.extents()) types.back().shape.emplace_back(extent);
    }
    std::vector<const ValueType*> inputs;
    for (const ValueType& type : types) inputs.push_back(&type);
    for (std::size_t i = 0; i < inputs.size(); ++i) node.inputs.push_back(static_cast<ValueId>(i));
    model::add_absent_inputs(def, node.inputs);
    inputs.resize(node.inputs.size(), nullptr);
    node.outputs.resize(def.outputs.size(), static_cast<ValueId>(inputs.size()));
    for (const AttrSpec& attr : def.attrs) {
      if (attr.kind == AttrKind::text) continue;
      BOOST_TEST_CONTEXT("op " << test.op << ", attribute " << attr.name) {
        Node with_late = node;
        with_late.attrs[std::string(attr.name)] = Expr::symbol("late");
        const auto resolved = model::resolve(with_late, ops::op_registry(), inputs, late);
        if (attr.kind != AttrKind::boolean) continue;
        BOOST_REQUIRE(!resolved.ok());
        BOOST_TEST(resolved.status().message().find(std::string(attr.name)) != std::string::npos);
      }
    }
  }
}

}  // namespace graphrun::test
