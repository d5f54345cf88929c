#include <algorithm>

#include "exchange/from_onnx/node_import.h"

// Products with constant matrices: layers over vectors, and averages that our exporter writes so.
namespace graphrun::exchange::from_onnx {
namespace {

struct Matrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<float> values;

  Matrix transposed() const {
    Matrix turned{columns, rows, std::vector<float>(values.size())};
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t column = 0; column < columns; ++column)
        turned.values[static_cast<std::size_t>(column * rows + row)] =
            values[static_cast<std::size_t>(row * columns + column)];
    }
    return turned;
  }
};

Result<Matrix> matrix(NodeImport& node, std::size_t input) {
  GRAPHRUN_ASSIGN(const Constant tensor, node.constant(input));
  if (tensor->dims.size() != 2 || tensor->bytes().empty())
    return {ErrorCode::unsupported,
            "a constant of rank " + std::to_string(tensor->dims.size()) + "; a matrix is expected"};
  Matrix result{tensor->dims[0], tensor->dims[1], {}};
  GRAPHRUN_ASSIGN(result.values, node.reals(input));
  return result;
}

// A layer of a vector for each image, (N, C), is a convolution with windows of one pixel. `weight`: (O, C).
Result<Map> layer(NodeImport& node, const Map& x, const Matrix& weight, const std::vector<float>& bias) {
  std::vector<StepVariable> variables = {
      {1, node.keep(tensor_of(weight.values, {weight.rows, weight.columns, 1, 1}))}};
  AttrMap attrs = {{"kernel", Expr(1)}, {"out_channels", Expr(weight.rows)}};
  if (!bias.empty()) {
    attrs["bias"] = Expr(1);
    variables.push_back({2, node.keep(tensor_of(bias, {std::ssize(bias)}))});
  }
  return node.add("conv2d", {x}, std::move(attrs), std::move(variables));
}

Status gemm(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  if (x.rank != 2)
    return {ErrorCode::unsupported, "an activation of rank " + std::to_string(x.rank) + "; 2 is expected"};
  GRAPHRUN_TRY(node.expect("transA", 0));
  GRAPHRUN_ASSIGN(const std::int64_t turned, node.integer("transB", 0));
  GRAPHRUN_ASSIGN(const float alpha, node.real("alpha", 1));
  GRAPHRUN_ASSIGN(const float beta, node.real("beta", 1));
  GRAPHRUN_ASSIGN(Matrix weight, matrix(node, 1));
  if (turned == 0) weight = weight.transposed();
  for (float& value : weight.values) value *= alpha;
  std::vector<float> bias;
  if (node.has(2)) {
    GRAPHRUN_ASSIGN(bias, node.reals(2));
    if (bias.size() == 1) bias.assign(static_cast<std::size_t>(weight.rows), bias[0]);
    if (std::ssize(bias) != weight.rows) return {ErrorCode::unsupported, "a bias that differs by image"};
    for (float& value : bias) value *= beta;
  }
  GRAPHRUN_ASSIGN(const Map y, layer(node, x, weight, bias));
  node.give(y);
  return {};
}

// Whether row i is the average of bin i of the columns, as adaptive_avg_pool has them.
bool averages_bins(const Matrix& matrix) {
  for (std::int64_t bin = 0; bin < matrix.rows; ++bin) {
    const std::int64_t begin = bin * matrix.columns / matrix.rows;
    const std::int64_t end = ((bin + 1) * matrix.columns + matrix.rows - 1) / matrix.rows;
    const float share = 1.0F / static_cast<float>(end - begin);
    for (std::int64_t i = 0; i < matrix.columns; ++i) {
      const float expected = i >= begin && i < end ? share : 0.0F;
      if (matrix.values[static_cast<std::size_t>(bin * matrix.columns + i)] != expected) return false;
    }
  }
  return true;
}

Status matmul(NodeImport& node) {
  const bool from_left = !node.is_map(0);
  GRAPHRUN_ASSIGN(const Map x, node.map(from_left ? 1 : 0));
  GRAPHRUN_ASSIGN(Matrix weight, matrix(node, from_left ? 0 : 1));
  if (!from_left) weight = weight.transposed();
  if (!from_left && x.rank == 2) {
    GRAPHRUN_ASSIGN(const Map y, layer(node, x, weight, {}));
    node.give(y);
    return {};
  }
  const std::size_t axis = from_left ? 2 : 3;
  if (x.rank != 4 || !(node.extent(x, axis) == Dim(weight.columns)) || !averages_bins(weight))
    return {ErrorCode::unsupported,
            "rows or columns of an activation times a matrix that is no average of bins"};
  const std::vector<Expr> bins = {from_left ? weight.rows : 0, from_left ? 0 : weight.rows};
  GRAPHRUN_ASSIGN(const Map y, node.add("adaptive_avg_pool", {x}, {{"output", bins}}));
  node.give(y);
  return {};
}

constexpr ImportOf kMatrices[] = {{"Gemm", gemm}, {"MatMul", matmul}};

}  // namespace

std::span<const ImportOf> imported_matrices() { return kMatrices; }

}  // namespace graphrun::exchange::from_onnx
