/* test_c_api MODEL WEIGHTS: the C interface as a C program sees it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graphrun/c_api.h"

static int failures = 0;

static void check(int holds, const char* what, int line) {
  if (holds) return;
  ++failures;
  fprintf(stderr, "c_api_test.c:%d: %s does not hold; the last error: %s\n", line, what, gr_last_error());
}
#define CHECK(condition) check((condition) != 0, #condition, __LINE__)

/* The call fails with this code, and the error says so. */
static void fails(int actual, int expected, const char* says, int line) {
  if (actual == expected && strstr(gr_last_error(), says) != NULL) return;
  ++failures;
  fprintf(stderr, "c_api_test.c:%d: expected code %d and \"%s\", got code %d and \"%s\"\n", line, expected,
          says, actual, gr_last_error());
}
#define FAILS(call, code, says) fails((call), (code), (says), __LINE__)

enum { HEIGHT = 20, WIDTH = 31, PIXELS = HEIGHT * WIDTH, PITCH = 3 * WIDTH + 5 };

static void opening(const char* model, const char* weights) {
  gr_labeler* labeler = NULL;
  gr_options options = GR_OPTIONS_INIT;
  FAILS(gr_open(NULL, NULL, NULL, &labeler), GR_INVALID_ARGUMENT, "model");
  FAILS(gr_open(model, weights, "cpu", NULL), GR_INVALID_ARGUMENT, "out");
  FAILS(gr_open("no such file.fb", weights, "cpu", &labeler), GR_NOT_FOUND, "no such file.fb");
  FAILS(gr_open(weights, NULL, "cpu", &labeler), GR_INVALID_FILE, "start.safetensors");
  FAILS(gr_open(model, weights, "abacus", &labeler), GR_INVALID_ARGUMENT, "abacus");
  FAILS(gr_open_with(NULL, &labeler), GR_INVALID_ARGUMENT, "options");
  options.model = model;
  options.weights = weights;
  options.device = "cpu";
  options.precision = "f17";
  FAILS(gr_open_with(&options, &labeler), GR_INVALID_ARGUMENT, "f17");
  options.size = 3;
  FAILS(gr_open_with(&options, &labeler), GR_INVALID_ARGUMENT, "size");
  CHECK(labeler == NULL);
}

/* The options of a later version: where they ask for nothing new this version takes them, else it says so. */
static void later_options(const char* model, const char* weights) {
  struct {
    gr_options known;
    int64_t new_one;
  } later = {GR_OPTIONS_INIT, 0};
  gr_labeler* labeler = NULL;
  later.known.size = sizeof later;
  later.known.model = model;
  later.known.weights = weights;
  later.known.device = "cpu";
  CHECK(gr_open_with(&later.known, &labeler) == GR_OK);
  gr_close(labeler);
  later.new_one = 1;
  FAILS(gr_open_with(&later.known, &labeler), GR_INVALID_ARGUMENT, "does not know");
}

