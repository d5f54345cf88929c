/* Labels an image from C: label_from_c MODEL WEIGHTS|- IN.ppm OUT.ppm
 * MODEL is a bundle (.grun), with "-" for WEIGHTS, or a model file (.fb). IN and OUT are binary PPM (P6, 8
 * bits). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graphrun/c_api.h"

typedef struct picture {
  long width, height;
  uint8_t* rgb;
} picture;

static int read_ppm(const char* path, picture* out) {
  FILE* const file = fopen(path, "rb");
  int depth = 0, done = 0;
  if (file == NULL) return 0;
  if (fscanf(file, "P6 %5ld %5ld %3d", &out->width, &out->height, &depth) == 3 && depth == 255 &&
      out->width > 0 && out->height > 0 && out->width <= 16384 && out->height <= 16384) {
    const size_t bytes = (size_t)(3 * out->width * out->height);
    fgetc(file);
    out->rgb = malloc(bytes);
    done = out->rgb != NULL && fread(out->rgb, 1, bytes, file) == bytes;
  }
  fclose(file);
  return done;
}

static int write_ppm(const char* path, const picture* picture) {
  FILE* const file = fopen(path, "wb");
  const size_t bytes = (size_t)(3 * picture->width * picture->height);
  int done;
  if (file == NULL) return 0;
  fprintf(file, "P6\n%ld %ld\n255\n", picture->width, picture->height);
  done = fwrite(picture->rgb, 1, bytes, file) == bytes;
  return fclose(file) == 0 && done;
}

/* Paints each pixel in its class's colour and says how much of the picture each class takes, and how sure the
 * network is of it. */
static void paint(const gr_labeler* labeler, const uint8_t* classes, const float* confidence,
                  picture* picture) {
  const long pixels = picture->width * picture->height;
  long counts[256] = {0};
  double sure[256] = {0};
  long i;
  for (i = 0; i < pixels; ++i) {
    ++counts[classes[i]];
    sure[classes[i]] += (double)confidence[i];
    gr_class_color(labeler, classes[i], picture->rgb + 3 * i);
  }
  for (i = 0; i < 256; ++i) {
    const char* const name = gr_class_name(labeler, i);
    if (counts[i] == 0) continue;
    printf("%5.1f %%, %.2f sure  ", 100.0 * (double)counts[i] / (double)pixels, sure[i] / (double)counts[i]);
    if (name != NULL)
      printf("%s\n", name);
    else
      printf("class %ld\n", i);
  }
}

static int label(gr_labeler* labeler, const char* in, const char* out) {
  picture picture = {0, 0, NULL};
  uint8_t* classes = NULL;
  float* confidence = NULL;
  int status = 1;
  if (!read_ppm(in, &picture)) {
    fprintf(stderr, "error: %s: no 8-bit PPM\n", in);
  } else if ((classes = malloc((size_t)(picture.width * picture.height))) == NULL ||
             (confidence = malloc(sizeof(float) * (size_t)(picture.width * picture.height))) == NULL) {
    fprintf(stderr, "error: no memory\n");
  } else if (gr_label_rgb8(labeler, picture.rgb, picture.height, picture.width, classes, confidence) !=
             GR_OK) {
    fprintf(stderr, "error: %s: %s\n", in, gr_last_error());
  } else {
    paint(labeler, classes, confidence, &picture);
    status = write_ppm(out, &picture) ? 0 : 1;
    if (status != 0) fprintf(stderr, "error: %s cannot be written\n", out);
  }
  free(classes);
  free(confidence);
  free(picture.rgb);
  return status;
}

int main(int argc, char** argv) {
  gr_labeler* labeler = NULL;
  int status;
  if (argc != 5) {
    fprintf(stderr, "usage: label_from_c MODEL WEIGHTS|- IN.ppm OUT.ppm\n");
    return 2;
  }
  if (gr_open(argv[1], strcmp(argv[2], "-") == 0 ? NULL : argv[2], "auto", &labeler) != GR_OK) {
    fprintf(stderr, "error: %s\n", gr_last_error());
    return 1;
  }
  status = label(labeler, argv[3], argv[4]);
  gr_close(labeler);
  return status;
}
