#include "training/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "training/report/html.h"

namespace graphrun::training {
namespace {

constexpr double kWidth = 480;
constexpr double kHeight = 270;
constexpr double kLeft = 62;
constexpr double kRight = 14;
constexpr double kTop = 12;
constexpr double kBottom = 44;
constexpr std::size_t kMaxPoints = 400;
constexpr double kSteps = 6;  // about, between marks of the x axis

struct Axis {
  double low = 0;
  double high = 1;
  std::vector<double> marks;
  double from = 0;  // pixels
  double to = 0;
  double place(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

Axis make_axis(double low, double high, int about, double from, double to, bool snaps) {
  if (!(high > low)) {
    const double room = std::max(std::abs(low) * 0.1, 1e-9);
    low -= room;
    high += room;
  }
  Axis axis{low, high, ticks(low, high, about), from, to};
  if (!snaps || axis.marks.size() < 2) return axis;
  // The line that limits the values is drawn as well.
  const double step = axis.marks[1] - axis.marks[0];
  if (axis.marks.back() < high) axis.marks.push_back(axis.marks.back() + step);
  if (axis.marks.front() > low) axis.marks.insert(axis.marks.begin(), axis.marks.front() - step);
  axis.low = axis.marks.front();
  axis.high = axis.marks.back();
  return axis;
}

std::string mark_text(double value, const Axis& axis) {
  const double step = axis.marks.size() > 1 ? axis.marks[1] - axis.marks[0] : std::abs(value);
  const double largest = std::max(std::abs(axis.low), std::abs(axis.high));
  if (largest >= 1e6) return fmt::format("{:.3g}", value);
  if (largest >= 1e4) return grouped(value);
  const int digits = step > 0 ? std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9))) : 3;
  if (digits > 4) return std::abs(value) < step / 2 ? "0" : fmt::format("{:.0e}", value);
  return fmt::format("{:.{}f}", value, digits);
}

// Those that can be drawn: files may hold any number.
std::vector<Point> finite(const std::vector<Point>& points) {
  constexpr double kMax = 1e30;
  std::vector<Point> kept;
  std::ranges::copy_if(points, std::back_inserter(kept),
                       [](const Point& p) { return std::abs(p.x) < kMax && std::abs(p.y) < kMax; });
  return kept;
}

std::string grid(const Chart& chart, const Axis& x, const Axis& y) {
  std::string svg = "<g class=\"grid\">";
  for (const double value : y.marks) {
    svg += fmt::format("<line x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>", x.from, x.to,
                       y.place(value));
  }
  svg += "</g><g class=\"ticks\">";
  for (const double value : y.marks) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", x.from - 6,
                       y.place(value) + 4, mark_text(value, y));
  }
  for (const double value : x.marks) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>", x.place(value),
                       y.from + 17, mark_text(value, x));
  }
  svg += fmt::format("</g><text class=\"axis\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
                     (x.from + x.to) / 2, kHeight - 6, escaped(chart.x_label));
  svg += fmt::format(
      "<text class=\"axis\" transform=\"translate(12 {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
      (y.from + y.to) / 2, escaped(chart.y_label));
  if (chart.square) {
    svg += fmt::format("<line class=\"diagonal\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>",
                       x.place(0), y.place(0), x.place(1), y.place(1));
  }
  return svg;
}

std::string curve(const Series& series, std::size_t index, const Axis& x, const Axis& y) {
  std::string svg = fmt::format("<g class=\"series s{}{}\">", index % 4, series.faint ? " faint" : "");
  std::string path;
  for (const Point& p : series.points)
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x.place(p.x), y.place(p.y));
  if (series.points.size() > 1) svg += fmt::format("<path d=\"{}\"/>", path);
  if (series.marks || series.points.size() == 1) {
    for (const Point& p : series.points) {
      svg += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.6\"><title>{}: {:.6g} at {:.6g}</title></circle>",
          x.place(p.x), y.place(p.y), escaped(series.name), p.y, p.x);
    }
  }
  return svg + "</g>";
}