static void labelling(gr_labeler* labeler) {
  static uint8_t rgb[3 * PIXELS], padded[HEIGHT * PITCH], narrow[PIXELS];
  static uint16_t wide[PIXELS];
  static float sure[PIXELS], sure_too[PIXELS];
  gr_image image = GR_IMAGE_INIT;
  gr_label_map map = GR_LABEL_MAP_INIT;
  int i;
  for (i = 0; i < 3 * PIXELS; ++i) rgb[i] = (uint8_t)(i * i / 7);
  for (i = 0; i < HEIGHT; ++i) memcpy(padded + i * PITCH, rgb + i * 3 * WIDTH, 3 * WIDTH);
  CHECK(gr_label_rgb8(labeler, rgb, HEIGHT, WIDTH, narrow, sure) == GR_OK);
  image.data = padded;
  image.height = HEIGHT;
  image.width = WIDTH;
  image.row_pitch = PITCH;
  map.classes = wide;
  map.confidence = sure_too;
  map.count = PIXELS;
  CHECK(gr_label(labeler, &image, &map) == GR_OK);
  for (i = 0; i < PIXELS && wide[i] == narrow[i] && wide[i] < gr_class_count(labeler); ++i) continue;
  CHECK(i == PIXELS);
  for (i = 0; i < PIXELS && sure[i] > 0 && sure[i] <= 1.0001f && sure[i] == sure_too[i]; ++i) continue;
  CHECK(i == PIXELS);
  memset(sure, 0, sizeof sure);
  map.confidence = NULL;
  CHECK(gr_label(labeler, &image, &map) == GR_OK);
  CHECK(gr_label_rgb8(labeler, rgb, HEIGHT, WIDTH, narrow, NULL) == GR_OK && sure[0] == 0);

  map.probabilities = malloc(sizeof(float) * PIXELS * (size_t)gr_class_count(labeler));
  map.confidence = sure;
  CHECK(map.probabilities != NULL && gr_label(labeler, &image, &map) == GR_OK);
  for (i = 0; i < PIXELS && map.probabilities[wide[i] * PIXELS + i] == sure[i]; ++i) continue;
  CHECK(i == PIXELS);
  free(map.probabilities);
  map.probabilities = NULL;
  map.confidence = NULL;

  map.count = PIXELS - 1;
  FAILS(gr_label(labeler, &image, &map), GR_INVALID_ARGUMENT, "fewer");
  map.count = PIXELS;
  image.type = 99;
  FAILS(gr_label(labeler, &image, &map), GR_INVALID_ARGUMENT, "type");
  image.type = GR_U8;
  image.channels = 4;
  CHECK(gr_label(labeler, &image, &map) == GR_INVALID_ARGUMENT);
  image.channels = 3;
  image.height = -1;
  CHECK(gr_label(labeler, &image, &map) != GR_OK);
  FAILS(gr_label(labeler, NULL, &map), GR_INVALID_ARGUMENT, "image");
  FAILS(gr_label(labeler, &image, NULL), GR_INVALID_ARGUMENT, "map");
  FAILS(gr_label(NULL, &image, &map), GR_INVALID_ARGUMENT, "labeler");
  CHECK(gr_label_rgb8(labeler, NULL, HEIGHT, WIDTH, narrow, NULL) == GR_INVALID_ARGUMENT);
  FAILS(gr_label_rgb8(labeler, rgb, HEIGHT, WIDTH, NULL, NULL), GR_INVALID_ARGUMENT, "classes");
}

static void describing(const gr_labeler* labeler) {
  uint8_t rgb[3] = {0, 0, 0};
  CHECK(gr_class_count(labeler) == 11 && gr_class_count(NULL) == 0);
  CHECK(gr_class_name(labeler, -1) == NULL && gr_class_name(labeler, 11) == NULL &&
        gr_class_name(NULL, 0) == NULL);
  FAILS(gr_class_color(labeler, 11, rgb), GR_NOT_FOUND, "11");
  CHECK(gr_channels(labeler) == 3 && gr_channels(NULL) == 0);
  CHECK(strcmp(gr_device(labeler), "cpu") == 0 && gr_device(NULL) == NULL);
  CHECK(strcmp(gr_version(), GRAPHRUN_VERSION) == 0);
  CHECK(strlen(gr_build()) > 12);
}

int main(int argc, char** argv) {
  gr_labeler* labeler = NULL;
  if (argc != 3) return 2;
  CHECK(strcmp(gr_last_error(), "") == 0);
  opening(argv[1], argv[2]);
  later_options(argv[1], argv[2]);
  if (gr_open(argv[1], argv[2], "cpu", &labeler) != GR_OK) {
    fprintf(stderr, "%s\n", gr_last_error());
    return 1;
  }
  labelling(labeler);
  describing(labeler);
  gr_close(labeler);
  gr_close(NULL);
  return failures == 0 ? 0 : 1;
}
