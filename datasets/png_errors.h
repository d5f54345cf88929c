#pragma once

#include <png.h>

// What readers and writers of PNG share. libpng reports errors by longjmp: everything with a destructor lives
// outside the functions that call setjmp.
namespace graphrun::datasets {

// libpng's reason; the error pointer of a png_struct.
struct PngFailure {
  char text[200] = "";
};

extern "C" {
// Keeps the reason and jumps.
void on_png_error(png_structp png, png_const_charp message);
// Warnings are about what the pixels do not need.
void on_png_warning(png_structp png, png_const_charp message);
}

}  // namespace graphrun::datasets
