#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

// Binary PPM (P6) and PGM (P5) of 8 bits, the simplest pictures there are.
struct Picture {
  std::int64_t height = 0, width = 0;  // 0: the file is none
  std::vector<std::uint8_t> rgb;
};

inline Picture read_ppm(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string magic;
  int largest = 0;
  Picture picture;
  file >> magic >> picture.width >> picture.height >> largest;
  const bool sane =
      picture.width > 0 && picture.width <= 16384 && picture.height > 0 && picture.height <= 16384;
  if (!file || magic != "P6" || largest != 255 || !sane) return {};
  file.get();
  picture.rgb.resize(static_cast<std::size_t>(3 * picture.width * picture.height));
  file.read(reinterpret_cast<char*>(picture.rgb.data()), static_cast<std::streamsize>(picture.rgb.size()));
  return file ? picture : Picture{};
}

template <class Ids>
bool write_pgm(const std::string& path, std::int64_t height, std::int64_t width, const Ids& ids) {
  std::ofstream file(path, std::ios::binary);
  file << "P5\n" << width << " " << height << "\n255\n";
  for (const auto id : ids) file.put(static_cast<char>(id));
  return file.good();
}
