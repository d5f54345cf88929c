#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>

#include "program_generated.h"
#include "runtime/model/model_file.h"
#include "runtime/model/validate.h"
#include "tests/model/expect.h"
#include "tests/model/sample_model.h"

using namespace graphrun;
using namespace graphrun::test;

namespace {

using Bytes = std::vector<std::byte>;

// Either a clear error, or a model that can be used.
void parse_and_check(std::span<const std::byte> bytes) {
  const auto model = model::parse_model(bytes, sample_registry());
  if (model.ok()) {
    if (!model::validate(*model, sample_registry()).ok())
      BOOST_ERROR("a model that does not validate was let through");
    return;
  }
  const bool names_library = model.status().code() == ErrorCode::unsupported &&
                             model.status().message().find("which was not given") != std::string::npos;
  if ((model.status().code() != ErrorCode::invalid_file && !names_library) ||
      model.status().message().empty()) {
    BOOST_ERROR("not a clear error: " << model.status().message());
  }
}

// A file that is right but for one structure, which `change` overwrites in place.
template <class Change>
std::string error_after(const Change& change, const model::Model& model = sample_model()) {
  Bytes bytes = require(model::serialize(model));
  change(*fb::GetModel(bytes.data()));
  return message_of(model::parse_model(bytes, sample_registry()));
}

template <class T>
void overwrite(const T* item, const T& value) {
  *const_cast<T*>(item) = value;
}

template <class T>
void overwrite_element(const flatbuffers::Vector<T>* items, flatbuffers::uoffset_t index, T value) {
  const_cast<flatbuffers::Vector<T>*>(items)->Mutate(index, value);
}

}  // namespace

BOOST_AUTO_TEST_CASE(no_truncation_is_accepted) {
  const Bytes bytes = require(model::serialize(sample_model()));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    // Of exactly this size, so that a sanitizer sees a read behind it.
    const Bytes part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    parse_and_check(part);
  }
}

BOOST_AUTO_TEST_CASE(flipped_bits_give_an_error_or_a_valid_model) {
  const Bytes bytes = require(model::serialize(sample_model()));
  std::mt19937 random(1);  // NOLINT: the same flips in every run
  constexpr int kFlips = 50000;
  for (int i = 0; i < kFlips; ++i) {
    Bytes damaged = bytes;
    for (int flips = 1 + i % 3; flips > 0; --flips) {
      damaged[random() % damaged.size()] ^= std::byte(1U << (random() % 8));
    }
    parse_and_check(damaged);
  }
}

BOOST_AUTO_TEST_CASE(random_bytes_are_no_model) {
  std::mt19937 random(2);  // NOLINT
  for (std::size_t size = 0; size < 300; ++size) {
    Bytes bytes(size);
    for (std::byte& byte : bytes) byte = std::byte(random() % 256);
    expect_error(message_of(model::parse_model(bytes, sample_registry())), "not a graphrun model");
  }
}

BOOST_AUTO_TEST_CASE(a_newer_format_is_named) {
  expect_error(error_after([](const fb::Model& file) {
                 auto& table = reinterpret_cast<flatbuffers::Table&>(const_cast<fb::Model&>(file));
                 table.SetField<std::uint32_t>(fb::Model::VT_VERSION, 3, 0);
               }),
               "format version 3; this program reads versions 1 to 2");
}

BOOST_AUTO_TEST_CASE(references_are_checked) {
  expect_error(error_after([](const fb::Model& file) { overwrite(file.names()->Get(3), fb::Name(4, 0)); }),
               "there is no name 4");
  expect_error(
      error_after([](const fb::Model& file) { overwrite(file.names()->Get(3), fb::Name(0, 100000)); }),
      "there is no string 100000");
  expect_error(
      error_after([](const fb::Model& file) { overwrite(file.inits()->Get(0), fb::Init(9999, 0, 0, 0)); }),
      "there is no expression 9999");
  expect_error(
      error_after([](const fb::Model& file) { overwrite_element(file.lists()->Get(0)->exprs(), 0, 9999U); }),
      "there is no expression 9999");
  expect_error(error_after([](const fb::Model& file) {
                 overwrite(file.variables()->Get(0), fb::Variable(1, 999, 0, -1, 0, 0));
               }),
               "there is no list 999");
  expect_error(error_after([](const fb::Model& file) {
                 overwrite(file.variables()->Get(0), fb::Variable(1, 0, 999, -1, 0, 0));
               }),
               "there is no initialiser 999");
  expect_error(error_after([](const fb::Model& file) {
                 overwrite(file.methods()->Get(0)->nodes()->Get(0), fb::Node(1, 1, 999, 4, 1));
               }),
               "method 0: there is no set of attributes 999");
  expect_error(error_after([](const fb::Model& file) {
                 const auto* nodes = file.methods()->Get(0)->nodes();
                 const fb::Node* last = nodes->Get(nodes->size() - 1);
                 overwrite(last, fb::Node(last->path(), last->op(), last->attrs(), 60000, 1));
               }),
               "its operands are missing");
  expect_error(error_after([](const fb::Model& file) {
                 const fb::Node* node = file.methods()->Get(0)->nodes()->Get(0);
                 overwrite(node, fb::Node(node->path(), node->op(), node->attrs(), 0, 0));
               }),
               "operands are left over");
  expect_error(error_after([](const fb::Model& file) {
                 const auto* attrs = file.attr_sets()->Get(0)->attrs();
                 overwrite(attrs->Get(0), fb::Attr(attrs->Get(0)->name(), 0, 3));
               }),
               "an attribute of unknown kind 3");
  expect_error(error_after([](const fb::Model& file) {
                 const auto* attrs = file.attr_sets()->Get(0)->attrs();
                 overwrite(attrs->Get(0), *attrs->Get(1));
               }),
               "appears twice");
}

BOOST_AUTO_TEST_CASE(a_small_file_cannot_fill_the_memory) {
  model::Model model = sample_model();
  model::Method& method = model.methods[2];
  method.nodes[0].attrs["lr_mult"] = std::vector<Expr>(60000, Expr(1.0));
  for (int i = 0; i < 1000; ++i) {
    method.nodes.push_back(method.nodes[0]);
    method.nodes.back().attrs.clear();
  }
  const std::string message = error_after(
      [](const fb::Model& file) {
        const auto* nodes = file.methods()->Get(2)->nodes();
        const std::uint32_t large = nodes->Get(0)->attrs();
        for (const fb::Node* node : *nodes) {
          overwrite(node, fb::Node(node->path(), node->op(), large, node->inputs(), node->outputs()));
        }
      },
      model);
  expect_error(message, "the model expands to more than");
}

BOOST_AUTO_TEST_CASE(names_that_grow_without_end_are_refused) {
  model::Model model = sample_model();
  std::string name = "x";
  for (int i = 0; i < 200; ++i) name += ".abcd";
  model.variables[0].name = name;
  expect_error(message_of(model::parse_model(require(model::serialize(model)), sample_registry())),
               "a name of more than 512 bytes");
}
