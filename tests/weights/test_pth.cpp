#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "runtime/weights/tensor_file.h"
#include "tests/weights/files.h"

namespace graphrun::test {
namespace {

const std::vector<std::string> kForms{"zip_", "legacy_"};
const std::vector<std::string> kNetworkNames{"bn.bias",   "bn.running_mean", "bn.running_var",
                                             "bn.weight", "conv.bias",       "conv.weight"};

std::shared_ptr<const weights::TensorFile> open_golden(const std::string& name) {
  return ok(weights::TensorFile::open(golden(name)));
}

void check_network(const weights::TensorFile& file) {
  BOOST_TEST(names(file) == kNetworkNames, boost::test_tools::per_element());
  check_f32(file, "conv.weight", {3, 2, 3, 3}, ramp(54, 1));
  check_f32(file, "conv.bias", {3}, ramp(3, 2));
  check_f32(file, "bn.weight", {3}, ramp(3, 3));
  check_f32(file, "bn.bias", {3}, ramp(3, 4));
  check_f32(file, "bn.running_mean", {3}, ramp(3, 5));
  check_f32(file, "bn.running_var", {3}, ramp(3, 6));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pth)

BOOST_AUTO_TEST_CASE(a_state_dict_in_every_form) {
  for (const std::string name : {"zip_plain", "legacy_plain", "zip_protocol4", "legacy_protocol4"}) {
    BOOST_TEST_CONTEXT(name) check_network(*open_golden(name + ".pth"));
  }
}

BOOST_AUTO_TEST_CASE(a_checkpoint_is_entered_and_its_names_cleaned) {
  for (const std::string& form : kForms) {
    BOOST_TEST_CONTEXT(form) check_network(*open_golden(form + "checkpoint.pth"));
    BOOST_TEST_CONTEXT(form) check_network(*open_golden(form + "nested.pth"));
  }
}

BOOST_AUTO_TEST_CASE(views_of_storages_give_their_elements) {
  for (const std::string& form : kForms) {
    BOOST_TEST_CONTEXT(form) {
      const auto file = open_golden(form + "views.pth");
      const std::vector<float> base = ramp(24, 0);
      std::vector<float> transposed;
      for (std::size_t column = 0; column < 6; ++column) {
        for (std::size_t row = 0; row < 4; ++row) transposed.push_back(base[row * 6 + column]);
      }
      check_f32(*file, "base", {4, 6}, base);
      check_f32(*file, "transposed", {6, 4}, transposed);
      check_f32(*file, "column", {4}, {base[1], base[7], base[13], base[19]});
      check_f32(*file, "block", {2, 2}, {base[8], base[10], base[14], base[16]});
      check_f32(*file, "first", {4}, ramp(4, 100));
      check_f32(*file, "last", {6}, ramp(6, 102));
      check_f32(*file, "expanded", {2, 3}, {7, 7.5, 8, 7, 7.5, 8});
      check_f32(*file, "scalar", {}, {2.5});
      check_f32(*file, "empty", {0, 3}, {});
      std::vector<float> permuted;  // element (l, j, i, k) is that of (i, j, k, l) in a tensor (2, 3, 4, 5)
      for (int l = 0; l < 5; ++l) {
        for (int j = 0; j < 3; ++j) {
          for (int i = 0; i < 2; ++i) {
            for (int k = 0; k < 4; ++k)
              permuted.push_back(0.5F * static_cast<float>(((i * 3 + j) * 4 + k) * 5 + l));
          }
        }
      }
      check_f32(*file, "permuted", {5, 3, 2, 4}, permuted);
    }
  }
}

BOOST_AUTO_TEST_CASE(contiguous_tensors_of_a_zip_share_their_storage) {
  const auto file = open_golden("zip_views.pth");
  BOOST_TEST(tensor(*file, "first").bytes.data() + 16 == tensor(*file, "last").bytes.data());
}

BOOST_AUTO_TEST_CASE(element_types) {
  for (const std::string& form : kForms) {
    BOOST_TEST_CONTEXT(form) {
      const auto file = open_golden(form + "dtypes.pth");
      check_f32(*file, "parameter", {3}, ramp(3, 1));
      const auto check = [&](const std::string& name, DType dtype, const auto& expected) {
        const weights::NamedTensor& found = tensor(*file, name);
        BOOST_TEST((found.desc == TensorDesc::dense(dtype, {3})), name);
        BOOST_TEST(reinterpret_cast<std::uintptr_t>(found.bytes.data()) % size_of(dtype) == 0);
        using T = typename std::decay_t<decltype(expected)>::value_type;
        BOOST_TEST(values<T>(found) == expected, boost::test_tools::per_element());
      };
      check("f64", DType::f64, std::vector<double>{-1, -0.5, 0});
      check("f16", DType::f16, std::vector<std::uint16_t>{0xBC00, 0xB800, 0});
      check("bf16", DType::bf16, std::vector<std::uint16_t>{0xBF80, 0xBF00, 0});
      check("i64", DType::i64, std::vector<std::int64_t>{-1, 0, 0});
      check("i32", DType::i32, std::vector<std::int32_t>{-1, 0, 0});
      check("u8", DType::u8, std::vector<std::uint8_t>{1, 1, 2});
    }
  }
}

BOOST_AUTO_TEST_CASE(code_is_refused_by_name) {
  for (const std::string& form : kForms) {
    const auto file = weights::TensorFile::open(golden(form + "evil.pth"));
    check_contains(error_of(file),
                   "the file wants to construct 'posix.system', which has no place in a checkpoint");
    check_contains(error_of(file), "evil.pth");
  }
}

BOOST_AUTO_TEST_CASE(errors_name_the_tensor) {
  for (const std::string& form : kForms) {
    check_contains(error_of(weights::TensorFile::open(golden(form + "bool.pth"))), "tensor 'mask' is bool");
  }
  check_contains(error_of(weights::TensorFile::open(golden("zip_twice.pth"))),
                 "two tensors are named 'weight'");
  BOOST_TEST(names(*open_golden("zip_no_tensors.pth")) == std::vector<std::string>{"weight"},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(other_files_are_refused) {
  const Scratch scratch;
  write(scratch / "empty", "");
  write(scratch / "text", "just some text, long enough to be a header");
  check_contains(error_of(weights::TensorFile::open(scratch / "empty")), "the file is empty");
  check_contains(error_of(weights::TensorFile::open(scratch / "text")),
                 "a text, not weights; it begins with 'just some text");
  const auto missing = weights::TensorFile::open(scratch / "missing");
  check_contains(error_of(missing), "No such file");
  BOOST_TEST((missing.status().code() == ErrorCode::not_found));
  check_contains(error_of(weights::TensorFile::open(scratch.path)), "is a folder, not a file");
}

BOOST_AUTO_TEST_CASE(names) {
  BOOST_TEST((weights::canonical_name("module.layer0.0.weight") == "layer0.0.weight"));
  BOOST_TEST((weights::canonical_name("layer.module.weight") == "layer.module.weight"));
  BOOST_TEST(!weights::canonical_name("module.bn.num_batches_tracked").has_value());
  BOOST_TEST(!weights::canonical_name("criterion.weight").has_value());
  BOOST_TEST((weights::canonical_name("head.criterion.weight") == "head.criterion.weight"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace graphrun::test
