#pragma once

// Marks functions of single-source kernel bodies, which nvcc compiles for the GPU and g++ for the CPU.
#ifdef __CUDACC__
#define GRAPHRUN_DEVICE __host__ __device__
#else
#define GRAPHRUN_DEVICE
#endif
