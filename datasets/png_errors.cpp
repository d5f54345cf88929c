#include "datasets/png_errors.h"

#include <cstring>

namespace graphrun::datasets {

void on_png_error(png_structp png, png_const_charp message) {
  auto* failure = static_cast<PngFailure*>(png_get_error_ptr(png));
  std::strncpy(failure->text, message, sizeof(failure->text) - 1);
  png_longjmp(png, 1);
}

void on_png_warning(png_structp, png_const_charp) {}

}  // namespace graphrun::datasets
