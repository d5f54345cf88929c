#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/weights/convert.h"
#include "runtime/weights/safetensors.h"
#include "tests/weights/files.h"

// Checkpoints in the forms in which trainers save them, and files of other kinds
// (tests/oracle/checkpoint_forms.py).
namespace graphrun::test {
namespace {

// The network of forms/: tensor i begins with i, and its elements ascend by a half.
const std::vector<std::pair<std::string, Shape>> kNetwork{
    {"conv.weight", {2, 3, 1, 1}}, {"conv.bias", {2}},      {"bn.weight", {2}},           {"bn.bias", {2}},
    {"bn.running_mean", {2}},      {"bn.running_var", {2}}, {"head.weight", {4, 2, 1, 1}}};

weights::TensorChoice choice(const std::string& key = {}, const std::string& strip = {}) {
  return {key, strip, [](std::string_view name) {
            return std::ranges::any_of(kNetwork, [&](const auto& one) { return one.first == name; });
          }};
}

void check_network(const weights::TensorFile& file, float offset = 0) {
  float start = offset;
  for (const auto& [name, shape] : kNetwork) {
    const weights::NamedTensor& found = tensor(file, name);
    BOOST_TEST((found.desc.shape == shape), name);
    BOOST_REQUIRE(is_real(found.desc.dtype));
    std::vector<float> values(static_cast<std::size_t>(shape.count()));
    weights::convert_to_f32(found, values);
    BOOST_TEST(values == ramp(shape.count(), start), boost::test_tools::per_element());
    start += 1;
  }
  for (const weights::NamedTensor& each : file.tensors()) {
    const bool known = std::ranges::any_of(kNetwork, [&](const auto& one) { return one.first == each.name; });
    BOOST_TEST((known || !is_real(each.desc.dtype)), each.name);
  }
}

std::vector<std::string> files_of(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(golden(folder)))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoint_forms)

BOOST_AUTO_TEST_CASE(state_dicts_load_in_every_form) {
  const std::vector<std::string> names = files_of("forms");
  BOOST_TEST(names.size() >= 60U);
  for (const std::string& name : names) {
    BOOST_TEST_CONTEXT(name) {
      const auto file = weights::TensorFile::open(golden("forms/" + name), choice());
      BOOST_TEST_REQUIRE(file.ok(), (file.ok() ? "" : file.status().message()));
      check_network(**file);
    }
  }
}

BOOST_AUTO_TEST_CASE(other_files_are_refused_by_what_they_are) {
  std::ifstream list(golden("others/expected.txt"));
  std::size_t count = 0;
  for (std::string line; std::getline(list, line); ++count) {
    const std::size_t tab = line.find('\t');
    const std::string name = line.substr(0, tab);
    BOOST_TEST_CONTEXT(name) {
      const std::string path = golden("others/" + name);
      const auto file = weights::TensorFile::open(path, choice());
      BOOST_TEST_REQUIRE(!file.ok());
      check_contains(file.status().message(), line.substr(tab + 1));
      check_contains(file.status().message(), path);
    }
  }
  BOOST_TEST(count >= 50U);
}

BOOST_AUTO_TEST_CASE(averages_are_taken_on_request) {
  const auto open = [](const std::string& name, const weights::TensorChoice& how) {
    return ok(weights::TensorFile::open(golden("forms/" + name), how));
  };
  check_network(*open("timm.pth", choice("state_dict_ema")), 0.5F);
  check_network(*open("model_and_ema.pth", choice("ema")), 0.5F);
  check_network(*open("lightning_ema.pth", choice("", "ema_model.module.")), 0.5F);
  check_network(*open("lightning_ema.pth", choice("state_dict", "model.")));
  check_contains(open("timm.pth", choice())->note(), "--key state_dict_ema");
  check_contains(open("prefix_model.pth", choice())->note(), "--strip model.");
  BOOST_TEST(open("plain.pth", choice())->note() == "");
}

BOOST_AUTO_TEST_CASE(what_is_not_in_the_file_is_told) {
  const auto error = [](const weights::TensorChoice& how) {
    return error_of(weights::TensorFile::open(golden("forms/timm.pth"), how));
  };
  check_contains(error(choice("nothing")),
                 "--key nothing: no tensors are under this key; there are some under 'state_dict'");
  check_contains(error(choice("", "model.")), "--strip model.: no name begins with this");
  const Scratch scratch;
  const std::vector<float> values{1, 2};
  ok(weights::write_safetensors(scratch / "w.safetensors", std::vector{named<float>("a.weight", {2}, values)},
                                {}));
  check_contains(error_of(weights::TensorFile::open(scratch / "w.safetensors", {"model", "", {}})),
                 "a safetensors file has no keys");
}

BOOST_AUTO_TEST_CASE(names_of_safetensors_have_prefixes_too) {
  const Scratch scratch;
  const std::string path = scratch / "w.safetensors";
  const std::vector<float> values{1, 2};
  ok(weights::write_safetensors(path,
                                std::vector{named<float>("student.model.bn.bias", {2}, values),
                                            named<float>("student.model.bn.weight", {2}, values),
                                            named<float>("loss.weight", {2}, values)},
                                {}));
  const auto file = ok(weights::TensorFile::open(path, choice()));
  BOOST_TEST(names(*file) == (std::vector<std::string>{"bn.bias", "bn.weight"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(two_sets_that_fit_are_listed) {
  const Scratch scratch;
  const std::string path = scratch / "w.safetensors";
  const std::vector<float> one{1, 2};
  const std::vector<float> other{3, 4};
  ok(weights::write_safetensors(
      path,
      std::vector{named<float>("student.bn.bias", {2}, one), named<float>("teacher.bn.bias", {2}, other)},
      {}));
  const std::string message = error_of(weights::TensorFile::open(path, choice()));
  check_contains(message, "several sets of tensors in the file fit the model; choose one:");
  check_contains(message, "\n  --strip student.: 1 tensors");
  check_contains(message, "\n  --strip teacher.: 1 tensors");
  check_f32(*ok(weights::TensorFile::open(path, choice("", "teacher."))), "bn.bias", {2}, other);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace graphrun::test
