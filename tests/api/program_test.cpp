#include "graphrun/program.h"

#include <fstream>

#include "graphrun/weights.h"
#include "tests/api/files.h"

using namespace graphrun;
using namespace graphrun::test;

BOOST_AUTO_TEST_CASE(a_program_says_what_it_is) {
  const Disk disk;
  const Program program = take(Program::load(disk.path("model.fb")));
  BOOST_TEST(program.name() == "spnet_tiny");
  BOOST_TEST((program.class_names().size() == 11 && program.class_names()[3] == "class 3"));
  BOOST_TEST((program.palette().size() == 11 && program.palette()[3] == Color{3, 6, 252}));
  BOOST_TEST((program.input_names() == std::vector<std::string>{"image"}));
  BOOST_TEST((program.output_names() == std::vector<std::string>{"logits"}));
  BOOST_TEST(program.image_channels() == 3);
  BOOST_TEST(!program.has_weights());
  BOOST_TEST((take(program.smallest_valid_size({20, 31})).height >= 20 &&
              take(program.smallest_valid_size({20, 31})).width >= 31));
}

BOOST_AUTO_TEST_CASE(parameters_are_given_by_name) {
  const Disk disk;
  take(Program::load(disk.path("model.fb"), {{"classes", 5}}));
  fails(Program::load(disk.path("model.fb"), {{"clases", 5}}), ErrorCode::invalid_argument, "classes");
  fails(Program::load(disk.path("model.fb"), {{"classes", 2.5}}), ErrorCode::invalid_argument, "integer");
  fails(Program::load(disk.path("model.fb"), {{"width", 9}}), ErrorCode::invalid_argument, "structural");
}

BOOST_AUTO_TEST_CASE(files_that_are_no_models_are_errors) {
  const Disk disk;
  fails(Program::load(disk.path("none.fb")), ErrorCode::not_found, "none.fb");
  fails(Program::load(disk.path("weights.safetensors")), ErrorCode::invalid_file, "weights.safetensors");
  std::ofstream(disk.path("empty.fb"));
  fails(Program::load(disk.path("empty.fb")), ErrorCode::invalid_file, "empty.fb");
  std::filesystem::resize_file(disk.path("model.grun"), 9000);
  fails(Program::load(disk.path("model.grun")), ErrorCode::invalid_file, "model.grun");
}

BOOST_AUTO_TEST_CASE(weights_are_a_bundles_or_a_files) {
  const Disk disk;
  const Device device = take(Device::open("cpu", {.threads = 1}));
  const Program bundle = take(Program::load(disk.path("model.grun")));
  const Program model = take(Program::load(disk.path("model.fb")));
  BOOST_TEST(bundle.has_weights());
  take(take(Weights::load(bundle, device)).save(disk.path("again.safetensors")));
  take(Weights::load(model, device, disk.path("again.safetensors")));
  fails(Weights::load(model, device), ErrorCode::invalid_argument, "model.fb");
  fails(Weights::load(model, device, disk.path("none.pth")), ErrorCode::not_found, "none.pth");
  const Program other = take(Program::load(disk.path("model.fb"), {{"classes", 5}}));
  fails(Weights::load(other, device, disk.path("weights.safetensors")), ErrorCode::invalid_file, "(11");
}

BOOST_AUTO_TEST_CASE(weights_of_a_seed_are_the_same_everywhere) {
  const Disk disk;
  const Program program = take(Program::load(disk.path("model.fb")));
  const Device device = take(Device::open("cpu", {.threads = 1}));
  const auto saved = [&](std::uint64_t seed, const std::string& name) {
    take(take(Weights::random(program, device, seed)).save(disk.path(name)));
    return take(core::read_file(disk.path(name), 1 << 24));
  };
  BOOST_TEST((saved(1, "a") == saved(1, "b")));
  BOOST_TEST((saved(1, "a") != saved(2, "b")));
}
