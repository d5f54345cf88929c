// Labels an image with a bundle of `grun pack`, on a GPU if there is one: label_image NAME.grun IN.ppm
// OUT.pgm
#include <graphrun/graphrun.h>

#include <cstdio>
#include <map>

#include "ppm.h"

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: label_image NAME.grun IN.ppm OUT.pgm\n"), 2;
  const auto fail = [](const char* what) { return std::fprintf(stderr, "error: %s\n", what), 1; };
  const Picture picture = read_ppm(argv[2]);
  graphrun::Result<graphrun::Labeler> labeler = graphrun::Labeler::open({.model = argv[1], .device = "auto"});
  if (!labeler.ok()) return fail(labeler.status().message().c_str());
  const auto map = labeler->label({picture.rgb.data(), picture.height, picture.width});
  if (!map.ok()) return fail(map.status().message().c_str());
  std::map<graphrun::ClassId, int> pixels;
  for (const graphrun::ClassId id : map->ids) ++pixels[id];
  for (const auto& [id, count] : pixels) std::printf("%9d  %s\n", count, labeler->class_names()[id].c_str());
  return write_pgm(argv[3], map->height, map->width, map->ids) ? 0 : fail("the picture cannot be written");
}
