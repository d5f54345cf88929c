#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "compiler/compile.h"
#include "ops/registry.h"
#include "runtime/core/file.h"
#include "runtime/model/model_file.h"
#include "runtime/model/validate.h"
#include "tests/datasets/scratch.h"

// The networks that come with graphrun.
namespace {

namespace fs = std::filesystem;
using namespace graphrun;
using compiler::Definition;

const fs::path kGraphs = fs::path(GRAPHRUN_SOURCE_DIR) / "graphs";

// Networks that differ in depth alone.
const std::map<const char*, std::vector<const char*>> kFamilies{
    {"spnet50", {"spnet101"}},
    {"deeplabv3_resnet50", {"deeplabv3_resnet101"}},
    {"fcn_resnet50", {"fcn_resnet101"}},
    {"pspnet50", {"pspnet101", "pspnet152"}},
    {"psanet50", {"psanet101", "psanet152"}}};

model::Model compiled(const std::string& name, std::vector<Definition> definitions = {}) {
  compiler::Compiled result = compiler::compile(kGraphs / (name + ".json"), definitions, ops::op_registry(),
                                                {.check_each_pass = true});
  BOOST_TEST_REQUIRE(result.errors == "");
  return *std::move(result.model);
}

std::vector<std::string> lines_of(const std::string& name) {
  const Result<std::string> text = core::read_file(kGraphs / (name + ".json"), 1 << 20);
  BOOST_REQUIRE(text.ok());
  std::istringstream stream(*text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::map<VariableKind, std::int64_t> counts(const model::Model& model) {
  std::map<VariableKind, std::int64_t> result;
  for (const model::Variable& variable : model.variables) ++result[variable.kind];
  return result;
}

std::int64_t elements(const model::Model& model, VariableKind kind) {
  std::int64_t total = 0;
  for (const model::Variable& variable : model.variables) {
    if (variable.kind != kind) continue;
    std::int64_t count = 1;
    for (const Expr& extent : variable.shape)
      count *= evaluate_dim(extent, model.parameter_values())->constant();
    total += count;
  }
  return total;
}

std::string shape_of(const model::Model& model, std::string_view name) {
  const model::Variable* variable = model.variable(name);
  BOOST_REQUIRE(variable != nullptr);
  std::string text;
  for (const Expr& extent : variable->shape) text += (text.empty() ? "" : " ") + to_string(extent);
  return text;
}

std::int64_t nodes_of(const model::Model& model, std::string_view method, std::string_view op) {
  return std::ranges::count(model.method(method)->nodes, op, &Node::op);
}

}  // namespace

// The figures are those of the reference implementation's state_dict.
BOOST_AUTO_TEST_CASE(spnet50_has_the_reference_network) {
  const model::Model model = compiled("spnet50");
  BOOST_TEST(counts(model)[VariableKind::parameter] == 286);
  BOOST_TEST(counts(model)[VariableKind::buffer] == 180);
  BOOST_TEST(elements(model, VariableKind::parameter) == 47838124);
  BOOST_TEST(shape_of(model, "pretrained.conv1.0.weight") == "64 3 3 3");
  BOOST_TEST(shape_of(model, "pretrained.layer4.2.spm.conv1.weight") == "512 512 3 1");
  BOOST_TEST(shape_of(model, "head.strip_pool2.conv2_4.0.weight") == "256 256 3 1");
  BOOST_TEST(shape_of(model, "head.score_layer.4.weight") == "classes 512 1 1");
  BOOST_TEST(shape_of(model, "auxlayer.conv5.4.bias") == "classes");
  BOOST_TEST(model.variable("pretrained.layer1.0.spm.conv1.weight") == nullptr);
  BOOST_TEST(model.variable("pretrained.layer1.2.spm.conv1.weight") != nullptr);
}

BOOST_AUTO_TEST_CASE(spnet101_has_the_reference_network) {
  const model::Model model = compiled("spnet101");
  BOOST_TEST(counts(model)[VariableKind::parameter] == 439);
  BOOST_TEST(elements(model, VariableKind::parameter) == 66830252);
}

BOOST_AUTO_TEST_CASE(initial_weights_are_drawn_as_the_reference_draws_them) {
  const model::Model model = compiled("spnet50");
  const auto kind = [&](std::string_view name) { return model.variable(name)->init.kind; };
  BOOST_CHECK(kind("pretrained.layer1.0.conv2.weight") == InitKind::kaiming_normal_fan_out);
  BOOST_CHECK(kind("pretrained.layer4.0.spm.conv3.weight") == InitKind::kaiming_normal_fan_out);
  BOOST_CHECK(kind("pretrained.layer4.0.spm.conv3.bias") == InitKind::uniform_fan_in);
  BOOST_CHECK(kind("head.trans_layer.0.weight") == InitKind::uniform_fan_in);
  BOOST_CHECK(kind("pretrained.bn1.weight") == InitKind::constant);
  BOOST_TEST(to_string(model.variable("head.score_layer.4.bias")->init.fan_in) == "512");
  BOOST_TEST(to_string(model.variable("head.strip_pool1.conv2_3.0.weight")->init.fan_in) == "768");
}

BOOST_AUTO_TEST_CASE(pspnet50_has_the_reference_network) {
  const model::Model model = compiled("pspnet50");
  BOOST_TEST(counts(model)[VariableKind::parameter] == 187);
  BOOST_TEST(counts(model)[VariableKind::buffer] == 122);
  BOOST_TEST(elements(model, VariableKind::parameter) == 49180908);
  BOOST_TEST(shape_of(model, "layer0.6.weight") == "128 64 3 3");
  BOOST_TEST(shape_of(model, "layer4.0.downsample.0.weight") == "2048 1024 1 1");
  BOOST_TEST(shape_of(model, "ppm.features.3.1.weight") == "512 2048 1 1");
  BOOST_TEST(shape_of(model, "cls.4.bias") == "classes");
  BOOST_CHECK(model.variable("layer0.0.weight")->init.kind == InitKind::kaiming_normal_fan_out);
  BOOST_CHECK(model.variable("cls.0.weight")->init.kind == InitKind::uniform_fan_in);
}

BOOST_AUTO_TEST_CASE(psanet50_has_the_reference_network) {
  const model::Model model = compiled("psanet50");
  BOOST_TEST(counts(model)[VariableKind::parameter] == 192);
  BOOST_TEST(counts(model)[VariableKind::buffer] == 124);
  BOOST_TEST(elements(model, VariableKind::parameter) == 53273836);
  BOOST_TEST(shape_of(model, "psa.attention_p.3.weight") == "mask_h*mask_w 512 1 1");
  BOOST_TEST(shape_of(model, "psa.proj.0.weight") == "2048 1024 1 1");
  const model::Model one_way = compiled("psanet50", {{"psa_type", 1}, {"psa_softmax", 0}});
  BOOST_TEST(one_way.variable("psa.reduce_p.0.weight") == nullptr);
  BOOST_TEST(shape_of(one_way, "psa.proj.0.weight") == "2048 512 1 1");
  BOOST_TEST(nodes_of(one_way, "eval", "softmax") == 0);
}

struct Tensors {
  const char* name;
  std::int64_t parameters, elements, buffers;
};

// With 21 classes, of transformers 150; figures of the implementations' state_dicts.
BOOST_AUTO_TEST_CASE(networks_of_other_implementations_have_their_tensors) {
  for (const auto& [name, parameters, count, buffers] :
       {Tensors{"deeplabv3_resnet50", 187, 42004074, 122}, Tensors{"deeplabv3_resnet101", 340, 60996202, 224},
        Tensors{"fcn_resnet50", 169, 35322218, 110}, Tensors{"fcn_resnet101", 322, 54314346, 212},
        Tensors{"lraspp_mobilenet_v3_large", 178, 3221538, 94}, Tensors{"unet_resnet34", 140, 24439269, 92},
        Tensors{"deeplabv3plus_resnet50", 193, 26682725, 124}, Tensors{"segformer_b0", 205, 3752694, 2},
        Tensors{"segformer_b1", 205, 13715798, 2}, Tensors{"segformer_b2", 377, 27461974, 2},
        Tensors{"segformer_b3", 641, 47337814, 2}}) {
    const model::Model model = compiled(name);
    BOOST_TEST(counts(model)[VariableKind::parameter] == parameters, name);
    BOOST_TEST(elements(model, VariableKind::parameter) == count, name);
    BOOST_TEST(counts(model)[VariableKind::buffer] == buffers, name);
  }
  for (const auto& [name, parameters, count, buffers] :
       {Tensors{"ddrnet23_slim", 175, 5734602, 114}, Tensors{"pidnet_s", 242, 7721451, 158},
        Tensors{"bisenetv2", 197, 5236265, 124}}) {
    const model::Model model = compiled(name, {{"classes", 21}});
    BOOST_TEST(counts(model)[VariableKind::parameter] == parameters, name);
    BOOST_TEST(elements(model, VariableKind::parameter) == count, name);
    BOOST_TEST(counts(model)[VariableKind::buffer] == buffers, name);
  }
  const model::Model lraspp = compiled("lraspp_mobilenet_v3_large");
  BOOST_TEST(shape_of(lraspp, "backbone.4.block.2.fc1.weight") == "24 72 1 1");
  BOOST_TEST(shape_of(lraspp, "backbone.13.block.1.0.weight") == "672 1 5 5");
  BOOST_TEST(shape_of(compiled("unet_resnet34"), "decoder.blocks.0.conv1.0.weight") == "256 768 3 3");
  const model::Model segformer = compiled("segformer_b0");
  BOOST_TEST(shape_of(segformer, "segformer.stages.2.blocks.1.attention.k_proj.weight") == "160 160");
  BOOST_TEST(shape_of(segformer,
                      "segformer.stages.1.blocks.0.attention.sequence_reduction.sequence_reduction.weight") ==
             "64 64 4 4");
  BOOST_TEST(nodes_of(segformer, "eval", "conv2d_bn_pyramid") == 1);
  BOOST_TEST(nodes_of(segformer, "train", "conv2d_mixture") == 1);
  const model::Model upernet = compiled("upernet_convnext_tiny");
  BOOST_TEST(shape_of(upernet, "backbone.encoder.stages.2.layers.8.layer_scale_parameter") == "384");
  BOOST_TEST(nodes_of(upernet, "eval", "conv2d_bn_pyramid") == 2);
  BOOST_TEST(shape_of(compiled("deeplabv3plus_resnet50"), "decoder.aspp.0.convs.1.0.0.weight") ==
             "2048 1 3 3");
  BOOST_TEST(shape_of(compiled("pidnet_s"), "spp.scale_process.2.weight") == "384 96 3 3");
  BOOST_TEST(shape_of(compiled("bisenetv2"), "aux5_4.conv_out.0.1.conv.weight") == "1024 128 3 3");
}

// Any number of heads and of losses on a head, each with its weight; without the heads, the loss of the main
// one.
BOOST_AUTO_TEST_CASE(losses_of_heads_that_only_training_has) {
  const auto losses_of = [](const model::Model& model) {
    std::vector<std::string> names;
    for (const model::NamedValue& output : model.method("train")->outputs)
      if (output.name.ends_with("_loss")) names.push_back(output.name);
    return names;
  };
  const model::Model pidnet = compiled("pidnet_s");
  BOOST_TEST(losses_of(pidnet) ==
                 (std::vector<std::string>{"main_loss", "aux_loss", "boundary_loss", "at_boundary_loss"}),
             boost::test_tools::per_element());
  BOOST_TEST(losses_of(compiled("bisenetv2")).size() == 5U);
  for (const char* name : {"ddrnet23_slim", "pidnet_s", "bisenetv2"}) {
    const model::Model plain = compiled(name, {{"augment", 0}});
    BOOST_TEST(losses_of(plain) == std::vector<std::string>{"main_loss"}, boost::test_tools::per_element());
    BOOST_TEST(counts(plain)[VariableKind::parameter] < counts(compiled(name))[VariableKind::parameter]);
  }
}

// Losses that look at pixels one by one share the small logits.
BOOST_AUTO_TEST_CASE(several_losses_of_a_head_need_no_large_logits) {
  const compiler::Compiled compiled = compiler::compile(
      kGraphs.parent_path() / "tests" / "session" / "all_losses.json", {}, ops::op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  BOOST_TEST(nodes_of(*compiled.model, "train", "resize") == 0);
  for (const char* op : {"resize_cross_entropy_totals", "resize_region_totals", "resize_lovasz_totals",
                         "resize_boundary_totals"})
    BOOST_TEST(nodes_of(*compiled.model, "train", op) > 0, op);
}

// The rule of a resize goes into what it is fused with.
BOOST_AUTO_TEST_CASE(half_pixel_networks_fuse_as_the_others_do) {
  const model::Model half = compiled("pspnet50", {{"align_corners", 0}});
  const model::Model whole = compiled("pspnet50");
  for (const char* op : {"conv2d_bn_pyramid", "resize_cross_entropy_totals", "resize_cross_entropy_grad"}) {
    const char* const method = std::string_view(op) == "conv2d_bn_pyramid" ? "eval" : "train";
    BOOST_TEST(nodes_of(whole, method, op) > 0, op);
    BOOST_TEST(nodes_of(half, method, op) == nodes_of(whole, method, op), op);
    for (const Node& node : half.method(method)->nodes)
      if (node.op == op) BOOST_TEST((node.attrs.at("align_corners") == AttrValue(Expr(0))), node.path);
  }
  BOOST_TEST(half.requirements.size() == whole.requirements.size());
}

BOOST_AUTO_TEST_CASE(fcn50_is_spnet_without_strips) {
  const model::Model model = compiled("fcn50");
  BOOST_TEST(shape_of(model, "head.conv5.0.weight") == "512 2048 3 3");
  BOOST_TEST(shape_of(model, "auxlayer.conv5.4.bias") == "classes");
  BOOST_TEST(model.variable("pretrained.layer4.0.spm.conv1.weight") == nullptr);
}

BOOST_AUTO_TEST_CASE(pspnet_without_its_pyramid_and_with_a_plain_stem) {
  const model::Model model = compiled("pspnet50", {{"use_ppm", 0}, {"deep_base", 0}, {"zoom_factor", 1}});
  BOOST_TEST(shape_of(model, "layer0.0.weight") == "64 3 7 7");
  BOOST_TEST(shape_of(model, "layer1.0.conv1.weight") == "64 64 1 1");
  BOOST_TEST(shape_of(model, "cls.0.weight") == "512 2048 3 3");
  BOOST_TEST(model.variable("ppm.features.0.1.weight") == nullptr);
}

BOOST_AUTO_TEST_CASE(a_pyramid_has_one_to_four_levels) {
  const auto pyramid = [](double b, double c, double d) {
    return compiled("pspnet50", {{"bins_1", b}, {"bins_2", c}, {"bins_3", d}});
  };
  const model::Model three = pyramid(2, 3, 0);
  BOOST_TEST(shape_of(three, "ppm.features.2.1.weight") == "682 2048 1 1");
  BOOST_TEST(shape_of(three, "cls.0.weight") == "512 4094 3 3");
  BOOST_TEST(three.variable("ppm.features.3.1.weight") == nullptr);
  const model::Model two = pyramid(6, 0, 0);
  BOOST_TEST(shape_of(two, "ppm.features.1.1.weight") == "1024 2048 1 1");
  BOOST_TEST(shape_of(two, "cls.0.weight") == "512 4096 3 3");
  BOOST_TEST(shape_of(pyramid(0, 0, 0), "ppm.features.0.1.weight") == "2048 2048 1 1");
}

BOOST_AUTO_TEST_CASE(spnet_and_fcn_with_a_plain_stem) {
  for (const char* name : {"spnet50", "fcn50"}) {
    const model::Model model = compiled(name, {{"deep_base", 0}});
    BOOST_TEST(shape_of(model, "pretrained.conv1.weight") == "64 3 7 7");
    BOOST_TEST(shape_of(model, "pretrained.bn1.running_mean") == "64");
    BOOST_TEST(shape_of(model, "pretrained.layer1.0.conv1.weight") == "64 64 1 1");
    BOOST_TEST(model.variable("pretrained.conv1.0.weight") == nullptr);
  }
}

BOOST_AUTO_TEST_CASE(model_files_are_short_and_differ_in_one_line) {
  for (const auto& [first, others] : kFamilies) {
    const std::vector<std::string> a = lines_of(first);
    BOOST_TEST(a.size() <= 70U);
    for (const char* other : others) {
      const std::vector<std::string> b = lines_of(other);
      BOOST_TEST_REQUIRE(a.size() == b.size());
      int different = 0;
      for (std::size_t i = 0; i < a.size(); ++i) different += a[i] == b[i] ? 0 : 1;
      BOOST_TEST(different == 1, other << " differs in " << different << " lines");
    }
  }
}

BOOST_AUTO_TEST_CASE(files_are_small_and_read_back) {
  for (const char* name : {"spnet50", "spnet101", "spnet_tiny", "fcn50", "pspnet152", "psanet152",
                           "psanet_tiny", "deeplabv3_resnet101", "lraspp_mobilenet_v3_large", "unet_resnet34",
                           "deeplabv3plus_resnet50", "pidnet_s", "bisenetv2", "unet_tiny"}) {
    const model::Model model = compiled(name);
    const auto bytes = model::serialize(model);
    BOOST_REQUIRE(bytes.ok());
    BOOST_TEST(bytes->size() <= 300U * 1024U);
    const auto again = model::parse_model(*bytes, ops::op_registry());
    BOOST_REQUIRE(again.ok());
    BOOST_TEST(again->variables.size() == model.variables.size());
  }
}

BOOST_AUTO_TEST_CASE(evaluation_runs_fused_and_without_the_auxiliary_head) {
  const model::Model model = compiled("spnet50");
  BOOST_TEST(nodes_of(model, "eval", "batch_norm_eval") == 0);
  BOOST_TEST(nodes_of(model, "eval", "conv2d") + nodes_of(model, "eval", "conv2d_bn") > 0);
  for (const Node& node : model.method("eval")->nodes) BOOST_TEST(!node.path.starts_with("auxlayer"));
  BOOST_TEST(model.method("eval")->outputs.size() == 1U);
  BOOST_TEST(model.method("eval")->outputs[0].name == "logits");
}

BOOST_AUTO_TEST_CASE(training_never_makes_full_size_logits) {
  const model::Model model = compiled("spnet50");
  BOOST_TEST(nodes_of(model, "train", "resize_cross_entropy_totals") == 2);
  BOOST_TEST(nodes_of(model, "train", "resize_cross_entropy_grad") == 2);
  BOOST_TEST(nodes_of(model, "train", "cross_entropy_totals") == 0);
  std::vector<std::string> names;
  for (const model::NamedValue& output : model.method("train")->outputs) names.push_back(output.name);
  BOOST_TEST(names == (std::vector<std::string>{"loss", "main_loss", "aux_loss", "confusion", "main_totals",
                                                "aux_totals"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(hard_pixels_are_found_without_full_size_logits) {
  for (const char* name : {"spnet_tiny", "pspnet50"}) {
    BOOST_TEST(nodes_of(compiled(name), "train", "hard_label") == 0);
    const model::Model model = compiled(name, {{"ohem", 1}, {"ohem_min_kept", 77}});
    BOOST_TEST(nodes_of(model, "train", "resize_label_probability") == 2);
    BOOST_TEST(nodes_of(model, "train", "hard_label") == 2);
    BOOST_TEST(nodes_of(model, "train", "resize_cross_entropy_totals") == 2);
    BOOST_TEST(nodes_of(model, "train", "cross_entropy_totals") == 0);
  }
}

// Frozen batch norms have neither gradients nor states, and stay in the model.
BOOST_AUTO_TEST_CASE(a_frozen_backbone_norm_is_not_trained) {
  const model::Model model = compiled("spnet_tiny", {{"frozen_bn", 1}});
  int frozen = 0;
  for (const model::Variable& variable : model.variables) {
    if (variable.kind != VariableKind::parameter) continue;
    const std::string node = variable.name.substr(0, variable.name.rfind('.'));
    const bool is_norm = node.starts_with("pretrained.") && model.variable(node + ".running_mean") != nullptr;
    frozen += is_norm ? 1 : 0;
    BOOST_TEST((model.variable("grad:" + variable.name) == nullptr) == is_norm, variable.name);
    BOOST_TEST((model.variable("momentum:" + variable.name) == nullptr) == is_norm, variable.name);
  }
  BOOST_TEST(frozen > 20);
  const model::Model live = compiled("spnet_tiny");
  const auto parameters = [](const model::Model& of) {
    return std::ranges::count(of.variables, VariableKind::parameter, &model::Variable::kind);
  };
  BOOST_TEST(parameters(model) == parameters(live));
  BOOST_TEST(nodes_of(model, "train", "batch_norm_eval") * 2 == frozen);
  BOOST_TEST(nodes_of(model, "train", "bn_moments") > 0);
  BOOST_TEST(nodes_of(model, "update", "sgd") == 2);
}

BOOST_AUTO_TEST_CASE(a_group_without_learning_rate_is_not_trained) {
  const test::Scratch folder;
  fs::copy(kGraphs / "blocks", folder / "blocks");
  std::string text = *core::read_file(kGraphs / "spnet_tiny.json", 1 << 20);
  const std::string rate = R"("match": "pretrained.*", "lr_mult": )";
  text.replace(text.find(rate) + rate.size(), 1, "0");
  std::ofstream(folder / "net.json") << text;
  const compiler::Compiled result = compiler::compile(folder / "net.json", {}, ops::op_registry());
  BOOST_TEST_REQUIRE(result.errors == "");
  const model::Model& model = *result.model;
  for (const model::Variable& variable : model.variables) {
    if (variable.kind == VariableKind::parameter)
      BOOST_TEST(
          (model.variable("grad:" + variable.name) == nullptr) == variable.name.starts_with("pretrained."),
          variable.name);
  }
  // The gradient stops where nothing below is trained.
  for (const Node& node : model.method("train")->nodes)
    BOOST_TEST(!(node.path.starts_with("pretrained.") && node.op.find("_grad") != std::string::npos),
               node.path);
  BOOST_TEST(nodes_of(model, "update", "sgd") == 1);
}

BOOST_AUTO_TEST_CASE(every_parameter_has_a_gradient_and_a_state_in_the_same_order) {
  const model::Model model = compiled("spnet_tiny");
  std::vector<std::string> parameters;
  std::vector<std::string> gradients;
  std::vector<std::string> states;
  for (const model::Variable& variable : model.variables) {
    if (variable.kind == VariableKind::parameter) parameters.push_back(variable.name);
    if (variable.kind == VariableKind::gradient) gradients.push_back(variable.name.substr(5));
    if (variable.kind == VariableKind::optimizer_state) states.push_back(variable.name.substr(9));
  }
  BOOST_TEST(parameters == gradients, boost::test_tools::per_element());
  BOOST_TEST(parameters == states, boost::test_tools::per_element());
  // Gradients become ready from the losses to the image.
  BOOST_TEST(parameters.back().starts_with("pretrained.conv1.0"));
  std::size_t stored = 0;
  for (const model::NamedValue& store : model.method("train")->stores)
    stored += store.name.starts_with("grad:") ? 1 : 0;
  BOOST_TEST(stored == parameters.size());
}

BOOST_AUTO_TEST_CASE(groups_have_their_learning_rates) {
  const model::Model model = compiled("spnet50");
  const std::vector<Node>& nodes = model.method("update")->nodes;
  BOOST_TEST_REQUIRE(nodes.size() == 2U);
  BOOST_TEST((nodes[0].inputs.size() - 1 + nodes[1].inputs.size() - 1) / 3 ==
             static_cast<std::size_t>(counts(model)[VariableKind::parameter]));
  BOOST_CHECK(nodes[1].attrs.at("lr_mult") == AttrValue(Expr(10)));
  BOOST_CHECK(nodes[1].attrs.at("momentum") == AttrValue(Expr::symbol("momentum")));
}

// A group falls into parts where a rule of the optimizer takes some of its parameters.
BOOST_AUTO_TEST_CASE(adamw_in_the_place_of_a_graphs_optimizer) {
  const compiler::Compiled result =
      compiler::compile(kGraphs / "spnet_tiny.json", {}, ops::op_registry(), {.optimizer = "adamw"});
  BOOST_TEST_REQUIRE(result.errors == "");
  const model::Model& model = *result.model;
  const std::vector<Node>& nodes = model.method("update")->nodes;
  BOOST_TEST_REQUIRE(nodes.size() == 4U);
  for (const Node& node : nodes) {
    BOOST_TEST(node.op == "adamw");
    BOOST_TEST((node.attrs.find("momentum") == node.attrs.end()));
    const std::size_t count = (node.inputs.size() - 2) / 4;
    const bool decays = node.attrs.at("weight_decay") == AttrValue(Expr::symbol("weight_decay"));
    for (std::size_t i = 0; i < count; ++i) {
      const model::Value& value =
          model.method("update")->values[static_cast<std::size_t>(node.inputs[1 + i])];
      const model::Variable& parameter = model.variables[static_cast<std::size_t>(value.index)];
      BOOST_TEST((parameter.shape.size() == 4) == decays, parameter.name);
    }
  }
  // All of a state lie together, and every parameter has both.
  std::vector<std::string> parameters;
  std::vector<std::string> states;
  for (const model::Variable& variable : model.variables) {
    if (variable.kind == VariableKind::parameter) parameters.push_back(variable.name);
    if (variable.kind == VariableKind::optimizer_state) states.push_back(variable.name);
  }
  BOOST_TEST_REQUIRE(states.size() == 2 * parameters.size() + 4);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    BOOST_TEST(states[i] == "mean:" + parameters[i]);
    BOOST_TEST(states[parameters.size() + i] == "square:" + parameters[i]);
  }
  BOOST_TEST(states.back() == "step:update.3");
}

BOOST_AUTO_TEST_CASE(definitions_set_defaults) {
  const model::Model model = compiled("spnet_tiny", {{"classes", 19}, {"spm_on", 0}});
  BOOST_TEST(*evaluate_real(Expr::symbol("classes"), model.parameter_values()) == 19);
  BOOST_TEST(model.variable("pretrained.layer4.0.spm.conv1.weight") == nullptr);
  const std::vector<Definition> wrong{{"clases", 19}, {"dropout", 2}};
  const compiler::Compiled failed = compiler::compile(kGraphs / "spnet_tiny.json", wrong, ops::op_registry());
  BOOST_TEST(!failed.model);
  BOOST_TEST(failed.errors.find("did you mean \"classes\"?") != std::string::npos);
  BOOST_TEST(failed.errors.find("must be at most 0.999, is 2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(printed_graphs_show_symbolic_shapes) {
  const Result<std::string> text = compiler::print(compiled("spnet50"), ops::op_registry());
  BOOST_REQUIRE(text.ok());
  BOOST_TEST(text->find("logits = resize: f32 (N, classes, H, W)") != std::string::npos);
  BOOST_TEST(text->find("f32 (N, 2048, ((H - 1)/8) + 1, ((W - 1)/8) + 1)") != std::string::npos);
}
