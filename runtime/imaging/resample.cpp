#include "runtime/imaging/resample.h"

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "runtime/cpu/parallel.h"
#include "runtime/imaging/resize_table.h"

namespace graphrun::imaging {
namespace {

// By channel. On the stack: what is written there cannot be the pixels that are.
struct Normalisation {
  float mean[kMaxChannels]{};
  float deviation[kMaxChannels]{};
  Normalisation(const model::Preprocess& preprocess, std::int64_t channels) {
    for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
      mean[c] = static_cast<float>(preprocess.mean[c] * preprocess.value_scale);
      deviation[c] = static_cast<float>(preprocess.std[c] * preprocess.value_scale);
    }
  }
};

template <class T>
const T* row_of(const ImageView& image, std::int64_t y) {
  return reinterpret_cast<const T*>(static_cast<const std::byte*>(image.data) + y * image.pitch());
}

// kChannels: how many there are, known to the compiler; 0: as many as the image has.
template <class T, int kChannels>
void resize_rows(const ImageView& image, const model::Preprocess& preprocess, const Extent& size, int threads,
                 float* out) {
  const Normalisation normalisation(preprocess, image.channels);
  const ResizeTable rows = linear_taps(image.height, size.height);
  const ResizeTable columns = linear_taps(image.width, size.width);
  const std::int64_t channels = kChannels > 0 ? kChannels : image.channels;
  const auto resize_row = [&](std::size_t y) {
    const T* const upper = row_of<T>(image, rows.first[y]);
    const T* const lower = row_of<T>(image, rows.second[y]);
    float* pixel = out + static_cast<std::int64_t>(y) * channels * size.width;
    for (std::size_t x = 0; x < columns.first.size(); ++x, pixel += channels) {
      const std::int64_t left = channels * static_cast<std::int64_t>(columns.first[x]);
      const std::int64_t right = channels * static_cast<std::int64_t>(columns.second[x]);
      const float a = columns.first_weight[x];
      const float b = columns.second_weight[x];
      for (std::int64_t c = 0; c < channels; ++c) {
        const float above =
            static_cast<float>(upper[left + c]) * a + static_cast<float>(upper[right + c]) * b;
        const float below =
            static_cast<float>(lower[left + c]) * a + static_cast<float>(lower[right + c]) * b;
        const float value = above * rows.first_weight[y] + below * rows.second_weight[y];
        pixel[c] = (value - normalisation.mean[c]) / normalisation.deviation[c];
      }
    }
  };
  constexpr std::int64_t kRows = 8;
  cpu::parallel_for(threads, size.height, kRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) resize_row(static_cast<std::size_t>(y));
  });
}

template <class T>
void write_rows(const ImageView& image, const Normalisation& normalisation, std::int64_t pixel_stride,
                float* out) {
  for (std::int64_t y = 0; y < image.height; ++y) {
    const T* from = row_of<T>(image, y);
    for (std::int64_t x = 0; x < image.width; ++x, from += image.channels, out += pixel_stride) {
      for (std::int64_t c = 0; c < image.channels; ++c) {
        out[c] = (static_cast<float>(from[c]) - normalisation.mean[c]) / normalisation.deviation[c];
      }
    }
  }
}

// Writes the values that resize_rows() would give at the image's own size.
void write_any(const ImageView& image, const Normalisation& normalisation, std::int64_t pixel_stride,
               float* out) {
  if (image.dtype == DType::u8) {
    write_rows<std::uint8_t>(image, normalisation, pixel_stride, out);
  } else {
    write_rows<float>(image, normalisation, pixel_stride, out);
  }
}

Status wrong(const std::string& what) { return {ErrorCode::invalid_argument, "the image " + what}; }

}  // namespace

