// Runs in: owner and child. Memory that processes share, and events that wake another process.
#ifndef FORKSERVER_SHARED_MEMORY_H
#define FORKSERVER_SHARED_MEMORY_H
#include <stddef.h>
#include <sys/types.h>

// Returns a descriptor of this many bytes of zeroed memory, which can grow and never shrinks, or minus an errno.
int new_shared_memory(size_t bytes);
// Maps a part of it. Returns NULL and sets errno on failure. `offset` is a multiple of the page size.
void *map_shared_memory(int fd, off_t offset, size_t bytes);
void unmap_shared_memory(void *start, size_t bytes);

// Frees a part of the memory for all processes. A process that still maps it reads zeros.
int free_shared_memory(int fd, off_t offset, off_t bytes);

// Returns a descriptor that is readable once the event is set, or minus an errno.
int new_event(void);
int set_event(int fd);
int clear_event(int fd);

#endif
