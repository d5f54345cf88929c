/* test_two_copies MODEL WEIGHTS FIRST.so SECOND.so: each labels with its own graphrun, the symbols of both in
 * sight. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef long (*label_some_function)(const char* model, const char* weights, const void** where);

static label_some_function open_copy(const char* path) {
  label_some_function function = NULL;
  void* const symbol = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  void* const found = symbol == NULL ? NULL : dlsym(symbol, "label_some");
  memcpy(&function, &found, sizeof function);
  if (function == NULL) fprintf(stderr, "%s\n", dlerror());
  return function;
}

int main(int argc, char** argv) {
  label_some_function copies[2];
  const void* where[2];
  int i;
  if (argc != 5) return 2;
  for (i = 0; i < 2; ++i) {
    copies[i] = open_copy(argv[3 + i]);
    if (copies[i] == NULL) return 1;
  }
  for (i = 0; i < 2; ++i) {
    if (copies[i](argv[1], argv[2], &where[i]) != 12 * 14) {
      fprintf(stderr, "%s does not label\n", argv[3 + i]);
      return 1;
    }
  }
  if (where[0] == where[1]) fprintf(stderr, "one copy took the other's functions\n");
  return where[0] != where[1] ? 0 : 1;
}
