#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

// Image files of any kind, in memory, for tests.
namespace graphrun::test {

// A smooth picture in colours.
cv::Mat sample_picture(int height, int width);

// By OpenCV; `suffix` is that of the format.
std::string coded(const std::string& suffix, const cv::Mat& picture, const std::vector<int>& options = {});

// EXIF with an orientation as a camera writes it: one entry before it.
std::string exif(int orientation, bool little = true, std::uint32_t directory = 8);

std::string jpeg_with_app1(const std::string& jpeg, const std::string& app1);
std::string png_with_chunk(const std::string& png, const std::string& kind, const std::string& data);
std::string webp_with_exif(const std::string& webp, int height, int width, const std::string& exif);
// A TIFF of 8-bit RGB without compression.
std::string tiff(const cv::Mat& picture, int orientation);

}  // namespace graphrun::test
