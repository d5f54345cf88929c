// Labels an image with a bundle of `grun pack`, on a GPU if there is one, and says how many pixels each class
// has and how sure it is of them: label_image NAME.grun IN.ppm OUT.pgm
#include <graphrun/graphrun.h>

#include <cstdio>
#include <map>

#include "ppm.h"

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: label_image NAME.grun IN.ppm OUT.pgm\n"), 2;
  const auto fail = [](const char* what) { return std::fprintf(stderr, "error: %s\n", what), 1; };
  const Picture picture = read_ppm(argv[2]);
  graphrun::LabelerOptions options{.model = argv[1], .device = "auto"};
  options.confidence = true;
  graphrun::Result<graphrun::Labeler> labeler = graphrun::Labeler::open(options);
  if (!labeler.ok()) return fail(labeler.status().message().c_str());
  const auto map = labeler->label({picture.rgb.data(), picture.height, picture.width});
  if (!map.ok()) return fail(map.status().message().c_str());
  struct Found {
    int pixels = 0;
    double confidence = 0;
  };
  std::map<graphrun::ClassId, Found> classes;
  for (std::size_t i = 0; i < map->ids.size(); ++i) {
    Found& found = classes[map->ids[i]];
    ++found.pixels;
    found.confidence += static_cast<double>(map->confidence[i]);
  }
  for (const auto& [id, found] : classes)
    std::printf("%9d  %.2f  %s\n", found.pixels, found.confidence / found.pixels,
                labeler->class_names()[id].c_str());
  return write_pgm(argv[3], map->height, map->width, map->ids) ? 0 : fail("the picture cannot be written");
}