Status check_image(const ImageView& image, std::int64_t channels) {
  if (image.data == nullptr) return wrong("has no data");
  if (image.dtype != DType::u8 && image.dtype != DType::f32)
    return wrong("is of " + std::string(to_string(image.dtype)) + "; u8 or f32 is expected");
  if (image.channels != channels || channels > kMaxChannels) {
    return wrong("has " + std::to_string(image.channels) + " channels, the network takes " +
                 std::to_string(channels));
  }
  if (image.height < 1 || image.width < 1 || image.height > kMaxPixels / image.width) {
    return wrong("is " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                 " pixels; 1 to " + std::to_string(kMaxPixels) + " are expected");
  }
  if (image.pitch() < image.row_bytes()) {
    return wrong("has rows of " + std::to_string(image.row_bytes()) + " bytes, but a row_pitch of " +
                 std::to_string(image.row_pitch));
  }
  const auto size = static_cast<std::int64_t>(size_of(image.dtype));
  if (image.pitch() % size != 0 || reinterpret_cast<std::uintptr_t>(image.data) % size_of(image.dtype) != 0)
    return wrong("is not aligned to its elements");
  return {};
}

void resize_normalised(const ImageView& image, const model::Preprocess& preprocess, const Extent& size,
                       int threads, float* out) {
  const bool bytes = image.dtype == DType::u8;
  if (bytes && image.channels == 3)
    return resize_rows<std::uint8_t, 3>(image, preprocess, size, threads, out);
  if (bytes) return resize_rows<std::uint8_t, 0>(image, preprocess, size, threads, out);
  return resize_rows<float, 0>(image, preprocess, size, threads, out);
}

Status write_normalised(const ImageView& image, const model::Preprocess& preprocess, model::Backend& backend,
                        const TensorView& input, std::int64_t sample) {
  const TensorDesc& desc = input.desc;
  GRAPHRUN_TRY(check_image(image, desc.c()));
  if (image.height != desc.h() || image.width != desc.w()) {
    return {ErrorCode::shape, "the image is " + std::to_string(image.width) + " x " +
                                  std::to_string(image.height) + ", the session takes " +
                                  std::to_string(desc.w()) + " x " + std::to_string(desc.h())};
  }
  const Normalisation normalisation(preprocess, image.channels);
  const std::int64_t pixels = desc.h() * desc.w();
  float* const to = input.as<float>() + sample * pixels * desc.pixel_stride;
  if (backend.is_host()) {
    write_any(image, normalisation, desc.pixel_stride, to);
    return {};
  }
  std::vector<float> staged(static_cast<std::size_t>(pixels * desc.pixel_stride));
  write_any(image, normalisation, desc.pixel_stride, staged.data());
  return backend.copy_to_device(to, staged.data(), static_cast<std::int64_t>(staged.size() * sizeof(float)));
}

void copy_window(const Window& window, bool mirrored, int threads, const TensorView& input,
                 std::int64_t sample) {
  constexpr std::int64_t kRows = 16;
  const std::int64_t height = input.desc.h();
  const std::int64_t width = input.desc.w();
  const auto copy_rows = [&](auto count, std::int64_t begin, std::int64_t end) {
    const std::int64_t channels = count;
    for (std::int64_t y = begin; y < end; ++y) {
      const std::int64_t from = window.top + y;
      const bool inside_row = from >= 0 && from < window.size.height;
      const float* const row = window.view + (inside_row ? channels * from * window.size.width : 0);
      float* out = input.as<float>() + (sample * height + y) * width * input.desc.pixel_stride;
      for (std::int64_t i = 0; i < width; ++i, out += input.desc.pixel_stride) {
        const std::int64_t x = mirrored ? window.right - 1 - i : window.left + i;
        const bool inside = inside_row && x >= 0 && x < window.size.width;
        for (std::int64_t c = 0; c < channels; ++c) out[c] = inside ? row[channels * x + c] : 0.0f;
      }
    }
  };
  cpu::parallel_for(threads, height, kRows, [&](std::int64_t begin, std::int64_t end) {
    if (input.desc.c() == 3) return copy_rows(std::integral_constant<std::int64_t, 3>(), begin, end);
    copy_rows(input.desc.c(), begin, end);
  });
}

}  // namespace graphrun::imaging
