#pragma once

#include "datasets/import/canvas.h"
#include "datasets/import/json_fields.h"

namespace graphrun::datasets {

// Fills one of LabelMe's shapes: polygon, rectangle, oriented_rectangle, circle, line, linestrip, point,
// mask. Lines are ten pixels thick, points have a radius of five, as LabelMe has them.
Status fill_labelme_shape(const Canvas& canvas, const Json& shape);

// The bytes that base64 text (RFC 4648) stands for.
Result<std::string> decode_base64(std::string_view text);

}  // namespace graphrun::datasets
