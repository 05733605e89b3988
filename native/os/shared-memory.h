// Runs in: owner and child. Memory that processes share, and events by which one wakes another.
#ifndef FORKSERVER_SHARED_MEMORY_H
#define FORKSERVER_SHARED_MEMORY_H
#include <stddef.h>
#include <sys/types.h>

// A descriptor of so much zeroed memory that can grow and never shrinks, or minus an errno.
int new_shared_memory(size_t bytes);
// Maps a part of it. NULL and errno on failure. `offset` is a multiple of the page size.
void *map_shared_memory(int fd, off_t offset, size_t bytes);
void unmap_shared_memory(void *start, size_t bytes);

// Gives a part back for every process; who still maps it reads zeros.
int free_shared_memory(int fd, off_t offset, off_t bytes);

// A descriptor that can be read when somebody has set it, or minus an errno.
int new_event(void);
int set_event(int fd);
int clear_event(int fd);

#endif
