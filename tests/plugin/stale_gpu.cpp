// A GPU library of another build: whatever else it has must not be called.
extern "C" const char* graphrun_module_stamp() { return "of another build"; }

extern "C" const void* graphrun_gpu_module() { __builtin_trap(); }
