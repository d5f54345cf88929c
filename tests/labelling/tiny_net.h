#pragma once

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <random>

#include "runtime/labelling/protocol.h"
#include "runtime/session/image.h"
#include "runtime/session/session.h"
#include "tests/session/compiled.h"

// Images and a network for tests of protocols.
namespace graphrun::test {

inline imaging::Image random_image(std::int64_t height, std::int64_t width) {
  std::mt19937 random(static_cast<std::uint32_t>(height * 1000 + width));
  cv::Mat small(5, 7, CV_8UC3);
  for (int i = 0; i < 105; ++i) small.data[i] = static_cast<std::uint8_t>(random() & 255U);
  cv::Mat large;
  cv::resize(small, large, cv::Size(static_cast<int>(width), static_cast<int>(height)), 0, 0,
             cv::INTER_CUBIC);
  return {height, width, std::vector<std::uint8_t>(large.data, large.data + 3 * height * width)};
}

inline Expr steps_of_eight(const char* dim) {
  Expr expr = Expr::symbol(dim);
  for (const auto& [op, value] : {std::pair(ExprOp::subtract, 1), std::pair(ExprOp::modulo, 8)}) {
    expr.tokens.push_back({ExprOp::integer, value, 0});
    expr.tokens.push_back({op, 0, 0});
  }
  expr.tokens.push_back({ExprOp::logical_not, 0, 0});
  return expr;
}

// As PSPNet's, heights and widths must be one more than a multiple of 8.
struct Net {
  std::shared_ptr<const model::Program> program = [] {
    model::Model model = tiny_program(0.1)->model();
    for (const char* dim : {"H", "W"}) model.requirements.push_back({steps_of_eight(dim), "of the test"});
    return take(model::Program::make(std::move(model), ops::op_registry()));
  }();
  std::shared_ptr<weights::Weights> weights =
      take(weights::Weights::initialise(*program, 1, take(ops::make_cpu_backend())));

  // Logits are shifted so that over an image each class has the same mean: all of them win somewhere.
  Net() {
    take(weights->load(*open_tensors(kTiny / "start.safetensors")));
    const auto session = take(session::Session::create(program, weights, {1, 65, 65}));
    require_ok(
        session::normalise_image(program->model().preprocess, random_image(65, 65).rgb, session->input()));
    require_ok(session->run());
    const std::span<const float> logits = floats(take(session->logits()));
    const auto classes = static_cast<std::size_t>(take(session->logits()).desc.c());
    float* const bias = last_bias();
    for (std::size_t i = 0; i < logits.size(); ++i) bias[i % classes] -= logits[i] / (65 * 65);
    weights->touch();
  }

  // Of the layer that makes the logits.
  float* last_bias() const {
    const std::vector<model::Variable>& variables = program->model().variables;
    const auto bias = std::ranges::find(variables, "head.score_layer.4.bias", &model::Variable::name);
    BOOST_REQUIRE(bias != variables.end());
    return weights->variable(static_cast<std::size_t>(bias - variables.begin())).as<float>();
  }

  std::unique_ptr<labelling::Protocol> protocol(const labelling::ProtocolSettings& settings) const {
    return take(labelling::make_protocol(settings, program, weights));
  }
};

inline bool has_classes(const imaging::LabelMap& map) {
  return std::ranges::any_of(map.ids, [&](ClassId id) { return id != map.ids[0]; });
}

inline std::size_t different(const imaging::LabelMap& a, const imaging::LabelMap& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.ids.size(); ++i) count += a.ids[i] != b.ids[i] ? 1 : 0;
  return count;
}

}  // namespace graphrun::test