std::string in_words(const Chart& chart) {
  std::string text;
  for (const Series& series : chart.series) {
    const auto [low, high] =
        std::ranges::minmax_element(series.points, {}, [](const Point& p) { return p.y; });
    const Point& first = series.points.front();
    const Point& last = series.points.back();
    text += fmt::format("{}: {:.4g} at {} {:.6g}, {:.4g} at {:.6g}; lowest {:.4g}, highest {:.4g}. ",
                        series.name, first.y, chart.x_label, first.x, last.y, last.x, low->y, high->y);
  }
  return text;
}

std::string legend(const std::vector<Series>& series) {
  std::string html = "<ul class=\"legend\">";
  for (std::size_t i = 0; i < series.size(); ++i) {
    html += fmt::format(
        "<li><svg class=\"key\" viewBox=\"0 0 26 10\" aria-hidden=\"true\"><g class=\"series s{}\"><path "
        "d=\"M1 5L25 5\"/></g></svg>{}</li>",
        i % 4, escaped(series[i].name));
  }
  return html + "</ul>";
}

struct Range {
  Point low{1e300, 1e300};
  Point high{-1e300, -1e300};
};

Range range_of(const Chart& chart) {
  Range range;
  for (const Series& series : chart.series) {
    for (const Point& p : series.points) {
      range.low = {std::min(range.low.x, p.x), std::min(range.low.y, p.y)};
      range.high = {std::max(range.high.x, p.x), std::max(range.high.y, p.y)};
    }
  }
  if (chart.from_zero) range.low.y = std::min(range.low.y, 0.0);
  if (chart.square) range = {{0, 0}, {1, 1}};
  return range;
}

}  // namespace

std::vector<double> ticks(double low, double high, int about) {
  const double raw = (high - low) / about;
  if (!(raw > 0) || !std::isfinite(raw)) return {low};
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double parts = raw / power;
  const double step = power * (parts <= 1 ? 1 : parts <= 2 ? 2 : parts <= 5 ? 5 : 10);
  std::vector<double> values;
  const double first = std::ceil(low / step - 1e-9);
  for (double i = first; i * step <= high + step * 1e-9 && values.size() < 100; ++i)
    values.push_back(i * step + 0.0);  // no -0
  if (values.empty()) values.push_back(low);
  return values;
}

std::vector<Point> thinned(const std::vector<Point>& points, std::size_t most) {
  if (points.size() <= most) return points;
  std::vector<Point> means;
  for (std::size_t i = 0; i < most; ++i) {
    const std::size_t begin = i * points.size() / most;
    const std::size_t end = (i + 1) * points.size() / most;
    Point sum;
    for (std::size_t at = begin; at < end; ++at) sum = {sum.x + points[at].x, sum.y + points[at].y};
    const auto count = static_cast<double>(end - begin);
    means.push_back({sum.x / count, sum.y / count});
  }
  return means;
}

std::string line_chart(const Chart& whole) {
  Chart chart = whole;
  for (Series& series : chart.series) series.points = thinned(finite(series.points), kMaxPoints);
  std::erase_if(chart.series, [](const Series& series) { return series.points.empty(); });
  if (chart.series.empty()) return {};
  const Range range = range_of(chart);
  // Epochs and iterations are whole.
  const double steps = chart.square ? kSteps : std::clamp(range.high.x - range.low.x, 1.0, kSteps);
  const Axis x =
      make_axis(range.low.x, range.high.x, static_cast<int>(steps), kLeft, kWidth - kRight, chart.square);
  const Axis y = make_axis(range.low.y, range.high.y, 5, kHeight - kBottom, kTop, true);
  std::string svg = fmt::format(
      "<figure class=\"chart\"><figcaption>{}</figcaption>\n<svg viewBox=\"0 0 {} {}\" role=\"img\" "
      "aria-label=\"{}\">",
      escaped(chart.title), kWidth, kHeight, escaped(chart.title + ". " + in_words(chart)));
  svg += grid(chart, x, y);
  for (std::size_t i = 0; i < chart.series.size(); ++i) svg += curve(chart.series[i], i, x, y);
  return svg + "</svg>\n" + legend(chart.series) + "</figure>\n";
}

}  // namespace graphrun::training
