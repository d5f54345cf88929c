#include "tests/ops/byte_case.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "ops/registry.h"
#include "runtime/core/random.h"
#include "tests/ops/test_backend.h"
#include "tests/skip.h"

namespace graphrun::test {

std::ostream& operator<<(std::ostream& out, const ByteCase& test) {
  out << test.op;
  for (const ByteInput& input : test.inputs)
    out << ", " << to_string(input.shape) << " of " << input.q.scale << " and " << input.q.zero_point;
  if (test.y) return out << " to " << test.y->scale << " and " << test.y->zero_point;
  return out << " to " << to_string(test.wide);
}

namespace {

TensorDesc desc_of(const Shape& shape, DType type, const Quantisation& q, std::int64_t gap) {
  TensorDesc desc = TensorDesc::nhwc(type, shape);
  desc.pixel_stride += gap;
  desc.quantisation = q;
  return desc;
}

struct Drawn {
  std::vector<TensorDesc> descs;
  std::vector<HostTensor> integers;
  std::vector<HostTensor> reals;
};

Drawn draw(const ByteCase& test) {
  core::Random random(1 + seed_offset(), core::RandomPurpose::test);
  Drawn drawn;
  for (const ByteInput& input : test.inputs) {
    drawn.descs.push_back(desc_of(input.shape, DType::u8, input.q, input.gap));
    HostTensor& integers = drawn.integers.emplace_back(HostTensor::zeros(input.shape));
    for (double& value : integers.values) value = std::floor(256 * random.next_double());
    HostTensor& reals = drawn.reals.emplace_back(integers);
    for (double& value : reals.values)
      value = static_cast<double>(input.q.scale) * (value - input.q.zero_point);
  }
  return drawn;
}

class Run {
 public:
  Run(const ByteCase& test, int threads)
      : test_(test),
        backend_(test_backend(threads)),
        def_(*ops::op_registry().find(test.op)),
        attrs_(evaluated(def_, test.attrs)) {}

  const Attributes& attrs() const { return attrs_; }

  Result<std::unique_ptr<Kernel>> prepare(const std::vector<TensorDesc>& inputs, const Shape& y) const {
    std::vector<TensorDesc> outputs(def_.outputs.size());
    outputs[0] =
        desc_of(y, test_.y ? DType::u8 : test_.wide, test_.y.value_or(Quantisation()), test_.output_gap);
    std::vector<bool> wanted(outputs.size(), false);
    wanted[0] = true;
    std::vector<TensorDesc> all = inputs;
    if (!def_.inputs.back().variadic) all.resize(def_.inputs.size());
    std::vector<bool> present(all.size());
    std::transform(all.begin(), all.end(), present.begin(),
                   [](const TensorDesc& desc) { return desc.shape.rank() > 0; });
    std::string reasons;
    for (const KernelEntry& entry : backend_->candidates(test_.op)) {
      if (!entry.eight_bits) continue;
      auto kernel =
          entry.prepare({def_, attrs_, all, outputs, present, wanted, std::vector<bool>(all.size(), false),
                         backend_->threads(), backend_->context()});
      if (kernel.ok()) return kernel;
      reasons += kernel.status().message() + "; ";
    }
    return {ErrorCode::declined, reasons};
  }

  HostTensor run(const Drawn& drawn, const Shape& shape) const {
    Result<std::unique_ptr<Kernel>> prepared = prepare(drawn.descs, shape);
    BOOST_REQUIRE_MESSAGE(prepared.ok(), (prepared.ok() ? "" : prepared.status().message()));
    Kernel& kernel = **prepared;
    std::vector<MemoryTensor> memory;
    std::vector<TensorView> views;
    for (std::size_t i = 0; i < drawn.descs.size(); ++i) {
      memory.emplace_back(drawn.descs[i]).write(drawn.integers[i]);
    }
    for (std::size_t i = 0; i < memory.size(); ++i) {
      views.push_back(memory[i].view());
      if (test_.inputs[i].shape_only) views.back().data = nullptr;
    }
    if (!def_.inputs.back().variadic) views.resize(def_.inputs.size());
    MemoryTensor y(
        desc_of(shape, test_.y ? DType::u8 : test_.wide, test_.y.value_or(Quantisation()), test_.output_gap));
    MemoryTensor scratch(TensorDesc::dense(DType::u8, {kernel.scratch_bytes()}));
    std::vector<TensorView> outputs(def_.outputs.size());
    outputs[0] = y.view();
    const Status status = kernel.run({views, outputs, scratch.view().data, nullptr});
    BOOST_REQUIRE_MESSAGE(status.ok(), status.message());
    BOOST_TEST(y.gaps_untouched(), "written beside y");
    BOOST_TEST(scratch.gaps_untouched(), "written beside scratch");
    return y.read();
  }

 private:
  static Attributes evaluated(const OpDef& def, const AttrMap& values) {
    Result<Attributes> attrs = Attributes::evaluate(def.attrs, values, {});
    BOOST_REQUIRE_MESSAGE(attrs.ok(), (attrs.ok() ? "" : attrs.status().message()));
    return *std::move(attrs);
  }

  const ByteCase& test_;
  std::shared_ptr<model::Backend> backend_;
  const OpDef& def_;
  Attributes attrs_;
};

void compare(const ByteCase& test, const HostTensor& reals, const HostTensor& actual) {
  double largest = 0;
  for (const double value : reals.values) largest = std::max(largest, std::abs(value));
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < reals.values.size(); ++i) {
    double exact = reals.values[i], allowed = test.tolerance * largest;
    if (test.y) {
      exact = std::clamp(exact / static_cast<double>(test.y->scale) + test.y->zero_point, 0.0, 255.0);
      allowed = 0.5 + test.tolerance;
    }
    if (std::abs(actual.values[i] - exact) <= allowed) continue;
    if (++wrong == 1) BOOST_TEST_MESSAGE("element " << i << ": " << actual.values[i] << " for " << exact);
  }
  BOOST_TEST(wrong == 0, wrong << " of " << reals.values.size() << " elements differ");
}

}  // namespace

void check_bytes(const ByteCase& test, const Reference& reference) {
  BOOST_TEST_CONTEXT(test) {
    const Drawn drawn = draw(test);
    const Run one(test, 1);
    std::vector<HostTensor> expected(ops::op_registry().find(test.op)->outputs.size());
    reference(drawn.reals, expected, one.attrs());
    const HostTensor actual = one.run(drawn, expected[0].shape);
    compare(test, expected[0], actual);
    BOOST_TEST((Run(test, 2).run(drawn, expected[0].shape).values == actual.values),
               "other integers with another number of threads");
  }
}

bool bytes_are_declined(const ByteCase& test) {
  const Run run(test, 1);
  const Drawn drawn = draw(test);
  const auto prepared = run.prepare(drawn.descs, drawn.descs[0].shape);
  return !prepared.ok() && prepared.status().code() == ErrorCode::declined;
}

bool has_byte_kernels() {
  if (!on_gpu()) return true;
  skip("GPUs have no kernels for 8 bits");
  return false;
}

}  // namespace graphrun::test
