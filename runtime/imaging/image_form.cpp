#include "runtime/imaging/image_form.h"

#include "runtime/model/graph.h"

namespace graphrun::imaging {

ImageForm form_of(const model::Preprocess& preprocess) {
  constexpr std::int64_t kRgb = 3;
  const std::int64_t channels = std::ssize(preprocess.mean);
  switch (preprocess.stored) {
    case model::PixelType::u8:
      return {channels, channels == kRgb ? ImageForm::Pixels::picture : ImageForm::Pixels::u8};
    case model::PixelType::u16:
      return {channels, ImageForm::Pixels::u16};
    case model::PixelType::f32:
      break;
  }
  return {channels, ImageForm::Pixels::f32};
}

}  // namespace graphrun::imaging
