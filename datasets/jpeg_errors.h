#pragma once

#include <array>
#include <csetjmp>
#include <cstdint>
#include <cstdio>  // before jpeglib.h, which needs it

#include <jpeglib.h>

#include "graphrun/status.h"

// What readers of JPEG share. libjpeg reports errors by a function that must not return: everything with a
// destructor lives outside the functions that call setjmp.
namespace graphrun::datasets {

struct JpegFailure {
  jpeg_error_mgr base;  // first: libjpeg knows this part alone
  std::jmp_buf jump;
};

// Makes `info` jump to `failure` at an error, and at a warning of damage that libjpeg would paint over.
void jump_at_damage(jpeg_decompress_struct& info, JpegFailure& failure);
// What it jumped for. invalid_file; unsupported for what libjpeg does not know.
Status jpeg_error(jpeg_decompress_struct& info, JpegFailure& failure);

// Adobe's CMYK is inverted: 255 is no ink.
void cmyk_to_rgb(const std::uint8_t* from, std::uint8_t* to, std::size_t pixels);

}  // namespace graphrun::datasets
