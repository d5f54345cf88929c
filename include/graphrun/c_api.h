#ifndef GRAPHRUN_C_API_H
#define GRAPHRUN_C_API_H

#include <stddef.h>
#include <stdint.h>

#include "graphrun/api.h"
#include "graphrun/version.h"

/* Labels images from C, and from languages that call C. C11; C++ reads this header too.
 *
 *     gr_labeler* labeler = NULL;
 *     if (gr_open("yard.grun", NULL, "auto", &labeler) != GR_OK) {
 *       fprintf(stderr, "%s\n", gr_last_error());
 *       return 1;
 *     }
 *     if (gr_label_rgb8(labeler, rgb, height, width, classes, NULL) == GR_OK)
 *       puts(gr_class_name(labeler, classes[0]));
 *     gr_close(labeler);
 *
 * Every function that can fail returns GR_OK (0) or one of the other codes, and then gr_last_error() says
 * what went wrong. What an `out` pointer points to changes only on success; memory of pictures may have been
 * written in part. Nothing prints, exits or throws, memory included. All strings are UTF-8 and end in a null
 * character.
 *
 * What is promised: a program that was linked against this version runs with libgraphrun.so.0 of any later
 * version 0.x. Functions and codes are only added. Structures that the caller fills begin with their size, so
 * that they may grow: GR_IMAGE_INIT and its like set it. */

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers are never given another meaning. A later version may return new ones. */
enum {
  GR_OK = 0,
  GR_INVALID_ARGUMENT = 1, /* the arguments do not fit together: a null pointer, a size, a name */
  GR_USAGE = 2,            /* files that do not go together, such as a bundle with weights beside it */
  GR_INVALID_FILE = 3,     /* bytes that are not what the format demands */
  GR_NOT_FOUND = 4,        /* a file or a name that does not exist */
  GR_IO = 5,               /* the operating system refused */
  GR_SHAPE = 6,            /* a size that the network cannot take */
  GR_UNSUPPORTED = 7,      /* correct, but not possible with this build, device or model */
  GR_OUT_OF_MEMORY = 8,
  GR_INTERRUPTED = 10,
  GR_INTERNAL = 11 /* a broken promise inside graphrun: please report it with gr_build() */
};

/* Element types of images. */
enum { GR_U8 = 0, GR_F32 = 1 };

/* A network with its weights on a device, ready to label. Threads may share one: calls take turns. Whoever
 * wants images labelled side by side opens one for each thread, with a part of the processors
 * (gr_options.threads). */
typedef struct gr_labeler gr_labeler;

/* How to open a labeler. Everything but `size` and `model` may be 0. */
typedef struct gr_options {
  size_t size;           /* of this structure: GR_OPTIONS_INIT */
  const char* model;     /* a bundle (.grun) or a model file (.fb) */
  const char* weights;   /* .safetensors or .pth; NULL for a bundle */
  const char* device;    /* "auto", "cpu", "cuda", "cuda:N"; NULL: "auto" */
  const char* precision; /* "f32", "bf16", "int8"; NULL: "f32" */
  const char* cache;     /* folder for what is computed once; NULL: nothing is kept */
  int32_t threads;       /* of the CPU; 0: all that this process may use */
  int64_t memory_limit;  /* bytes; 0: what the device has available now */
  /* Shared objects with the model's ops that are not graphrun's (op libraries; a path without a folder is one
   * of the working directory): their paths, and how many there are. They are copied, and stay loaded until
   * gr_close. Their code runs with the rights of this process. */
  const char* const* ops;
  size_t ops_count;
} gr_options;
#define GR_OPTIONS_INIT \
  { sizeof(gr_options), NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, 0 }

/* An image in memory of the caller: rows from the top, pixels from the left, channels of a pixel side by
 * side. */
