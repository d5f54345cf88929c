#include "runtime/cuda/cublas.h"

namespace graphrun::cuda {
namespace {

Result<cudaDataType_t> library_type(DType type) {
  if (type == DType::f32) return CUDA_R_32F;
  if (type == DType::bf16) return CUDA_R_16BF;
  return {ErrorCode::declined, "cuBLAS is asked for f32 and bf16 only, got " + std::string(to_string(type))};
}

}  // namespace

// cuBLAS counts by columns: it is asked for the transposed product, b' a', whose memory is the same.
Status multiply(Device& device, const MatrixProduct& product, const Matrix& a, const Matrix& b,
                const Matrix& c) {
  GRAPHRUN_ASSIGN(const cudaDataType_t type, library_type(product.type));
  GRAPHRUN_ASSIGN(const cudaDataType_t result, library_type(product.result));
  const float one = 1, zero = 0;
  const cublasComputeType_t compute =
      product.type == DType::f32 ? CUBLAS_COMPUTE_32F_PEDANTIC : CUBLAS_COMPUTE_32F;
  const cublasOperation_t first = b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t second = a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasStatus_t code =
      product.count == 1 ? cublasGemmEx_64(device.cublas(), first, second, product.n, product.m, product.k,
                                           &one, b.data, type, b.row, a.data, type, a.row, &zero, c.data,
                                           result, c.row, compute, CUBLAS_GEMM_DEFAULT)
                         : cublasGemmStridedBatchedEx_64(
                               device.cublas(), first, second, product.n, product.m, product.k, &one, b.data,
                               type, b.row, b.batch, a.data, type, a.row, a.batch, &zero, c.data, result,
                               c.row, c.batch, product.count, compute, CUBLAS_GEMM_DEFAULT);
  if (code == CUBLAS_STATUS_SUCCESS) return {};
  return {ErrorCode::io, std::string("cublasGemmEx: ") + cublasGetStatusString(code)};
}

}  // namespace graphrun::cuda
