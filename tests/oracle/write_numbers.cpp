// Writes the numbers of an image of so many channels as the data sets read them, for comparison with other
// readers: write_numbers CHANNELS IMAGE OUT.npy, which is (H, W, CHANNELS) f32.
#include <cstdio>
#include <cstdlib>
#include <span>

#include "datasets/image_source.h"
#include "runtime/weights/npy.h"

namespace {

using namespace graphrun;

Status write_numbers(char** argv) {
  const imaging::ImageForm form{std::atoll(argv[1]), imaging::ImageForm::Pixels::f32};
  GRAPHRUN_ASSIGN(const imaging::Image image, datasets::read_image(argv[2], {form, {}}));
  const TensorDesc desc = TensorDesc::dense(DType::f32, {image.height, image.width, image.channels});
  return weights::write_npy(argv[3], desc, std::as_bytes(std::span(image.values)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const Status status = write_numbers(argv);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}
