#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "runtime/model/model_file.h"
#include "runtime/model/validate.h"
#include "tests/model/expect.h"
#include "tests/model/sample_model.h"

using namespace graphrun;
using namespace graphrun::test;

namespace {

// One thing wrong with the sample model, and what the error says of it.
struct Fault {
  std::string what;
  std::function<void(model::Model&)> make;
  std::string message;
  ErrorCode code = ErrorCode::invalid_file;  // of a file that has the fault
};

model::Method& eval(model::Model& model) { return model.methods[0]; }
model::Method& train(model::Model& model) { return model.methods[1]; }
model::Method& update(model::Model& model) { return model.methods[2]; }
Node& node(model::Method& method, std::string_view path) {
  return *std::ranges::find(method.nodes, path, &Node::path);
}
Node& conv(model::Model& model) { return node(eval(model), "body.conv1"); }

void check_all(const std::vector<Fault>& faults) {
  for (const Fault& fault : faults) {
    model::Model model = sample_model();
    fault.make(model);
    expect_error(message_of(model::validate(model, sample_registry())), fault.message, fault.what);
    // The same from a file: its reader trusts nobody's validation.
    const auto bytes = model::serialize(model);
    if (!bytes.ok()) continue;
    const auto parsed = model::parse_model(*bytes, sample_registry());
    BOOST_REQUIRE_MESSAGE(!parsed.ok(), fault.what);
    BOOST_TEST((parsed.status().code() == fault.code), fault.what);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_sample_is_valid) {
  BOOST_TEST(message_of(model::validate(sample_model(), sample_registry())) == "");
  BOOST_TEST(message_of(model::validate(large_model(), sample_registry())) == "");
}

BOOST_AUTO_TEST_CASE(faults_of_nodes) {
  const std::string conv1 = "method eval: body.conv1 (project): ";
  check_all({
      {"unknown op", [](model::Model& m) { node(eval(m), "body.relu1").op = "rellu"; },
       "method eval: body.relu1 (rellu): op \"rellu\" is in no op library that was given; did you mean "
       "\"relu\"?"},
      {"no path", [](model::Model& m) { conv(m).path = ""; }, "an empty name"},
      {"control characters", [](model::Model& m) { conv(m).path = "a\nb"; }, "control characters"},
      {"too few inputs", [](model::Model& m) { conv(m).inputs.resize(1); },
       conv1 + "expected 4 inputs, got 1"},
      {"too many inputs", [](model::Model& m) { conv(m).inputs.push_back(0); },
       conv1 + "expected 4 inputs, got 5"},
      {"no variadic input", [](model::Model& m) { node(train(m), "body.join").inputs.clear(); },
       "method train: body.join (join): expected at least 1 inputs, got 0"},
      {"absent variadic input", [](model::Model& m) { node(train(m), "body.join").inputs[1] = kNoValue; },
       "input \"x\" is missing"},
      {"absent input", [](model::Model& m) { conv(m).inputs[0] = kNoValue; },
       conv1 + "input \"x\" is missing"},
      {"absent input of a flag that is set",
       [](model::Model& m) { node(eval(m), "head.conv").inputs[2] = kNoValue; },
       "head.conv (project): input \"bias\" is missing, but attribute \"bias\" is true"},
      {"input of a flag that is not set", [](model::Model& m) { conv(m).inputs[2] = 3; },
       conv1 + "input \"bias\" is there, but attribute \"bias\" is false"},
      {"too few outputs", [](model::Model& m) { conv(m).outputs.clear(); },
       conv1 + "expected 1 outputs, got 0"},
      {"absent output that is not optional",
       [](model::Model& m) { node(train(m), "body.pool").outputs[0] = kNoValue; },
       "method train: body.pool (pool): output \"y\" is missing, and is not optional"},
      {"input outside", [](model::Model& m) { conv(m).inputs[0] = 1000; },
       conv1 + "input \"x\": there is no value 1000"},
      {"negative input", [](model::Model& m) { conv(m).inputs[0] = -2; }, "there is no value -2"},
      {"output outside", [](model::Model& m) { conv(m).outputs[0] = 1000; },
       "output \"y\": there is no value 1000"},
      {"cycle", [](model::Model& m) { conv(m).inputs[0] = node(eval(m), "head.resize").outputs[0]; },
       "\"head.resize\" is read before it is written"},
      {"own output as input", [](model::Model& m) { conv(m).inputs[0] = conv(m).outputs[0]; },
       "is read before it is written"},
      {"written twice",
       [](model::Model& m) {
         node(train(m), "body.pool").outputs[1] = node(train(m), "body.pool").outputs[0];
       },
       "value \"body.pool\" is written twice"},
      {"writes an input", [](model::Model& m) { conv(m).outputs[0] = 0; },
       "\"image\" is not a value that nodes write"},
      {"origin of another node",
       [](model::Model& m) { eval(m).values[static_cast<std::size_t>(conv(m).outputs[0])].index = 1; },
       "names another node as its origin"},
      {"value of nobody",
       [](model::Model& m) {
         eval(m).values.push_back({"lost", model::Origin::node, 0});
       },
       "method eval: value \"lost\" is written by no node"},
  });
}

BOOST_AUTO_TEST_CASE(faults_of_attributes) {
  const std::string conv1 = "method eval: body.conv1 (project): ";
  check_all({
      {"missing", [](model::Model& m) { conv(m).attrs.erase("channels"); },
       "attribute \"channels\" is missing"},
      {"misspelt", [](model::Model& m) { conv(m).attrs["chanels"] = Expr(1); },
       conv1 + "unknown attribute \"chanels\"; did you mean \"channels\"?"},
      {"below its range", [](model::Model& m) { conv(m).attrs["stride"] = Expr(0); },
       conv1 + "attribute \"stride\": must be in 1 to 8, is 0"},
      {"not a number", [](model::Model& m) { conv(m).attrs["eps"] = Expr(std::nan("")); },
       "attribute \"eps\": must be"},
      {"text for a number", [](model::Model& m) { conv(m).attrs["stride"] = std::string("two"); },
       "attribute \"stride\": one number is expected"},
      {"number for text", [](model::Model& m) { conv(m).attrs["mode"] = Expr(1); },
       "attribute \"mode\": text is expected"},
      {"unknown choice", [](model::Model& m) { conv(m).attrs["mode"] = std::string("tanh"); },
       "\"tanh\" is not one of none, relu"},
      {"list of another length",
       [](model::Model& m) { node(eval(m), "head.resize").attrs["size"] = std::vector<Expr>(3, Expr(1)); },
       "2 numbers are expected, got 3"},
      {"unknown symbol", [](model::Model& m) { conv(m).attrs["channels"] = Expr::symbol("clases"); },
       "attribute \"channels\": unknown symbol \"clases\"; did you mean \"classes\"?"},
      {"size where a constant is needed",
       [](model::Model& m) { conv(m).attrs["stride"] = Expr::symbol("H"); },
       conv1 + "attribute \"stride\" must not depend on sizes"},
      {"malformed expression",
       [](model::Model& m) {
         Expr expr = 1;
         expr.tokens.push_back({ExprOp::add, 0, 0});
         conv(m).attrs["stride"] = expr;
       },
       "missing operand"},
      {"division by zero",
       [](model::Model& m) {
         Expr expr = 1;
         expr.tokens.push_back({ExprOp::integer, 0, 0});
         expr.tokens.push_back({ExprOp::divide, 0, 0});
         conv(m).attrs["stride"] = expr;
       },
       "overflows or divides by zero"},
      {"long list",
       [](model::Model& m) {
         node(update(m), "sgd").attrs["lr_mult"] = std::vector<Expr>(model::kMaxListLength + 1, Expr(1));
       },
       "a list of 65537 numbers"},
  });
}

BOOST_AUTO_TEST_CASE(faults_of_types) {
  check_all({
      {"weight of another shape", [](model::Model& m) { conv(m).attrs["channels"] = Expr(9); },
       "method eval: body.conv1 (project): weight's outputs: expected 9, got 8"},
      {"rank", [](model::Model& m) { conv(m).inputs[0] = 3; },
       "method eval: body.conv1 (project): x: expected an activation, got dense f32 (3)"},
      {"a weight where an activation is read",
       [](model::Model& m) { node(eval(m), "body.relu1").inputs[0] = conv(m).inputs[1]; },
       "method eval: body.relu1 (relu): x: expected an activation, got dense f32 (8, 3, 1, 1)"},
      {"an activation where a weight is read", [](model::Model& m) { conv(m).inputs[1] = 0; },
       "method eval: body.conv1 (project): weight: expected dense f32 of rank 4, got f32 (N, 3, H, W) in "
       "NHWC"},
      {"extent below 1",
       [](model::Model& m) {
         m.inputs[0].shape = {Expr::symbol("N"), 3, 0, Expr::symbol("W")};
       },
       "an extent is less than 1"},
      {"impossible extent",
       [](model::Model& m) {
         node(eval(m), "head.resize").attrs["size"] = std::vector<Expr>{1000000000, 1000000000};
       },
       "head.resize (resize): output y: "},
      {"gradient of another shape",
       [](model::Model& m) {
         node(train(m), "body.conv1.gradient").inputs[1] = node(train(m), "head.conv").inputs[1];
       },
       "method train: store of \"body.conv1.weight.gradient\": expected f32 (8, 3, 1, 1), got f32 (3, 8, 1, "
       "1)"},
      {"gradient of another type", [](model::Model& m) { m.variables[4].dtype = DType::f64; },
       "expected f64 (8, 3, 1, 1), got f32 (8, 3, 1, 1)"},
  });
}

BOOST_AUTO_TEST_CASE(faults_of_values_and_outputs) {
  check_all({
      {"unknown input", [](model::Model& m) { eval(m).values[0].index = 7; },
       "method eval: value \"image\": there is no input 7"},
      {"unknown variable", [](model::Model& m) { eval(m).values[1].index = 70; }, "there is no variable 70"},
      {"unknown origin", [](model::Model& m) { eval(m).values[0].origin = static_cast<model::Origin>(3); },
       "unknown origin 3"},
      {"two values of one variable", [](model::Model& m) { eval(m).values[2].index = 0; },
       "a second value of variable 0"},
      {"output outside", [](model::Model& m) { eval(m).outputs[0].value = 99; },
       "method eval: output \"logits\": there is no value 99"},
      {"absent output", [](model::Model& m) { eval(m).outputs[0].value = kNoValue; }, "there is no value -1"},
      {"output without name", [](model::Model& m) { eval(m).outputs[0].name = ""; }, "an empty name"},
      {"two outputs of one name", [](model::Model& m) { eval(m).outputs.push_back(eval(m).outputs[0]); },
       "the name \"logits\" appears twice"},
  });
}

BOOST_AUTO_TEST_CASE(faults_of_stores) {
  check_all({
      {"store of no variable", [](model::Model& m) { train(m).stores[0].name = "nothing"; },
       "method train: store of \"nothing\": there is no such variable"},
      {"store of an input", [](model::Model& m) { train(m).stores[0].value = 0; },
       "its value is written by no node"},
      {"one value stored twice",
       [](model::Model& m) {
         train(m).stores.push_back({"body.conv1.weight.momentum", train(m).stores[0].value});
       },
       "its value is stored twice"},
      {"variable stored twice", [](model::Model& m) { train(m).stores.push_back(train(m).stores[0]); },
       "appears twice"},
      {"store of a variable that is read later",
       [](model::Model& m) {
         Node reader = node(train(m), "body.relu1");
         reader.path = "late";
         reader.inputs = {1};
         reader.outputs = {static_cast<ValueId>(train(m).values.size())};
         train(m).values.push_back(
             {"late", model::Origin::node, static_cast<std::int32_t>(train(m).nodes.size())});
         train(m).nodes.push_back(reader);
         train(m).stores[0].name = "body.conv1.weight";
       },
       "store of \"body.conv1.weight\": the variable is read by"},
      {"store of an update's result in another variable",
       [](model::Model& m) {
         train(m).stores = {{"body.conv1.weight", node(train(m), "body.bn1").outputs[0]}};
       },
       "its value is the new content of another variable"},
  });
}

BOOST_AUTO_TEST_CASE(faults_of_updates) {
  check_all({
      {"update of what is no variable", [](model::Model& m) { node(train(m), "body.bn1").inputs[1] = 0; },
       "body.bn1 (track): input \"running\": is updated in place and must be a variable"},
      {"read beside its update",
       [](model::Model& m) { node(train(m), "body.bn1").inputs[0] = node(train(m), "body.bn1").inputs[1]; },
       "is updated and read twice"},
      {"read after its update",
       [](model::Model& m) {
         train(m).outputs.push_back({"old", node(train(m), "body.bn1").inputs[1]});
       },
       "variable \"body.bn1.running_mean\" is read after its update"},
      {"step on what is no variable", [](model::Model& m) { node(update(m), "sgd").inputs[1] = 0; },
       "sgd (step): input \"values\": is updated in place and must be a variable"},
      {"step on one variable twice",
       [](model::Model& m) { node(update(m), "sgd").inputs[2] = node(update(m), "sgd").inputs[1]; },
       "is updated and read twice"},
      {"read after a step",
       [](model::Model& m) {
         update(m).outputs.push_back({"old", node(update(m), "sgd").inputs[1]});
       },
       "variable \"body.conv1.weight\" is read after its update"},
  });
}

BOOST_AUTO_TEST_CASE(faults_of_variables) {
  check_all({
      {"two of one name", [](model::Model& m) { m.variables[1].name = m.variables[0].name; },
       "variable body.conv1.weight: the name \"body.conv1.weight\" appears twice"},
      {"long name",
       [](model::Model& m) { m.variables[1].name = std::string(model::kMaxNameLength + 1, 'x'); },
       "a name of more than 512 bytes"},
      {"element type", [](model::Model& m) { m.variables[0].dtype = static_cast<DType>(9); },
       "an unknown element type"},
      {"integer parameter", [](model::Model& m) { m.variables[0].dtype = DType::i32; }, "a parameter of i32"},
      {"kind", [](model::Model& m) { m.variables[3].kind = static_cast<VariableKind>(9); },
       "an unknown kind"},
      {"rank", [](model::Model& m) { m.variables[0].shape.assign(7, Expr(1)); }, "7 extents; at most 6"},
      {"size that depends on the input", [](model::Model& m) { m.variables[0].shape[0] = Expr::symbol("H"); },
       "variable body.conv1.weight: shape: unknown symbol \"H\""},
      {"extent", [](model::Model& m) { m.variables[0].shape[0] = Expr(-8); }, "an extent is less than 1"},
      {"one too large", [](model::Model& m) { m.variables[3].shape = {std::int64_t{1} << 39}; },
       "the variables need more"},
      {"overflowing product",
       [](model::Model& m) { m.variables[3].shape.assign(6, Expr(std::int64_t{1} << 20)); },
       "impossible tensor extent"},
      {"side",
       [](model::Model& m) {
         m.variables[3].shape = {1, std::int64_t{1} << 25};
       },
       "variable body.bn1.running_mean: a side of more than 16777216"},
      {"all together too large",
       [](model::Model& m) {
         for (int i = 0; i < 3; ++i) {
           m.variables.push_back(m.variables[3]);
           m.variables.back().name += std::to_string(i);
           m.variables.back().shape = {std::int64_t{1} << 37};
         }
       },
       "variable body.bn1.running_mean1: the variables need more than"},
      {"gradient of nothing", [](model::Model& m) { m.variables[4].of = 90; },
       "variable body.conv1.weight.gradient: belongs to variable 90, which is no parameter"},
      {"gradient of itself", [](model::Model& m) { m.variables[4].of = 4; }, "which is no parameter"},
      {"parameter of a parameter", [](model::Model& m) { m.variables[0].of = 1; },
       "belongs to another variable"},
      {"momentum of another shape", [](model::Model& m) { m.variables[5].shape[0] = 9; },
       "its shape differs from that of its parameter body.conv1.weight"},
      {"initialiser", [](model::Model& m) { m.variables[0].init.kind = static_cast<InitKind>(77); },
       "initialiser: an unknown initialiser"},
      {"negative deviation", [](model::Model& m) { m.variables[1].init.b = -1.0; },
       "a negative standard deviation"},
      {"no fan", [](model::Model& m) { m.variables[2].init.fan_in = 0; }, "the fan in is less than 1"},
      {"fan of a vector",
       [](model::Model& m) { m.variables[2].init.kind = InitKind::kaiming_normal_fan_out; },
       "needs a variable of rank 4"},
      {"symbol of an initialiser", [](model::Model& m) { m.variables[0].init.a = Expr::symbol("N"); },
       "unknown symbol \"N\""},
  });
}

BOOST_AUTO_TEST_CASE(faults_of_the_rest) {
  const double infinity = std::numeric_limits<double>::infinity();
  check_all({
      {"parameter twice", [](model::Model& m) { m.parameters[1].name = "classes"; },
       "the name \"classes\" appears twice"},
      {"half a class", [](model::Model& m) { m.parameters[0].value = 2.5; },
       "graph parameter classes: its value is not an integer"},
      {"huge integer", [](model::Model& m) { m.parameters[0].value = 1e300; }, "its value is not an integer"},
      {"infinite", [&](model::Model& m) { m.parameters[2].value = infinity; }, "not a finite number"},
      {"outside its range", [](model::Model& m) { m.parameters[2].value = 2; }, "is outside its range"},
      {"input twice", [](model::Model& m) { m.inputs[1].name = "image"; },
       "input image: the name \"image\" appears twice"},
      {"input type", [](model::Model& m) { m.inputs[1].dtype = static_cast<DType>(200); },
       "an unknown element type"},
      {"input rank", [](model::Model& m) { m.inputs[1].shape.assign(7, Expr(1)); }, "7 extents; at most 6"},
      {"requirement", [](model::Model& m) { m.requirements[0].condition.symbols[0] = "Q"; },
       "requirement: unknown symbol \"Q\""},
      {"method twice", [](model::Model& m) { m.methods[1].name = "eval"; },
       "method eval: the name \"eval\" appears twice"},
      {"palette", [](model::Model& m) { m.palette.pop_back(); }, "the palette has 8 bytes for 3 classes"},
      {"two channels", [](model::Model& m) { m.preprocess.mean.pop_back(); },
       "preprocess: mean and std must have one number for each of 1 to 64 channels, have 2 and 3"},
      {"four channels",
       [](model::Model& m) {
         m.preprocess.mean.push_back(0);
         m.preprocess.std.push_back(1);
       },
       "signature: input \"image\": preprocess: expected one mean and std for each of 3 channels, got 4"},
      {"pixels", [](model::Model& m) { m.preprocess.stored = static_cast<model::PixelType>(3); },
       "an unknown type of pixels"},
      {"no channels",
       [](model::Model& m) {
         m.preprocess.mean.clear();
         m.preprocess.std.clear();
       },
       "have 0 and 0"},
      {"deviation of 0", [](model::Model& m) { m.preprocess.std[1] = 0; }, "must be positive"},
      {"scale", [](model::Model& m) { m.preprocess.value_scale = std::nan(""); }, "must be positive"},
      {"class without name", [](model::Model& m) { m.class_names[1] = ""; }, "class names: an empty name"},
      {"protocol without name", [](model::Model& m) { m.protocol->name = ""; }, "protocol: an empty name"},
      {"protocol of a negative scale", [](model::Model& m) { m.protocol->scales[0] = -1; },
       "protocol: a scale of -1"},
      {"protocol of no scale", [](model::Model& m) { m.protocol->scales.clear(); }, "protocol: no scales"},
      {"metadata without name", [](model::Model& m) { m.metadata[""] = "1"; }, "metadata: an empty name"},
      {"long metadata",
       [](model::Model& m) { m.metadata["x"] = std::string(model::kMaxTextLength + 1, 'x'); },
       "metadata: 65537 bytes of x; at most 65536"},
      {"library that is not there", [](model::Model& m) { m.required_ops[0].ops.push_back("swish"); },
       "the op \"swish\" comes from the op library \"sample\" 1.2, which was not given",
       ErrorCode::unsupported},
      {"expression of settings", [](model::Model& m) { m.parameters[2].from.tokens.pop_back(); },
       "graph parameter rate: from: "},
      {"long documentation", [](model::Model& m) { m.doc = std::string(model::kMaxTextLength + 1, 'x'); },
       "at most 65536"},
  });
}

// A model's name becomes part of paths and is printed (a run's folder, exp/DATA/MODEL/TIME).
BOOST_AUTO_TEST_CASE(names_that_are_no_component_of_a_path) {
  for (const std::string& name : {std::string(), std::string("/etc"), std::string("../x"), std::string("a/b"),
                                  std::string(".hidden"), std::string("-o"), std::string("a b"),
                                  std::string("a\0b", 3), std::string("\x1b]0;x\a"), std::string(129, 'x')}) {
    check_all({{name, [&](model::Model& m) { m.name = name; }, "the model's name must be letters, digits"}});
  }
  for (const std::string& name :
       {std::string("spnet50"), std::string("my-net_1.5+x"), std::string(128, 'x')}) {
    model::Model model = sample_model();
    model.name = name;
    BOOST_TEST(message_of(model::validate(model, sample_registry())) == "");
  }
}

namespace {

model::Port& input(model::Model& model, std::string_view name) {
  return *std::ranges::find(model.signature.inputs, name, &model::Port::name);
}
model::Port& logits(model::Model& model) { return model.signature.outputs[0]; }

}  // namespace

BOOST_AUTO_TEST_CASE(the_signature_follows_from_names) {
  const model::Model model = sample_model();
  const model::Port& image = *model.signature.input(model::roles::kImage);
  BOOST_TEST(image.name == "image");
  BOOST_TEST(to_string(image.channels) == "3");
  BOOST_TEST(image.rank == 4);
  const model::Port& found = *model.signature.output(model::methods::kEval, model::roles::kLogits);
  BOOST_TEST(to_string(found.channels) == "classes");
  BOOST_TEST(to_string(found.classes) == "classes");
  BOOST_TEST(model.signature.input(model::roles::kLearningRate)->name == "lr");
  BOOST_TEST(model.signature.output(model::methods::kTrain, model::roles::kLoss)->name == "loss");
  BOOST_TEST(model.signature.input("depth") == nullptr);
}

BOOST_AUTO_TEST_CASE(what_no_role_is_known_for_is_left_alone) {
  model::Model model = sample_model();
  input(model, "label").role = "depth";
  input(model, "label").properties["unit"] = "\"m\"";
  BOOST_TEST(message_of(model::validate(model, sample_registry())) == "");
}

BOOST_AUTO_TEST_CASE(faults_of_the_signature) {
  check_all({
      {"no such input", [](model::Model& m) { input(m, "image").name = "picture"; },
       "signature: input \"picture\": the model has no such input"},
      {"no such output", [](model::Model& m) { logits(m).name = "scores"; },
       "the method eval has no such output"},
      {"no such method", [](model::Model& m) { logits(m).method = "infer"; },
       "the model has no method \"infer\""},
      {"input of a method", [](model::Model& m) { input(m, "image").method = "eval"; },
       "an input of a method"},
      {"twice", [](model::Model& m) { m.signature.inputs.push_back(input(m, "image")); }, "appears twice"},
      {"two images",
       [](model::Model& m) {
         model::Input second = m.inputs[0];
         second.name = "second";
         m.inputs.push_back(second);
         m.signature.inputs.push_back(input(m, "image"));
         m.signature.inputs.back().name = "second";
       },
       "a second one with the role \"image\""},
      {"element type", [](model::Model& m) { input(m, "image").dtype = DType::u8; },
       "expected u8 of rank 4, got f32"},
      {"unknown type", [](model::Model& m) { input(m, "image").dtype = static_cast<DType>(99); },
       "of rank 4, got f32"},
      {"rank", [](model::Model& m) { logits(m).rank = 3; }, "expected f32 of rank 3, got f32 ("},
      {"channels", [](model::Model& m) { logits(m).channels = Expr(7); }, "channels: expected 7, got 3"},
      {"channels of what has none", [](model::Model& m) { input(m, "label").channels = Expr(1); },
       "has channels, but is no map"},
      {"channels that depend on the size", [](model::Model& m) { logits(m).channels = Expr::symbol("H"); },
       "channels: unknown symbol \"H\""},
      {"classes", [](model::Model& m) { logits(m).classes = Expr(4); }, "classes: expected 4, got 3"},
      {"no classes", [](model::Model& m) { logits(m).classes = Expr(0); }, "no number of classes"},
      {"label as image",
       [](model::Model& m) {
         input(m, "image").role = "";
         input(m, "label").role = "image";
       },
       "the role \"image\" is that of f32 of rank 4, this is i32 (N, H, W)"},
      {"output as image", [](model::Model& m) { logits(m).role = "image"; },
       "the role \"image\" is an input's"},
      {"stride", [](model::Model& m) { logits(m).stride = 8; }, "a stride without a rule"},
      {"no stride", [](model::Model& m) { logits(m).stride = 0; }, "a stride of 0"},
      {"rule", [](model::Model& m) { logits(m).interpolation = "cubic"; },
       "an unknown rule of interpolation"},
      {"role with control characters", [](model::Model& m) { logits(m).role = "a\nb"; },
       "control characters"},
      {"property", [](model::Model& m) { logits(m).properties[""] = "1"; }, "property: an empty name"},
  });
}

BOOST_AUTO_TEST_CASE(faults_of_quantised_values) {
  const auto hint = [](model::Model& m) -> model::QuantisedValue& { return eval(m).quantised[0]; };
  check_all({
      {"no value", [&](model::Model& m) { hint(m).value = 1000; }, "quantised: there is no value 1000"},
      {"twice", [&](model::Model& m) { eval(m).quantised.push_back(hint(m)); }, "appears twice"},
      {"bits", [&](model::Model& m) { hint(m).bits = 1; }, "expected 2 to 16 bits"},
      {"axis", [&](model::Model& m) { hint(m).axis = 6; }, "an unknown axis"},
      {"no scale", [&](model::Model& m) { hint(m).scales.clear(); }, "scales must be positive numbers"},
      {"negative scale", [&](model::Model& m) { hint(m).scales[0] = -1; }, "scales must be positive numbers"},
      {"two scales for all", [&](model::Model& m) { hint(m).axis = -1; }, "expected one scale"},
      {"zero points", [&](model::Model& m) { hint(m).zero_points = {1}; },
       "expected a zero point for each scale"},
  });
}
