// Runs in: owner and template. See secret-page.h.
#include "secret-page.h"
#include <sys/mman.h>
#include <unistd.h>

void *new_secret_page(size_t *size) {
  *size = (size_t)sysconf(_SC_PAGESIZE);
  void *page = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return NULL;
  // Without the wipe (Linux before 4.14) every child would hold the key, so this fails.
  if (madvise(page, *size, MADV_WIPEONFORK) != 0) {
    munmap(page, *size);
    return NULL;
  }
  madvise(page, *size, MADV_DONTDUMP);
  mlock(page, *size);
  return page;
}