typedef struct gr_image {
  size_t size;       /* of this structure: GR_IMAGE_INIT */
  const void* data;  /* as many bytes as the rest says; only read, during the call */
  int64_t height;    /* pixels */
  int64_t width;     /* pixels */
  int32_t channels;  /* as many as the model's images have (gr_channels) */
  int32_t type;      /* GR_U8, or GR_F32: the same values, not scaled */
  int64_t row_pitch; /* bytes from the start of a row to that of the next; 0: rows are dense */
} gr_image;
#define GR_IMAGE_INIT \
  { sizeof(gr_image), NULL, 0, 0, 3, GR_U8, 0 }

/* Where the results of an image of height x width pixels go, row by row without gaps. Memory of the caller.
 */
typedef struct gr_label_map {
  size_t size;       /* of this structure: GR_LABEL_MAP_INIT */
  int64_t count;     /* how many numbers there is memory for in each; fewer than height * width is an error */
  uint16_t* classes; /* the class of each pixel */
  float* confidence; /* NULL, or where the probability of each pixel's class goes, from 0 to 1 */
  /* NULL, or where the probabilities of all classes go: memory for gr_class_count(labeler) * count numbers,
   * of which height * width a class are written, class by class; those of a pixel sum to 1. */
  float* probabilities;
} gr_label_map;
#define GR_LABEL_MAP_INIT \
  { sizeof(gr_label_map), 0, NULL, NULL, NULL }

/* Opens a model for labelling. `weights` is NULL for a bundle; `device` as in gr_options. */
GRAPHRUN_API int gr_open(const char* model, const char* weights, const char* device, gr_labeler** out);
GRAPHRUN_API int gr_open_with(const gr_options* options, gr_labeler** out);
/* Ends it and gives all its memory back. No other call may use it meanwhile. NULL is allowed. */
GRAPHRUN_API void gr_close(gr_labeler* labeler);

/* The class of each pixel of a dense RGB image with 8 bits a channel, of any size, by the model's own
 * protocol. `rgb`: 3 * height * width bytes; `classes`: room for height * width; `confidence`: NULL, or room
 * for height * width numbers: the probability of each pixel's class, from 0 to 1. A model of more than 256
 * classes needs gr_label. */
GRAPHRUN_API int gr_label_rgb8(gr_labeler* labeler, const uint8_t* rgb, int64_t height, int64_t width,
                               uint8_t* classes, float* confidence);
/* The same for images of other types, channels and row pitches, and for any number of classes. */
GRAPHRUN_API int gr_label(gr_labeler* labeler, const gr_image* image, gr_label_map* map);

/* How many classes there are; 0 for NULL. */
GRAPHRUN_API int64_t gr_class_count(const gr_labeler* labeler);
/* The name of a class, valid until gr_close: "class 7" where the model has none. NULL: there is no such
 * class. */
GRAPHRUN_API const char* gr_class_name(const gr_labeler* labeler, int64_t class_id);
/* Red, green and blue of a class. GR_NOT_FOUND where the model has none of that number. */
GRAPHRUN_API int gr_class_color(const gr_labeler* labeler, int64_t class_id, uint8_t rgb[3]);
/* How many channels its images have; 0 for NULL. */
GRAPHRUN_API int64_t gr_channels(const gr_labeler* labeler);
/* The device that computes, such as "cpu" or "cuda:0", valid until gr_close; NULL for NULL. */
GRAPHRUN_API const char* gr_device(const gr_labeler* labeler);

/* What went wrong in this thread's last call that failed, in one line; "" before any did. Valid until the
 * thread's next call of a function that can fail. Texts of more than 1023 bytes are cut. */
GRAPHRUN_API const char* gr_last_error(void);
/* The version of the library that runs, such as "0.1.0"; it may be later than GRAPHRUN_VERSION. */
GRAPHRUN_API const char* gr_version(void);
/* Which build of that version it is. */
GRAPHRUN_API const char* gr_build(void);

#ifdef __cplusplus
}
#endif

#endif
