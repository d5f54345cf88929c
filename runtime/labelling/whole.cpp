#include "runtime/labelling/whole.h"

#include <algorithm>
#include <set>

#include "runtime/imaging/float_image.h"
#include "runtime/imaging/slide_grid.h"
#include "runtime/labelling/network.h"

namespace graphrun::labelling {
namespace {

class Whole final : public Protocol {
 public:
  Whole(const ProtocolSettings& settings, std::unique_ptr<Network> network)
      : settings_(settings),
        network_(std::move(network)),
        view_(network_->backend()),
        total_(network_->backend()) {}

  std::int64_t classes() const override { return network_->classes(); }
  std::int64_t channels() const override { return network_->channels(); }
  ProtocolSeconds seconds() const override { return network_->seconds(); }
  std::string_view advice() const override {
    return "--protocol slide labels them in crops; a lower base_size and fewer scales take less";
  }

  Result<EvaluationMemory> plan(std::span<const imaging::Extent> images) override {
    EvaluationMemory memory;
    std::int64_t view = 0, total = 0;
    std::set<imaging::Extent> inputs;
    for (const imaging::Extent& image : images) {
      for (const double scale : settings_.scales) {
        GRAPHRUN_ASSIGN(const imaging::Extent size, imaging::view_extent(image, scale, settings_.base_size));
        view = std::max(view, imaging::FloatImage::bytes(size, channels()));
        GRAPHRUN_ASSIGN(const imaging::Extent input, network_->smallest_valid_size(samples(), size));
        inputs.insert(input);
      }
      if (settings_.scales.size() > 1) total = std::max(total, imaging::FloatImage::bytes(image, classes()));
    }
    memory.probabilities = view + total;
    GRAPHRUN_TRY(plan_inputs(inputs, memory));
    return memory;
  }
  Status reserve(const EvaluationMemory& memory, std::int64_t max_bytes) override {
    return network_->reserve(memory.activations, max_bytes);
  }

  Result<LabelMap> label(const ImageView& image, const LabelDetails& wanted) override {
    GRAPHRUN_TRY(imaging::check_image(image, channels()));
    const imaging::Extent extent{image.height, image.width};
    const std::size_t scales = settings_.scales.size();
    imaging::LabelAccumulator& accumulator = network_->accumulator();
    if (scales > 1) GRAPHRUN_TRY(total_.reserve(extent, classes()));
    std::vector<imaging::Extent> sizes;
    for (const double scale : settings_.scales) {
      GRAPHRUN_ASSIGN(const imaging::Extent size, imaging::view_extent(extent, scale, settings_.base_size));
      GRAPHRUN_TRY(view_.reserve(size, channels()));
      sizes.push_back(size);
    }
    GRAPHRUN_TRY(accumulator.begin(image, wanted));
    for (std::size_t i = 0; i < scales; ++i) {
      const imaging::Extent& size = sizes[i];
      GRAPHRUN_ASSIGN(const imaging::Extent input, network_->smallest_valid_size(samples(), size));
      GRAPHRUN_ASSIGN(session::Session* const session,
                      network_->bind({samples(), input.height, input.width}));
      GRAPHRUN_TRY(accumulator.resize_normalised(size, view_.data()));
      GRAPHRUN_TRY(accumulator.copy_window({view_.data(), size, 0, 0, size.width}, session->input(), 0));
      GRAPHRUN_TRY(network_->run(*session));
      GRAPHRUN_ASSIGN(const TensorView output, session->logits());
      const imaging::WholeLogits logits{{output, session->interpolation()}, input, size};
      if (i + 1 < scales) {
        GRAPHRUN_TRY(accumulator.view_to_total(logits, i == 0, total_.data()));
      } else {
        GRAPHRUN_TRY(accumulator.view_to_classes(logits, scales > 1 ? total_.data() : nullptr));
      }
    }
    GRAPHRUN_ASSIGN(LabelMap map, accumulator.finish());
    GRAPHRUN_TRY(network_->end_image());
    return map;
  }

 private:
  std::int64_t samples() const { return settings_.flip ? 2 : 1; }

  // No smaller input has larger activations: those that another one holds need not be planned. But kernels
  // may be others at small sizes, with forms of the weights of their own.
  Status plan_inputs(const std::set<imaging::Extent>& inputs, EvaluationMemory& memory) {
    const auto plan = [&](const imaging::Extent& input) {
      return network_->plan({samples(), input.height, input.width}, memory);
    };
    const auto smallest = std::ranges::min_element(
        inputs, {}, [](const imaging::Extent& input) { return input.height * input.width; });
    std::int64_t widest = 0;
    bool has_smallest = smallest == inputs.end();
    // From the highest down, an input that none of those before it holds is wider than them all.
    for (auto input = inputs.rbegin(); input != inputs.rend(); ++input) {
      if (input->width <= widest) continue;
      widest = input->width;
      GRAPHRUN_TRY(plan(*input));
      has_smallest = has_smallest || *input == *smallest;
    }
    if (has_smallest) return {};
    return plan(*smallest);
  }

  ProtocolSettings settings_;
  std::unique_ptr<Network> network_;
  imaging::FloatImage view_;   // the image at one scale, normalised
  imaging::FloatImage total_;  // of probabilities over scales, at the image's size
};

}  // namespace

Result<std::unique_ptr<Protocol>> make_whole(const ProtocolSettings& settings,
                                             std::shared_ptr<const model::Program> program,
                                             std::shared_ptr<weights::Weights> weights) {
  GRAPHRUN_ASSIGN(std::unique_ptr<Network> network,
                  Network::make(settings, std::move(program), std::move(weights)));
  return std::unique_ptr<Protocol>(std::make_unique<Whole>(settings, std::move(network)));
}

}  // namespace graphrun::labelling
