/* program MODEL WEIGHTS: a program of version 0.1, which uses all of its C interface. Never changed. */
#include <stdio.h>
#include <string.h>

#include "graphrun/c_api.h"

static int fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, gr_last_error());
  return 1;
}

static int label(gr_labeler* labeler) {
  uint8_t rgb[8 * 9 * 3], classes[8 * 9], color[3];
  uint16_t wide[8 * 9];
  float sure[8 * 9];
  int i, colored;
  gr_image image = GR_IMAGE_INIT;
  gr_label_map map = GR_LABEL_MAP_INIT;
  for (i = 0; i < 8 * 9 * 3; ++i) rgb[i] = (uint8_t)(i * 5);
  if (gr_label_rgb8(labeler, rgb, 8, 9, classes, sure) != GR_OK) return fail("gr_label_rgb8");
  image.data = rgb;
  image.height = 8;
  image.width = 9;
  map.classes = wide;
  map.confidence = sure;
  map.count = 8 * 9;
  if (gr_label(labeler, &image, &map) != GR_OK) return fail("gr_label");
  for (i = 0; i < 8 * 9; ++i)
    if (classes[i] != wide[i] || wide[i] >= gr_class_count(labeler)) return fail("classes");
  if (!(sure[0] > 0)) return fail("confidence");
  colored = gr_class_color(labeler, 0, color);
  if (colored != GR_OK && colored != GR_NOT_FOUND) return fail("gr_class_color");
  printf("class %d (%s) on %s, %d channels\n", (int)wide[0],
         gr_class_name(labeler, wide[0]) == NULL ? "without a name" : gr_class_name(labeler, wide[0]),
         gr_device(labeler), (int)gr_channels(labeler));
  return 0;
}

int main(int argc, char** argv) {
  gr_options options = GR_OPTIONS_INIT;
  gr_labeler* labeler = NULL;
  int status;
  if (argc != 3) return 2;
  if (gr_open("missing.fb", NULL, "cpu", &labeler) != GR_NOT_FOUND) return fail("a missing file");
  if (gr_open(argv[1], argv[2], "cpu", &labeler) != GR_OK) return fail("gr_open");
  status = label(labeler);
  gr_close(labeler);
  if (status != 0) return status;
  options.model = argv[1];
  options.weights = argv[2];
  options.device = "cpu";
  options.threads = 1;
  if (gr_open_with(&options, &labeler) != GR_OK) return fail("gr_open_with");
  status = label(labeler);
  gr_close(labeler);
  printf("compiled with %s, runs with %s (%s)\n", GRAPHRUN_VERSION, gr_version(), gr_build());
  return status;
}
