// Runs in: template; zero_flat also in child. The template's memory as a file, of which a fork copies no page tables.
#ifndef FORKSERVER_FLAT_H
#define FORKSERVER_FLAT_H
#include <stddef.h>

struct flat {
  size_t bytes;    // of pages in the file
  size_t mappings; // of the file
};

// All of these want that every other thread waits for work (quiesce.h), and that signals are blocked in this one. They
// return 0, or -errno if the rest was left as it is: EPERM if the kernel's overcommit policy or page size does not
// suit.

// Writes all large private mappings into one memory file, and maps the file in their place.
int flatten_memory(struct flat *flat);
// Writes what has changed since into the file, too. Only as long as no child lives: it would see the change.
int update_flat(struct flat *flat);
// Maps the file again, so that the page tables are empty again. Pages that differ from the file stay in memory.
int renew_flat(struct flat *flat);

// In a newborn child: closes the file.
void forget_flat(void);
// Zeros a part of memory if it may be of the file, and returns whether it did. After madvise(MADV_DONTNEED) a program
// may count on zeros, but a page of a file would have its old contents again.
int zero_flat(void *from, size_t bytes);

#endif
