#include <map>

#include "compiler/declarations.h"
#include "compiler/expand.h"
#include "compiler/passes/passes.h"
#include "runtime/core/file.h"
#include "tests/datasets/scratch.h"
#include "tests/ops/eager_graph.h"
#include "tests/session/compiled.h"

// Blocks of graphs/blocks in training, kinks and batch statistics included, against PyTorch's numbers in f64
// (tests/oracle/golden_blocks.py): output, running statistics, and every gradient when the output's is
// `gout`.
using namespace graphrun;
using namespace graphrun::test;

namespace {

struct BlockCase {
  std::string golden;
  std::string call;  // the statement, but for its input and output
};

const std::vector<BlockCase> kCases{
    {"bottleneck", R"("block": "bottleneck", "planes": 4)"},
    {"bottleneck_spm", R"("block": "bottleneck", "planes": 4, "spm": true)"},
    {"bottleneck_spm_down", R"("block": "bottleneck", "planes": 4, "spm": true)"},
    {"bottleneck_spm_stride2", R"("block": "bottleneck", "planes": 4, "spm": true, "stride": 2)"},
    {"bottleneck_spm_dilation4", R"("block": "bottleneck", "planes": 4, "spm": true, "dilation": 4)"},
    {"bottleneck_stride2", R"("block": "bottleneck", "planes": 4, "stride": 2)"},
    {"bottleneck_dilation2", R"("block": "bottleneck", "planes": 4, "dilation": 2)"},
    {"sp_block", R"("block": "strip_pooling_gate")"},
    {"strip_pooling", R"("block": "strip_pooling")"},
    {"strip_pooling_small_bins", R"("block": "strip_pooling", "fine": 5, "coarse": 3)"},
    {"sp_head", R"("block": "sp_head", "classes": 5, "dropout": 0)"},
    {"fcn_head", R"("block": "fcn_head", "classes": 5, "dropout": 0)"},
    {"pyramid_pooling", R"("block": "pyramid_pooling")"},
    {"psa_collect", R"("block": "psa", "psa_type": 0, "mask_h": 5, "mask_w": 7)"},
    {"psa_distribute",
     R"("block": "psa", "psa_type": 1, "mask_h": 3, "mask_w": 5, "shrink_factor": 1, "normalization_factor": 0)"},
    {"psa_both",
     R"("block": "psa", "mask_h": 5, "mask_w": 3, "psa_softmax": false, "normalization_factor": 1.5)"},
    {"psa_compact", R"("block": "psa", "mask_h": 3, "mask_w": 4, "compact": true)"}};

std::string graph_file(const BlockCase& block, const Shape& x) {
  std::string shape = to_string(x);
  shape.front() = '[', shape.back() = ']';
  return R"({"import": ["blocks/common.json", "blocks/resnet.json", "blocks/strip_pooling.json", )"
         R"("blocks/heads.json", "blocks/pyramid_pooling.json", "blocks/point_attention.json"], "inputs": {"image": {"shape": )" +
         shape + R"(, "dtype": "f32"}}, "graph": [{)" + block.call +
         R"(, "x": "image", "out": "y"}], "outputs": {"y": "y"}})";
}

struct Expanded {
  model::Model model;
  compiler::Graph graph;
};

// The block as ops in the form they have in training, not yet differentiated.
Expanded expand_for_training(const std::filesystem::path& file) {
  Expanded result;
  compiler::Diagnostics diagnostics;
  const auto source = compiler::read_source(file, diagnostics);
  BOOST_REQUIRE(source);
  result.model = compiler::read_declarations(*source, {}, diagnostics).model;
  const compiler::Context context{ops::op_registry(), result.model};
  const compiler::Expansion expansion = compiler::expand(*source, context, diagnostics);
  BOOST_TEST_REQUIRE(diagnostics.text() == "");
  result.graph = take(compiler::lower(context, expansion.graph, expansion.graph.method.outputs,
                                      compiler::Mode::train, "train"));
  return result;
}

HostTensor host_tensor(const weights::TensorFile& file, const std::string& name) {
  const weights::NamedTensor* tensor = file.find(name);
  BOOST_REQUIRE_MESSAGE(tensor != nullptr, "the golden has no " << name);
  const auto values = floats(*tensor);
  return {true, tensor->desc.shape, {values.begin(), values.end()}};
}

// Runs a block with a golden's numbers and compares.
class BlockRun {
 public:
  BlockRun(const Expanded& block, const weights::TensorFile& golden, model::Backend& backend)
      : block_(block), golden_(golden), graph_(ops::op_registry(), backend) {}

