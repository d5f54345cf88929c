#pragma once

// Marks what the shared library promises to whoever links it. A program gains nothing by using it.
#ifdef __cplusplus
#define GRAPHRUN_API [[gnu::visibility("default")]]
#else
#define GRAPHRUN_API __attribute__((visibility("default")))
#endif
