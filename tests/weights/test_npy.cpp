#include "runtime/weights/npy.h"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "tests/weights/files.h"

namespace graphrun::test {
namespace {

std::string npy_of(const std::string& header, std::size_t data, char version = 1) {
  std::string bytes = std::string("\x93NUMPY") + version + '\0' + static_cast<char>(header.size() & 0xFF) +
                      static_cast<char>(header.size() >> 8);
  if (version == 2) bytes += std::string(2, '\0');
  return bytes + header + std::string(data, '\1');
}

Result<weights::NpyArray> read_bytes(const Scratch& scratch, const std::string& bytes) {
  write(scratch / "a.npy", bytes);
  return weights::read_npy(scratch / "a.npy");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(npy)

BOOST_AUTO_TEST_CASE(reads_and_writes_numpys_bytes) {
  const Scratch scratch;
  for (const std::string name : {"matrix.npy", "vector.npy", "scalar.npy", "image.npy"}) {
    const weights::NpyArray array = ok(weights::read_npy(golden(name)));
    ok(weights::write_npy(scratch / name, array.desc, array.bytes));
    BOOST_TEST(read(scratch / name) == read(golden(name)), name);
  }
  const weights::NpyArray image = ok(weights::read_npy(golden("image.npy")));
  BOOST_TEST((image.desc == TensorDesc::dense(DType::f32, {1, 3, 2, 4})));
  BOOST_TEST(values<float>({"", image.desc, image.bytes}) == ramp(24, 0), boost::test_tools::per_element());
  const weights::NpyArray vector = ok(weights::read_npy(golden("vector.npy")));
  BOOST_TEST((vector.desc == TensorDesc::dense(DType::i32, {5})));
}

BOOST_AUTO_TEST_CASE(header_variants) {
  const Scratch scratch;
  const std::string other_order = "{\"shape\":(2,),\"fortran_order\":False,\"descr\":\"<f4\"}\n";
  BOOST_TEST((ok(read_bytes(scratch, npy_of(other_order, 8))).desc == TensorDesc::dense(DType::f32, {2})));
  BOOST_TEST((ok(read_bytes(scratch, npy_of(other_order, 8, 2))).desc == TensorDesc::dense(DType::f32, {2})));
}

BOOST_AUTO_TEST_CASE(errors) {
  const Scratch scratch;
  const auto attempt = [&](const std::string& bytes) { return error_of(read_bytes(scratch, bytes)); };
  const auto header = [](const std::string& descr, const std::string& shape) {
    return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
  };
  check_contains(error_of(weights::read_npy(golden("fortran.npy"))), "Fortran order");
  check_contains(attempt("hello"), "not a .npy file");
  check_contains(attempt(npy_of(header("<f4", "(2,)"), 7)), "has 7 bytes of data instead of 8");
  check_contains(attempt(npy_of(header("<f4", "(2,)"), 9)), "has 9 bytes of data instead of 8");
  check_contains(attempt(npy_of(header(">f4", "(2,)"), 8)), "elements of type '>f4'");
  check_contains(attempt(npy_of(header("|O", "(2,)"), 8)), "elements of type '|O'");
  check_contains(attempt(npy_of(header("<f4", "(9223372036854775807, 9223372036854775807)"), 8)), "a.npy");
  check_contains(attempt(npy_of(header("<f4", "(99999999999999999999,)"), 8)), "a wrong shape");
  check_contains(attempt(npy_of(header("<f4", "(-1,)"), 8)), "a.npy");
  check_contains(attempt(npy_of(header("<f4", "(1,1,1,1,1,1,1)"), 4)), "a wrong shape");
  check_contains(attempt(npy_of(header("<f4", "__import__('os')"), 8)), "shape is not a tuple");
  check_contains(attempt(npy_of("{'descr': '<f4'}\n", 8)), "no descr, fortran_order or shape");
  check_contains(attempt(npy_of("{'descr': '<f4', 'descr': '<f4'}\n", 8)), "unknown or repeated key 'descr'");
  check_contains(attempt(npy_of("{'descr': '<f4', ", 0)), "a string is missing");
  check_contains(attempt(npy_of(header("<f4", "()"), 4, 3)), "version 3");
  check_contains(error_of(weights::write_npy(scratch / "b.npy", TensorDesc::dense(DType::bf16, {}), {})),
                 "no bf16");
  BOOST_TEST(scratch.files() == 1);
}

BOOST_AUTO_TEST_CASE(no_damage_crashes_the_reader) {
  const Scratch scratch;
  const std::string good = read(golden("matrix.npy"));
  for (std::size_t length = 0; length < good.size(); ++length) {
    BOOST_TEST(!read_bytes(scratch, good.substr(0, length)).ok());
  }
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const auto array = read_bytes(scratch, bad);
    if (array.ok()) BOOST_TEST(static_cast<std::int64_t>(array->bytes.size()) == array->desc.bytes());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace graphrun::test
