#include "training/run/data_scaling.h"

#include <algorithm>

#include "runtime/imaging/image_form.h"

namespace graphrun::training {
namespace {

model::PixelType type_of(const imaging::ImageForm& form) {
  using enum imaging::ImageForm::Pixels;
  return form.pixels == u16   ? model::PixelType::u16
         : form.pixels == f32 ? model::PixelType::f32
                              : model::PixelType::u8;
}

Status check_channels(const model::Program& program, const datasets::Descriptor& descriptor) {
  const auto channels = std::ssize(program.model().preprocess.mean);
  const imaging::ImageForm& form = descriptor.images.form;
  if (channels == form.channels) return {};
  return {ErrorCode::invalid_argument,
          "the network takes images of " + std::to_string(channels) + " channels, data set " +
              descriptor.name + " has " + imaging::describe(form) + ": compile it with graphc -D channels=" +
              std::to_string(form.channels) + ", or say in the descriptor's \"images\" how many there are"};
}

}  // namespace

Status check_images(const model::Program& program, const datasets::Descriptor& descriptor) {
  GRAPHRUN_TRY(check_channels(program, descriptor));
  const imaging::ImageForm form = imaging::form_of(program.model().preprocess);
  if (form == descriptor.images.form || form.pixels == imaging::ImageForm::Pixels::f32) return {};
  return {ErrorCode::invalid_argument, "the network takes images of " + imaging::describe(form) +
                                           ", data set " + descriptor.name + " has " +
                                           imaging::describe(descriptor.images.form)};
}

model::Preprocess data_scaling(const model::Preprocess& own, const datasets::Descriptor& descriptor) {
  const imaging::ImageForm& form = descriptor.images.form;
  const model::PixelType stored = type_of(form);
  if (descriptor.preprocess) {
    return {descriptor.preprocess->value_scale, descriptor.preprocess->mean, descriptor.preprocess->std,
            stored};
  }
  const auto channels = static_cast<std::size_t>(form.channels);
  if (own.stored == stored && own.mean.size() == channels) return own;
  return {1, std::vector<double>(channels, 0), std::vector<double>(channels, 1), stored};
}

Result<std::shared_ptr<const model::Program>> with_data_scaling(
    const std::shared_ptr<const model::Program>& program, const datasets::Descriptor& descriptor) {
  GRAPHRUN_TRY(check_channels(*program, descriptor));
  const model::Preprocess& own = program->model().preprocess;
  model::Preprocess preprocess = data_scaling(own, descriptor);
  const bool is_own = preprocess.stored == own.stored && preprocess.value_scale == own.value_scale &&
                      preprocess.mean == own.mean && preprocess.std == own.std;
  if (is_own) return program;
  model::Model scaled = program->model();
  scaled.preprocess = std::move(preprocess);
  return model::Program::make(std::move(scaled), program->registry());
}

std::string scaling_note(const model::Program& program, const datasets::Descriptor& descriptor) {
  const model::Preprocess& preprocess = program.model().preprocess;
  const auto is_one = [](double number) { return number == 1; };
  if (descriptor.preprocess || preprocess.value_scale != 1 || !std::ranges::all_of(preprocess.std, is_one))
    return {};
  return "the images' numbers go into the network as they are stored: a \"preprocess\" in the descriptor "
         "scales "
         "them, and `grun data check` proposes one";
}

}  // namespace graphrun::training
