#include <fstream>

#include "graphrun/c_api.h"
#include "graphrun/compile.h"
#include "graphrun/evaluate.h"
#include "graphrun/kernel/op_library.h"
#include "graphrun/train_session.h"
#include "graphrun/trainer.h"
#include "tests/api/files.h"
#include "tests/plugin/graph.h"

// Op libraries through the public headers: compiling, running, training, scoring, labelling. Handles are
// dropped as early as may be; whatever was opened with them keeps the library loaded.
using namespace graphrun;
using namespace graphrun::test;

namespace {

OpLibraries test_ops() { return {take(open_op_library(kTestOps))}; }

// A folder with net.fb, of the graph with strange ops, and start.safetensors.
class OpsDisk {
 public:
  OpsDisk() {
    std::ofstream(path("net.json")) << kGraphOfTestOps;
    const Compilation compiled = take(compile(path("net.json"), {.ops = test_ops()}));
    BOOST_TEST_REQUIRE(compiled.diagnostics.empty());
    take(compiled.model->write(path("net.fb")));
    BOOST_TEST(take(compiled.model->text()).find("softsign") != std::string::npos);
    const Program program = take(Program::load(path("net.fb"), {}, test_ops()));
    take(take(Weights::random(program, take(Device::open("cpu")), 7)).save(path("start.safetensors")));
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  LabelerOptions options() const {
    LabelerOptions options{.model = path("net.fb"), .weights = path("start.safetensors")};
    options.device = "cpu";
    options.threads = 1;
    return options;
  }

 private:
  Scratch folder_;
};

constexpr std::int64_t kSide = 17;
constexpr const char* kMissing = "comes from the op library \"test ops\" 1.0, which was not given";

}  // namespace

BOOST_AUTO_TEST_CASE(a_session_with_ops_of_others) {
  const OpsDisk disk;
  DeviceOptions on{.threads = 1};
  on.ops = test_ops();
  const Device device = take(Device::open("cpu", on));
  on.ops.clear();
  const Program program = take(Program::load(disk.path("net.fb"), {{"classes", 5}}, test_ops()));
  const Weights weights = take(Weights::random(program, device, 1));
  Session session = take(Session::create(program, weights, {.height = kSide, .width = kSide}));
  const std::vector<std::uint8_t> image = picture(kSide, kSide);
  take(session.set_image({image.data(), kSide, kSide}));
  take(session.run());
  BOOST_TEST(std::ranges::max(take(session.label_map()).ids) < 5);
  // A device that was opened without them has no kernels.
  const Device plain = take(Device::open("cpu", {.threads = 1}));
  const Weights elsewhere = take(Weights::random(program, plain, 1));
  fails(Session::create(program, elsewhere, {.height = kSide, .width = kSide}), ErrorCode::unsupported,
        "softsign");
}

BOOST_AUTO_TEST_CASE(steps_with_ops_of_others) {
  const OpsDisk disk;
  DeviceOptions on{.threads = 1};
  on.ops = test_ops();
  const Program program = take(Program::load(disk.path("net.fb"), {}, on.ops));
  const Device device = take(Device::open("cpu", on));
  TrainSession session = take(TrainSession::create(program, device, {.height = kSide, .width = kSide}));
  take(session.set_images(std::vector<float>(3 * kSide * kSide, 0.5F)));
  take(session.set_labels(std::vector<std::int32_t>(kSide * kSide, 3)));
  const Losses losses = take(session.compute(0));
  BOOST_TEST(losses.auxiliary > 0);
  take(session.update(0.1));
  BOOST_TEST(take(session.compute(1)).total < losses.total);
}

BOOST_AUTO_TEST_CASE(a_run_with_ops_of_others) {
  const OpsDisk disk;
  TrainerOptions options;
  options.model = disk.path("net.fb");
  options.dataset = "shapes";
  options.folder = disk.path("run");
  options.settings = {{"batch_size", "4"}, {"workers", "1"}, {"train_h", "17"}, {"train_w", "17"}};
  options.threads = 1;
  options.max_iters = 2;
  options.join_ranks = false;
  fails(Trainer::prepare(options), ErrorCode::unsupported, kMissing);
  options.ops = test_ops();
  Trainer trainer = take(Trainer::prepare(options));
  options.ops.clear();
  const TrainResult result = take(trainer.run());
  BOOST_TEST(result.iterations == 2);

  // What training wrote asks for the library as well.
  LabelerOptions labelling{.model = result.folder + "/model.fb", .weights = result.checkpoint};
  fails(Labeler::open(labelling), ErrorCode::unsupported, kMissing);
  labelling.ops = test_ops();
  Labeler labeler = take(Labeler::open(labelling));
  labelling.ops.clear();
  const std::vector<std::uint8_t> image = picture(20, 31);
  BOOST_TEST(take(labeler.label({image.data(), 20, 31})).ids.size() == 20U * 31U);

  EvaluateOptions scoring;
  scoring.run = result.folder;
  scoring.folder = disk.path("scores");
  scoring.settings = {{"index_step", "2"}};
  scoring.pictures = false;
  scoring.join_ranks = false;
  fails(evaluate(scoring), ErrorCode::unsupported, kMissing);
  scoring.ops = test_ops();
  BOOST_TEST(take(evaluate(scoring)).images == 2);
}

BOOST_AUTO_TEST_CASE(a_missing_library_is_named_with_the_way_to_give_it) {
  const OpsDisk disk;
  const Result<Program> program = Program::load(disk.path("net.fb"));
  fails(program, ErrorCode::unsupported, disk.path("net.fb"));
  fails(program, ErrorCode::unsupported, kMissing);
  fails(program, ErrorCode::unsupported, "name its file with --ops, or give it in the field `ops`");
  fails(Labeler::open(disk.options()), ErrorCode::unsupported, kMissing);
  // Another library that has an op of that name is not the one.
  const OpLibraries own = test_ops();
  const OpLibrary other{.name = "other", .ops = own[0]->ops, .kernels = own[0]->kernels};
  fails(Program::load(disk.path("net.fb"), {}, {borrow(other)}), ErrorCode::unsupported,
        "(\"other\" has an op of that name)");
}

BOOST_AUTO_TEST_CASE(what_is_no_library_is_an_error) {
  const OpsDisk disk;
  fails(open_op_library("nowhere.so"), ErrorCode::not_found, "nowhere.so");
  fails(open_op_library(disk.path("net.fb")), ErrorCode::invalid_file, "net.fb");
  fails(Program::load(disk.path("net.fb"), {}, {nullptr}), ErrorCode::invalid_argument, "is null");
  fails(Device::open("cpu", {.ops = {nullptr}}), ErrorCode::invalid_argument, "is null");
  fails(compile(disk.path("net.json"), {.ops = {nullptr}}), ErrorCode::invalid_argument, "is null");
  LabelerOptions options = disk.options();
  options.ops = {nullptr};
  fails(Labeler::open(options), ErrorCode::invalid_argument, "is null");
  const OpLibrary nameless{.name = "", .ops = {}};
  fails(Program::load(disk.path("net.fb"), {}, {borrow(nameless)}), ErrorCode::invalid_argument,
        "without a name");
  const OpLibrary impostor{.name = "graphrun", .ops = {}};
  fails(Program::load(disk.path("net.fb"), {}, {borrow(impostor)}), ErrorCode::invalid_argument,
        "calls itself graphrun");
}

BOOST_AUTO_TEST_CASE(ops_of_others_from_c) {
  const OpsDisk disk;
  const std::string model = disk.path("net.fb");
  const std::string weights = disk.path("start.safetensors");
  gr_options options = GR_OPTIONS_INIT;
  options.model = model.c_str();
  options.weights = weights.c_str();
  options.device = "cpu";
  gr_labeler* labeler = nullptr;
  BOOST_TEST(gr_open_with(&options, &labeler) == GR_UNSUPPORTED);
  BOOST_TEST(std::string(gr_last_error()).find(kMissing) != std::string::npos, gr_last_error());
  const char* paths[] = {kTestOps, nullptr};
  options.ops_count = 1;
  BOOST_TEST(gr_open_with(&options, &labeler) == GR_INVALID_ARGUMENT);
  options.ops = paths;
  options.ops_count = 2;
  BOOST_TEST(gr_open_with(&options, &labeler) == GR_INVALID_ARGUMENT);
  options.ops_count = 1;
  BOOST_TEST_REQUIRE(gr_open_with(&options, &labeler) == GR_OK, gr_last_error());
  paths[0] = nullptr;
  const std::vector<std::uint8_t> image = picture(20, 31);
  std::vector<std::uint8_t> classes(20 * 31);
  BOOST_TEST(gr_label_rgb8(labeler, image.data(), 20, 31, classes.data(), nullptr) == GR_OK, gr_last_error());
  gr_close(labeler);
  // A program of the version before the structure grew.
  options.size = offsetof(gr_options, ops);
  BOOST_TEST(gr_open_with(&options, &labeler) == GR_UNSUPPORTED);
}
