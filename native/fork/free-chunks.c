// Runs in: template. See free-chunks.h.
#include "free-chunks.h"
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

// Larger ones have pages of their own.
#define MOST_BYTES ((size_t)4096)
#define LEAST_BYTES ((size_t)24)
#define STEP_BYTES ((size_t)16)
// malloc merges small chunks before it looks for one of this size. It does not take it from the kernel.
#define LARGE_BYTES ((size_t)32 << 10)

void merge_free_chunks(void) {
  void *volatile chunk = malloc(LARGE_BYTES); // without `volatile` the compiler may leave both calls out
  free(chunk);
}

#ifdef __GLIBC__
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" // mallinfo2() is not in glibc 2.28
void take_free_chunks(void) {
  const struct mallinfo info = mallinfo();
  const char *const end = sbrk(0);
  const char *const free_end = end - (unsigned)info.keepcost; // what malloc takes from when no chunk fits
  size_t left = (unsigned)info.fordblks; // if the heap does not end at sbrk(0), this ends the search
  for (size_t size = MOST_BYTES; size >= LEAST_BYTES; size -= STEP_BYTES) {
    while (left >= size) {
      char *chunk = malloc(size);
      if (!chunk) return;
      if (chunk >= free_end) {
        free(chunk);
        break;
      }
      left -= size;
    }
  }
}
#else
void take_free_chunks(void) {}
#endif
