// Labels an image with a trained model: label_image MODEL.fb WEIGHTS.safetensors IN.ppm OUT.ppm
// IN and OUT are binary PPM (P6, 8 bits), of any size that the model takes.
#include <graphrun/graphrun.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace {

struct Picture {
  std::int64_t width = 0, height = 0;
  std::vector<std::uint8_t> rgb;
};

graphrun::Result<Picture> read_ppm(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string magic;
  int depth = 0;
  Picture picture;
  file >> magic >> picture.width >> picture.height >> depth;
  const bool sane =
      picture.width > 0 && picture.height > 0 && picture.width <= 16384 && picture.height <= 16384;
  if (!file || magic != "P6" || depth != 255 || !sane)
    return {graphrun::ErrorCode::invalid_file, path + ": no 8-bit PPM"};
  file.get();
  picture.rgb.resize(static_cast<std::size_t>(3 * picture.width * picture.height));
  file.read(reinterpret_cast<char*>(picture.rgb.data()), static_cast<std::streamsize>(picture.rgb.size()));
  if (!file) return {graphrun::ErrorCode::invalid_file, path + ": it ends too early"};
  return picture;
}

graphrun::Status label(const std::string& model, const std::string& weights_path, const std::string& in,
                       const std::string& out) {
  GRAPHRUN_ASSIGN(auto program, graphrun::Program::load(model, graphrun::op_registry()));
  GRAPHRUN_ASSIGN(auto backend, graphrun::make_cpu_backend());
  GRAPHRUN_ASSIGN(auto file, graphrun::TensorFile::open(weights_path));
  GRAPHRUN_ASSIGN(auto weights, graphrun::Weights::map(*program, file, backend));
  GRAPHRUN_ASSIGN(Picture picture, read_ppm(in));
  GRAPHRUN_ASSIGN(auto session,
                  graphrun::Session::create(program, weights, {1, picture.height, picture.width}));

  GRAPHRUN_TRY(graphrun::normalise_image(program->model().preprocess, picture.rgb, session->input()));
  GRAPHRUN_TRY(session->run());
  std::vector<std::int32_t> classes(static_cast<std::size_t>(picture.width * picture.height));
  GRAPHRUN_ASSIGN(const auto logits, session->logits());
  GRAPHRUN_TRY(graphrun::arg_max(logits, classes));

  std::map<std::int32_t, std::size_t> counts;
  const std::vector<std::uint8_t>& palette = program->model().palette;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    ++counts[classes[i]];
    const auto color = static_cast<std::size_t>(classes[i]) * 3;
    for (std::size_t c = 0; c < 3; ++c)
      picture.rgb[i * 3 + c] = color + c < palette.size() ? palette[color + c] : 0;
  }
  for (const auto& [id, count] : counts) {
    const auto& names = program->model().class_names;
    const auto index = static_cast<std::size_t>(id);
    std::printf("%5.1f %%  %s\n", 100.0 * static_cast<double>(count) / static_cast<double>(classes.size()),
                index < names.size() ? names[index].c_str() : std::to_string(id).c_str());
  }
  std::ofstream result(out, std::ios::binary);
  result << "P6\n" << picture.width << " " << picture.height << "\n255\n";
  result.write(reinterpret_cast<const char*>(picture.rgb.data()),
               static_cast<std::streamsize>(picture.rgb.size()));
  return result ? graphrun::Status() : graphrun::Status(graphrun::ErrorCode::io, out + ": cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return std::fprintf(stderr, "usage: label_image MODEL.fb WEIGHTS IN.ppm OUT.ppm\n"), 2;
  const graphrun::Status status = label(argv[1], argv[2], argv[3], argv[4]);
  if (!status.ok()) return std::fprintf(stderr, "error: %s\n", status.message().c_str()), 1;
  return 0;
}
