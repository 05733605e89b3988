// Runs in: owner and template. A page of memory for a key.
#ifndef FORKSERVER_SECRET_PAGE_H
#define FORKSERVER_SECRET_PAGE_H
#include <stddef.h>

// A page that a forked child finds zeroed, that core dumps leave out and that is not swapped where the limits allow it. NULL on
// failure (errno); never freed.
void *new_secret_page(size_t *size);

#endif
