#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <limits>

#include "runtime/session/session.h"
#include "runtime/weights/safetensors.h"
#include "tests/session/compiled.h"

// Prepared weights in a file: what a later process maps instead of computing it.
using namespace graphrun;
using namespace graphrun::test;

namespace {

namespace fs = std::filesystem;

struct Files {
  fs::path folder = fs::temp_directory_path() / "graphrun-XXXXXX";
  std::shared_ptr<const model::Program> program = tiny_program(0.1);
  std::string weights;

  Files() {
    std::string name = folder.string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder = name;
    weights = folder / "weights.safetensors";
    fs::copy_file(kTiny / "start.safetensors", weights);
  }
  ~Files() { fs::remove_all(folder); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  Result<std::shared_ptr<weights::Weights>> map(const std::string& strip = "") const {
    weights::TensorChoice choice;
    choice.strip = strip;
    return weights::Weights::map(*program, take(weights::TensorFile::open(weights, choice)), test_backend(),
                                 weights::PackedWeightsFolder(folder.string(), weights, DType::f32));
  }
  std::shared_ptr<weights::Weights> open() const { return take(map()); }
  std::vector<fs::path> kept() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder / "prepared")) files.push_back(entry.path());
    return files;
  }
  fs::path only_kept() const {
    BOOST_TEST_REQUIRE(kept().size() == 1u);
    return kept()[0];
  }
  std::vector<float> logits(const std::shared_ptr<weights::Weights>& of, std::int64_t width = 49) const {
    const auto session = take(session::Session::create(program, of, {1, 65, width}));
    std::vector<float> pixels(static_cast<std::size_t>(session->input().desc.shape.count()));
    for (std::size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = static_cast<float>((i * 7919) % 201) / 100.0f - 1.0f;
    store<float>(*of->backend(), pixels, session->input());
    require_ok(session->run());
    return fetch(*of->backend(), take(session->logits()));
  }
  // It had something to compute, which is written.
  bool has_computed(const weights::Weights& of) const {
    const fs::path file = only_kept();
    const fs::path before = folder / "before";
    fs::create_hard_link(file, before);
    require_ok(of.save_packed());
    const bool replaced = !fs::equivalent(file, before);
    fs::remove(before);
    return replaced;
  }
};

bool on_host() { return test_backend()->is_host(); }

// The tensors of `file` with a change of their names and values.
void write_changed(const std::string& path, const weights::TensorFile& file,
                   const std::vector<std::pair<std::string, float>>& copies) {
  std::vector<std::vector<float>> storage;
  std::vector<weights::NamedTensor> tensors;
  for (const auto& [prefix, factor] : copies) {
    for (const weights::NamedTensor& tensor : file.tensors()) {
      std::vector<float>& values = storage.emplace_back(static_cast<std::size_t>(tensor.desc.shape.count()));
      std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
      for (float& value : values) value *= factor;
      tensors.push_back({prefix + tensor.name, tensor.desc, std::as_bytes(std::span(values))});
    }
  }
  require_ok(weights::write_safetensors(path, tensors, {}));
}

}  // namespace

BOOST_AUTO_TEST_CASE(prepared_weights_are_kept_for_the_next_process) {
  if (!on_host()) return;
  const Files files;
  const auto first = files.open();
  const std::vector<float> expected = files.logits(first);
  require_ok(first->save_packed());

  const auto second = files.open();
  BOOST_TEST(second->kept_note() == "");
  BOOST_TEST(same_bits(files.logits(second), expected));
  BOOST_TEST(!files.has_computed(*second));
  // Other values of the same weights are prepared anew.
  second->touch();
  BOOST_TEST(same_bits(files.logits(second), expected));
  BOOST_TEST(files.has_computed(*second));
}

BOOST_AUTO_TEST_CASE(prepared_weights_of_something_else_are_refused) {
  if (!on_host()) return;
  const Files files;
  const auto first = files.open();
  const std::vector<float> expected = files.logits(first);
  require_ok(first->save_packed());
  const fs::path forms = files.only_kept();

  BOOST_REQUIRE(::chmod(forms.c_str(), 0666) == 0);
  BOOST_TEST(files.open()->kept_note().find(forms.string()) != std::string::npos);
  BOOST_REQUIRE(::chmod(forms.c_str(), 0644) == 0);
  BOOST_TEST(files.open()->kept_note() == "");

  // The same bytes, written again.
  fs::remove(files.weights);
  fs::copy_file(kTiny / "start.safetensors", files.weights);
  const auto replaced = files.open();
  BOOST_TEST(replaced->kept_note().find("prepared from other weights") != std::string::npos);
  BOOST_TEST(same_bits(files.logits(replaced), expected));

  const auto own = take(weights::Weights::initialise(*files.program, 1, test_backend()));
  require_ok(own->save_packed());
}

// Two networks in one file, such as weights and their average, have the names of one model.
BOOST_AUTO_TEST_CASE(prepared_weights_are_those_of_the_tensors_that_were_chosen) {
  if (!on_host()) return;
  const Files files;
  write_changed(files.weights, *open_tensors(kTiny / "start.safetensors"), {{"one.", 1.0f}, {"two.", 1.5f}});
  const auto one = take(files.map("one."));
  const std::vector<float> of_one = files.logits(one);
  require_ok(one->save_packed());
  const auto two = take(files.map("two."));
  const std::vector<float> of_two = files.logits(two);
  require_ok(two->save_packed());
  BOOST_TEST(!same_bits(of_one, of_two));
  BOOST_TEST(files.kept().size() == 2u);
  BOOST_TEST(same_bits(files.logits(take(files.map("one."))), of_one));
  BOOST_TEST(same_bits(files.logits(take(files.map("two."))), of_two));
}

BOOST_AUTO_TEST_CASE(values_are_looked_at_again_where_the_file_has_changed) {
  if (!on_host()) return;
  const Files files;
  const auto first = files.open();
  files.logits(first);
  require_ok(first->save_packed());
  const auto good = open_tensors(kTiny / "start.safetensors");
  write_changed(files.weights, *good, {{"", std::numeric_limits<float>::infinity()}});
  BOOST_TEST((files.map().status().code() == ErrorCode::invalid_file));
}

BOOST_AUTO_TEST_CASE(damaged_prepared_weights_are_not_used) {
  if (!on_host()) return;
  const Files files;
  const auto first = files.open();
  const std::vector<float> expected = files.logits(first);
  require_ok(first->save_packed());
  const std::string forms = files.only_kept();

  // Forms of other sizes than this program's kernels ask for.
  const auto kept = open_tensors(forms);
  std::vector<weights::NamedTensor> shortened;
  for (const weights::NamedTensor& tensor : kept->tensors()) {
    const std::int64_t bytes = std::ssize(tensor.bytes) / 2;
    shortened.push_back({tensor.name, TensorDesc::dense(DType::u8, {bytes}),
                         tensor.bytes.first(static_cast<std::size_t>(bytes))});
  }
  require_ok(weights::write_safetensors(forms, shortened, kept->metadata()));
  const auto second = files.open();
  BOOST_TEST(second->kept_note() == "");
  BOOST_TEST(same_bits(files.logits(second), expected));
  BOOST_TEST(files.has_computed(*second));

  fs::resize_file(forms, fs::file_size(forms) - 1);
  BOOST_TEST(files.open()->kept_note().find(forms) != std::string::npos);
}
