// Runs in: template. The mappings of this process, as /proc lists them.
#ifndef FORKSERVER_MAPPINGS_H
#define FORKSERVER_MAPPINGS_H
#include <stddef.h>
#include <stdint.h>

struct mapping {
  uintptr_t from, to;
  int protection; // PROT_READ, PROT_WRITE, PROT_EXEC
  int is_private;
  uint64_t inode; // of its file, or 0
  char name[32];  // the beginning of it; empty for most mappings without a file
};

// Called for each mapping. Returns 0, or an error that ends the list.
typedef int (*mapping_listener)(const struct mapping *mapping, void *argument);

// Lists all mappings. Returns 0, -errno, or what the listener returned.
int list_mappings(mapping_listener listener, void *argument);
// Lists those that have nothing special: no memory that is locked, left out of core dumps, wiped or not inherited at a
// fork, no stack that grows, no protection key. This takes the kernel longer.
int list_plain_mappings(mapping_listener listener, void *argument);

#endif
