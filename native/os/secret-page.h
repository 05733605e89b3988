// Runs in: owner and template. A page of memory for a key.
#ifndef FORKSERVER_SECRET_PAGE_H
#define FORKSERVER_SECRET_PAGE_H
#include <stddef.h>

// Returns a page that a forked child finds zeroed, and that core dumps leave out. It is not swapped if the limits allow
// that. Returns NULL and sets errno on failure. It is never freed.
void *new_secret_page(size_t *size);

#endif
