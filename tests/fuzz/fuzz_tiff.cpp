#include "datasets/image_source.h"
#include "datasets/rows.h"
#include "tests/fuzz/input_file.h"

// A TIFF as numbers of any form, whole and by rows, which must be the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const datasets::BytesInMemory bytes({reinterpret_cast<const char*>(data), size});
  const auto opened = datasets::open_stored_rows(bytes, false);
  if (!opened.ok()) return 0;
  const datasets::StoredForm form = (*opened)->form();
  // Solid pictures of many numbers have short files: time is bounded by numbers, and theirs is not of
  // interest.
  constexpr std::int64_t kMaxNumbers = 1 << 20;
  if (form.height > kMaxNumbers / (form.width * form.channels)) return 0;
  std::vector<float> numbers;
  std::vector<std::byte> row(static_cast<std::size_t>(form.row_bytes()));
  std::string reason;
  bool whole = true;
  for (std::int64_t y = 0; whole && y < form.height; ++y) {
    whole = (*opened)->next(1, row.data(), reason);
    fuzz::require(whole || !reason.empty());
    numbers.resize(numbers.size() + static_cast<std::size_t>(form.width * form.channels));
    datasets::widen(row.data(), form.width * form.channels, form.pixels,
                    numbers.data() + y * form.width * form.channels);
  }
  const fuzz::InputFile input(data, size);
  const datasets::ImageSource source{{form.channels, imaging::ImageForm::Pixels::f32}, {}};
  const auto image = datasets::read_image(input.path(), source);
  if (!image.ok()) return 0;
  fuzz::require(std::ssize(image->values) == image->height * image->width * image->channels);
  if (form.orientation == 1) fuzz::require(whole && image->values == numbers);
  return 0;
}
