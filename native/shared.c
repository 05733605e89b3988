// Runs in: owner and child. See shared.h.
#include "shared.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int new_shared_page(void) {
  int fd = memfd_create("forkserver", MFD_CLOEXEC);
  if (fd < 0) return -errno;
  if (ftruncate(fd, sysconf(_SC_PAGESIZE)) == 0) return fd;
  int error = errno;
  close(fd);
  return -error;
}

void *map_shared_page(int fd, size_t *size) {
  *size = (size_t)sysconf(_SC_PAGESIZE);
  void *page = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return page == MAP_FAILED ? NULL : page;
}

void unmap_shared_page(void *page, size_t size) { munmap(page, size); }
