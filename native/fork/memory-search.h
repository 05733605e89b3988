// Runs in: template. Looks for values in this process's own memory, some of which may not be there.
#ifndef FORKSERVER_MEMORY_SEARCH_H
#define FORKSERVER_MEMORY_SEARCH_H
#include <stddef.h>
#include <stdint.h>

// Reads memory that may not be mapped. Returns whether all of it was.
int peek(const void *from, void *into, size_t bytes);
// Reads at most `count` words, fewer if the memory ends before. Returns how many.
size_t peek_words(const void *from, uint64_t *into, size_t count);
// The heap of the C library. 0 or -1.
int find_heap(uint64_t *from, uint64_t *to);
// The global variables of the program (not of its libraries) whose value is between `least` and `most`, except the
// one at `except`. Returns how many there are, and sets `found` to the last one.
size_t find_globals(uint64_t least, uint64_t most, const uint64_t *except, uint64_t **found);

#endif
