#include <boost/test/unit_test.hpp>
#include <cstring>
#include <filesystem>

#include "runtime/model/model_file.h"
#include "tests/model/expect.h"
#include "tests/model/sample_model.h"

using namespace graphrun;
using namespace graphrun::test;

namespace {

// The model that its bytes give back.
model::Model store_and_parse(const model::Model& model) {
  return require(model::parse_model(require(model::serialize(model)), sample_registry()));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_model_comes_back_as_it_was) {
  const model::Model model = sample_model();
  BOOST_TEST(equal(store_and_parse(model), model));
}

BOOST_AUTO_TEST_CASE(an_optional_input_that_the_file_does_not_know_is_absent) {
  model::Model model = sample_model();
  std::vector<ValueId>& inputs = model.methods[0].nodes[0].inputs;
  inputs.back() = kNoValue;
  const model::Model expected = model;
  inputs.pop_back();
  BOOST_TEST(equal(store_and_parse(model), expected));
}

BOOST_AUTO_TEST_CASE(a_model_of_nothing_comes_back) {
  model::Model model;
  model.name = "nothing";
  BOOST_TEST(equal(store_and_parse(model), model));
}

BOOST_AUTO_TEST_CASE(the_same_model_gives_the_same_bytes) {
  BOOST_TEST((require(model::serialize(sample_model())) == require(model::serialize(sample_model()))));
}

BOOST_AUTO_TEST_CASE(a_model_of_the_size_of_a_resnet_in_training_is_small) {
  const model::Model model = large_model();
  const std::size_t size = require(model::serialize(model)).size();
  BOOST_TEST_MESSAGE("large model: " << size << " bytes");
  BOOST_TEST(size <= 200'000U);
  BOOST_TEST(equal(store_and_parse(model), model));
}

BOOST_AUTO_TEST_CASE(bytes_at_an_odd_address_are_read) {
  const std::vector<std::byte> bytes = require(model::serialize(sample_model()));
  std::vector<std::byte> shifted(bytes.size() + 1);
  std::memcpy(shifted.data() + 1, bytes.data(), bytes.size());
  const model::Model model = require(model::parse_model(std::span(shifted).subspan(1), sample_registry()));
  BOOST_TEST(equal(model, sample_model()));
}

BOOST_AUTO_TEST_CASE(a_file_comes_back_and_errors_name_it) {
  const std::string path = (std::filesystem::temp_directory_path() / "graphrun_test_model.fb").string();
  BOOST_REQUIRE_EQUAL(message_of(model::write_model(sample_model(), path)), "");
  BOOST_TEST(equal(require(model::read_model(path, sample_registry())), sample_model()));
  std::filesystem::resize_file(path, 100);
  expect_error(message_of(model::read_model(path, sample_registry())),
               path + ": not a graphrun model, or a damaged one");
  std::filesystem::remove(path);
  const auto missing = model::read_model(path, sample_registry());
  BOOST_REQUIRE(!missing.ok());
  BOOST_TEST((missing.status().code() == ErrorCode::not_found));
}
