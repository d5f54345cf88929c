// Calls the README's program, which stands beside this as it is printed there: readme_main IN.ppm
#include <cstdio>

#include "examples/label_image/ppm.h"

int label(const unsigned char* rgb, long height, long width);

int main(int argc, char** argv) {
  const Picture picture = argc == 2 ? read_ppm(argv[1]) : Picture{};
  if (picture.rgb.empty()) return std::fprintf(stderr, "usage: readme_main IN.ppm\n"), 2;
  return label(picture.rgb.data(), static_cast<long>(picture.height), static_cast<long>(picture.width));
}
