// Runs a network once at the image's own size, without a protocol, and writes its logits. Pixels come in as
// bytes RGB and go out as float32, class by class, so that this program needs no picture format:
//
//     logits NAME.grun HEIGHT WIDTH IN.rgb OUT.f32
#include <graphrun/graphrun.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace {

using graphrun::ErrorCode, graphrun::ImageSize, graphrun::Status;

// The network takes certain sizes only: the last column and the last row are repeated up to the next one.
std::vector<std::uint8_t> padded(const std::vector<std::uint8_t>& rgb, const ImageSize& from,
                                 const ImageSize& to) {
  std::vector<std::uint8_t> result;
  for (std::int64_t y = 0; y < to.height; ++y) {
    for (std::int64_t x = 0; x < to.width; ++x) {
      const std::int64_t pixel = std::min(y, from.height - 1) * from.width + std::min(x, from.width - 1);
      result.insert(result.end(), rgb.begin() + 3 * pixel, rgb.begin() + 3 * pixel + 3);
    }
  }
  return result;
}

Status write_logits(const std::string& model, const ImageSize& size, const std::vector<std::uint8_t>& rgb,
                    const std::string& path) {
  GRAPHRUN_ASSIGN(const auto program, graphrun::Program::load(model));
  GRAPHRUN_ASSIGN(const auto device, graphrun::Device::open("auto"));
  GRAPHRUN_ASSIGN(const auto weights, graphrun::Weights::load(program, device));  // of the bundle
  GRAPHRUN_ASSIGN(const ImageSize valid, program.smallest_valid_size(size));
  GRAPHRUN_ASSIGN(auto session, graphrun::Session::create(program, weights,
                                                          {.height = valid.height, .width = valid.width}));
  const std::vector<std::uint8_t> image = padded(rgb, size, valid);
  GRAPHRUN_TRY(session.set_image({image.data(), valid.height, valid.width}));
  GRAPHRUN_TRY(session.run());
  GRAPHRUN_ASSIGN(const graphrun::TensorView view, session.output("logits"));
  std::vector<float> logits(static_cast<std::size_t>(view.desc.shape.count()));
  GRAPHRUN_TRY(session.get_output("logits", logits));

  // Padding is left out: each class has the rows and columns of the image.
  std::ofstream file(path, std::ios::binary);
  for (std::int64_t c = 0; c < view.desc.c(); ++c) {
    for (std::int64_t y = 0; y < size.height; ++y) {
      const float* const row = logits.data() + (c * valid.height + y) * valid.width;
      file.write(reinterpret_cast<const char*>(row),
                 size.width * static_cast<std::streamsize>(sizeof(float)));
    }
    const std::int64_t middle = (c * valid.height + size.height / 2) * valid.width + size.width / 2;
    std::printf("%8.3f  %s\n", static_cast<double>(logits[static_cast<std::size_t>(middle)]),
                program.class_names()[static_cast<std::size_t>(c)].c_str());
  }
  return file.flush() ? Status() : Status(ErrorCode::io, path + " cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return std::fprintf(stderr, "usage: logits NAME.grun HEIGHT WIDTH IN.rgb OUT.f32\n"), 2;
  const ImageSize size{std::atol(argv[2]), std::atol(argv[3])};
  if (size.height < 1 || size.width < 1 || size.height > 16384 || size.width > 16384)
    return std::fprintf(stderr, "error: height and width are 1 to 16384\n"), 2;
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(3 * size.height * size.width));
  std::ifstream file(argv[4], std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(rgb.data()), static_cast<std::streamsize>(rgb.size())))
    return std::fprintf(stderr, "error: %s has fewer than %zu bytes\n", argv[4], rgb.size()), 1;
  const Status status = write_logits(argv[1], size, rgb, argv[5]);
  if (!status.ok()) std::fprintf(stderr, "error: %s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}