  // Returns the largest relative distance.
  double run() {
    put_values();
    for (const Node& node : block_.graph.method.nodes) {
      std::vector<ValueId> inputs;
      for (const ValueId id : node.inputs) inputs.push_back(id == kNoValue ? kNoValue : values_.at(id));
      const std::vector<ValueId> outputs = graph_.add(node.op, inputs, node.attrs, node.path);
      require_ok(graph_.status());
      for (std::size_t i = 0; i < node.outputs.size(); ++i) values_[node.outputs[i]] = outputs[i];
      compare_statistics(node);
    }
    const ValueId out = values_.at(block_.graph.method.outputs[0].value);
    compare("out", out);
    const ValueId seed = graph_.put(graph_.tensor(out).desc(), host_tensor(golden_, "gout"));
    const std::vector<ValueId> gradients =
        differentiate(graph_, ops::op_registry(), std::span(&out, 1), std::span(&seed, 1), wanted_);
    require_ok(graph_.status());
    for (std::size_t i = 0; i < wanted_.size(); ++i) compare(gradient_names_[i], gradients[i]);
    BOOST_TEST(compared_ == expected_count(), "compared " << compared_ << " of " << expected_count());
    return worst_;
  }

 private:
  void put_values() {
    const auto want = [&](ValueId value, std::string gradient) {
      wanted_.push_back(value);
      gradient_names_.push_back(std::move(gradient));
    };
    const std::vector<model::Value>& all = block_.graph.method.values;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const model::Value& value = all[i];
      ValueId& put = values_[static_cast<ValueId>(i)];
      const TensorDesc desc =
          value.origin == model::Origin::node ? TensorDesc() : desc_of(block_.graph.types[i]);
      if (value.origin == model::Origin::variable) {
        const bool trained =
            block_.model.variables[static_cast<std::size_t>(value.index)].kind == VariableKind::parameter;
        put = graph_.put(desc, host_tensor(golden_, (trained ? "param:" : "before:") + value.name));
        if (trained) want(put, "grad:" + value.name);
      } else if (value.origin == model::Origin::input && value.name == "image") {
        put = graph_.put(desc, host_tensor(golden_, "x"));
        want(put, "gx");
      } else if (value.origin == model::Origin::input) {  // rng
        put = graph_.put(desc, HostTensor::zeros(desc.shape));
        graph_.set_input(value.name, put);
      }
    }
  }

  void compare_statistics(const Node& node) {
    for (const IndexPair& pair : ops::op_registry().find(node.op)->updates) {
      const ValueId before = node.inputs[static_cast<std::size_t>(pair.input)];
      const std::string& name = block_.graph.method.values[static_cast<std::size_t>(before)].name;
      compare("after:" + name, values_.at(node.outputs[static_cast<std::size_t>(pair.output)]));
    }
  }

  void compare(const std::string& name, ValueId actual) {
    BOOST_REQUIRE_MESSAGE(actual != kNoValue, "no " << name);
    const HostTensor expected = host_tensor(golden_, name);
    const HostTensor found = graph_.tensor(actual).read();
    BOOST_TEST_REQUIRE(found.values.size() == expected.values.size());
    double apart = 0, size = 0;
    for (std::size_t i = 0; i < expected.values.size(); ++i) {
      apart += std::pow(found.values[i] - expected.values[i], 2);
      size += std::pow(expected.values[i], 2);
    }
    const double relative = std::sqrt(apart / size);
    BOOST_TEST(relative < 1e-4, name << ": " << relative);
    worst_ = std::max(worst_, relative);
    ++compared_;
  }

  std::size_t expected_count() const {
    std::size_t count = 2;  // out, gx
    for (const weights::NamedTensor& tensor : golden_.tensors())
      count += tensor.name.starts_with("grad:") || tensor.name.starts_with("after:") ? 1 : 0;
    return count;
  }

  const Expanded& block_;
  const weights::TensorFile& golden_;
  EagerGraph graph_;
  std::map<ValueId, ValueId> values_;  // of the block's graph to those of graph_
  std::vector<ValueId> wanted_;
  std::vector<std::string> gradient_names_;
  double worst_ = 0;
  std::size_t compared_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(blocks_with_kinks) {
  const Scratch folder;
  std::filesystem::copy(kSource / "graphs" / "blocks", folder / "blocks");
  const auto backend = test_backend();
  for (const BlockCase& block : kCases) {
    BOOST_TEST_CONTEXT(block.golden) {
      const auto golden = open_tensors(kSource / "tests/golden/blocks" / (block.golden + ".safetensors"));
      const weights::NamedTensor* x = golden->find("x");
      BOOST_REQUIRE(x != nullptr);
      const std::filesystem::path file = folder / (block.golden + ".json");
      require_ok(core::write_file(file, graph_file(block, x->desc.shape)));
      const Expanded expanded = expand_for_training(file);
      const double worst = BlockRun(expanded, *golden, *backend).run();
      BOOST_TEST_MESSAGE(block.golden << ": " << worst);
    }
  }
}
