// A shared object that is no op library.
extern "C" int unrelated() { return 1; }
