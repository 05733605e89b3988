// Runs in: owner and child. A page of memory that two processes share.
#ifndef FORKSERVER_SHARED_H
#define FORKSERVER_SHARED_H
#include <stddef.h>

// A new page that whoever maps its descriptor shares. Returns the descriptor, or minus errno.
int new_shared_page(void);

// Maps such a page. NULL on failure (errno). The descriptor may be closed then.
void *map_shared_page(int fd, size_t *size);

void unmap_shared_page(void *page, size_t size);

#endif
