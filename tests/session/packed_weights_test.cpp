#include <sys/stat.h>

#include <fstream>

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
  std::string weights, forms;

  Files() {
    std::string name = folder.string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder = name;
    weights = folder / "weights.safetensors";
    forms = folder / "forms.safetensors";
    fs::copy_file(kTiny / "start.safetensors", weights);
  }
  ~Files() { fs::remove_all(folder); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  std::shared_ptr<weights::Weights> open() const {
    return take(weights::Weights::map(*program, open_tensors(weights), test_backend()));
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
  // What `of` had to compute would be written there.
  bool has_computed(const weights::Weights& of) const {
    const fs::path other = folder / "other.safetensors";
    require_ok(of.save_packed(other.string()));
    return fs::remove(other);
  }
};

bool on_host() { return test_backend()->is_host(); }

}  // namespace

BOOST_AUTO_TEST_CASE(prepared_weights_are_kept_for_the_next_process) {
  if (!on_host()) return;
  const Files files;
  const auto first = files.open();
  BOOST_TEST((first->load_packed(files.forms).code() == ErrorCode::not_found));
  const std::vector<float> expected = files.logits(first);
  require_ok(first->save_packed(files.forms));

  const auto second = files.open();
  require_ok(second->load_packed(files.forms));
  BOOST_TEST(same_bits(files.logits(second), expected));
  BOOST_TEST(!files.has_computed(*second));
  BOOST_TEST((second->load_packed(files.forms).code() == ErrorCode::invalid_argument));
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
  require_ok(first->save_packed(files.forms));

  BOOST_REQUIRE(::chmod(files.forms.c_str(), 0666) == 0);
  const Status shared = files.open()->load_packed(files.forms);
  BOOST_TEST((shared.code() == ErrorCode::invalid_file));
  BOOST_TEST(shared.message().find(files.forms) != std::string::npos);
  BOOST_REQUIRE(::chmod(files.forms.c_str(), 0644) == 0);
  require_ok(files.open()->load_packed(files.forms));

  // The same bytes, written again.
  fs::remove(files.weights);
  fs::copy_file(kTiny / "start.safetensors", files.weights);
  const auto replaced = files.open();
  BOOST_TEST((replaced->load_packed(files.forms).code() == ErrorCode::invalid_file));
  BOOST_TEST(same_bits(files.logits(replaced), expected));
  BOOST_TEST((replaced->load_packed(files.weights).code() == ErrorCode::invalid_file));

  const auto own = take(weights::Weights::initialise(*files.program, 1, test_backend()));
  BOOST_TEST((own->save_packed(files.forms).code() == ErrorCode::unsupported));
}

BOOST_AUTO_TEST_CASE(damaged_prepared_weights_are_not_used) {
  if (!on_host()) return;
  const Files files;
  const auto first = files.open();
  const std::vector<float> expected = files.logits(first);
  require_ok(first->save_packed(files.forms));

  // Forms of other sizes than this program's kernels ask for.
  const auto kept = open_tensors(files.forms);
  std::vector<weights::NamedTensor> shortened;
  for (const weights::NamedTensor& tensor : kept->tensors()) {
    const std::int64_t bytes = std::ssize(tensor.bytes) / 2;
    shortened.push_back({tensor.name, TensorDesc::dense(DType::u8, {bytes}),
                         tensor.bytes.first(static_cast<std::size_t>(bytes))});
  }
  require_ok(weights::write_safetensors(files.forms, shortened, kept->metadata()));
  const auto second = files.open();
  require_ok(second->load_packed(files.forms));
  BOOST_TEST(same_bits(files.logits(second), expected));
  BOOST_TEST(files.has_computed(*second));

  fs::resize_file(files.forms, fs::file_size(files.forms) - 1);
  BOOST_TEST((files.open()->load_packed(files.forms).code() == ErrorCode::invalid_file));
}
