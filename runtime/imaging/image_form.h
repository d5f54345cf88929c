#pragma once

#include <cstdint>
#include <string>

namespace graphrun::model {
struct Preprocess;
}

namespace graphrun::imaging {

// What the images of a data set, or those that a network takes, are.
struct ImageForm {
  // What a channel's numbers are. A `picture` is 8-bit RGB, which every picture can be made: grey, a palette,
  // the higher eight of 16 bits, without transparency. Others are read as they are stored.
  enum class Pixels : std::uint8_t { picture, u8, u16, f32 };

  std::int64_t channels = 3;
  Pixels pixels = Pixels::picture;

  bool is_picture() const { return pixels == Pixels::picture; }
  bool operator==(const ImageForm&) const = default;
};

// "7 channels of 16 bits", for messages.
inline std::string describe(const ImageForm& form) {
  using enum ImageForm::Pixels;
  return std::to_string(form.channels) + (form.channels == 1 ? " channel" : " channels") +
         (form.pixels == u16   ? " of 16 bits"
          : form.pixels == f32 ? " of floating point"
                               : " of 8 bits");
}

// The images of a network.
ImageForm form_of(const model::Preprocess& preprocess);

}  // namespace graphrun::imaging
