#pragma once

#include <string_view>

namespace graphrun::training {

// report.css and report.js, which cmake/EmbedText.cmake puts into the library.
std::string_view report_css();
std::string_view report_js();

}  // namespace graphrun::training
