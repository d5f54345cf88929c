#pragma once

#include <span>
#include <string>
#include <string_view>

namespace graphrun::training {

// Text for HTML and SVG, between tags and in quoted attributes: whatever a file holds is text there and never
// markup, control characters are shown.
std::string escaped(std::string_view text);

// A section with its heading, which the page's list of contents leads to. `body` is HTML.
std::string section(std::string_view id, std::string_view title, std::string_view body);

// "data:TYPE;base64,..."
std::string data_uri(std::string_view type, std::string_view bytes);

// "12 345 678"
std::string grouped(double whole);
// "87.3 %" of 0.873
std::string percent(double share);
// "1 h 02 min", "15 min", "3 min 20 s", "12.4 s"
std::string time_text(double seconds);

}  // namespace graphrun::training
