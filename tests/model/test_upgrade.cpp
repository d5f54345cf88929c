#include <boost/test/unit_test.hpp>

#include "program_generated.h"
#include "runtime/model/model_file.h"
#include "tests/model/expect.h"
#include "tests/model/sample_model.h"

// Files of version 1 as they are read. Files that a program of that time wrote:
// tests/session/version1_test.cpp.
using namespace graphrun;
using namespace graphrun::test;

namespace {

// The model as a file of version 1 has it, read.
Result<model::Model> from_version_1(const model::Model& model) {
  std::vector<std::byte> bytes = require(model::serialize(model));
  auto& table = const_cast<fb::Model&>(*fb::GetModel(bytes.data()));
  reinterpret_cast<flatbuffers::Table&>(table).SetField<std::uint32_t>(fb::Model::VT_VERSION, 1, 0);
  return model::parse_model(bytes, sample_registry());
}

}  // namespace

BOOST_AUTO_TEST_CASE(names_become_roles) {
  model::Model model = sample_model();
  const model::Signature expected = model.signature;
  model.signature = {};
  const model::Model upgraded = require(from_version_1(model));
  BOOST_TEST(upgraded.signature.inputs.size() == expected.inputs.size());
  BOOST_TEST(upgraded.signature.outputs.size() == expected.outputs.size());
  for (std::size_t i = 0; i < expected.outputs.size(); ++i) {
    BOOST_TEST(upgraded.signature.outputs[i].role == expected.outputs[i].role);
    BOOST_TEST((upgraded.signature.outputs[i].channels == expected.outputs[i].channels));
  }
}

BOOST_AUTO_TEST_CASE(a_name_whose_tensor_is_another_has_no_role) {
  model::Model model = sample_model();
  model.signature = {};
  model.inputs[1].name = "lr";
  model.inputs[2].name = "label";
  model.methods[2].values[0].name = "label";
  const model::Model upgraded = require(from_version_1(model));
  BOOST_TEST(upgraded.signature.input(model::roles::kLabel) == nullptr);
  BOOST_TEST(upgraded.signature.input(model::roles::kLearningRate) == nullptr);
  BOOST_TEST(upgraded.signature.input(model::roles::kImage) != nullptr);
}

BOOST_AUTO_TEST_CASE(images_of_other_channels_are_taken_as_they_are) {
  model::Model model = large_model();
  BOOST_TEST(model.preprocess.mean.size() == 3u);
  const model::Model upgraded = require(from_version_1(model));
  BOOST_TEST(upgraded.preprocess.mean.size() == 64u);
  BOOST_TEST(to_string(upgraded.signature.input(model::roles::kImage)->channels) == "64");
  model.preprocess.mean.push_back(0);
  model.preprocess.std.push_back(1);
  expect_error(message_of(from_version_1(model)), "preprocess: mean and std must have 3 numbers each");
}

BOOST_AUTO_TEST_CASE(names_of_version_1_are_components_of_a_path_too) {
  model::Model model = sample_model();
  model.name = "/home/x";
  expect_error(message_of(from_version_1(model)), "the model's name must be");
}
