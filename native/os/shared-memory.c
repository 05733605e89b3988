// Runs in: owner and child. See shared-memory.h.
#include "shared-memory.h"
#include "file-status.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

int new_shared_memory(size_t bytes) {
  int fd = memfd_create("forkserver", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -errno;
  // Sealed: if another process could cut off a part, a process that has mapped it would be killed by SIGBUS.
  if (ftruncate(fd, (off_t)bytes) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0) return fd;
  int error = errno;
  close(fd);
  return -error;
}

void *map_shared_memory(int fd, off_t offset, size_t bytes) {
  void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
  return start == MAP_FAILED ? NULL : start;
}

void unmap_shared_memory(void *start, size_t bytes) { munmap(start, bytes); }

int free_shared_memory(int fd, off_t offset, off_t bytes) {
  return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes) == 0 ? 0 : -errno;
}

int new_event(void) {
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

// User code can close the descriptor of an event, and another file gets its number. An event has
// no name and no file type, so only such a descriptor is read or written. fstat(2) takes a tenth
// of the time that it takes to wake a process.
static int check_event(int fd) {
  struct stat status;
  if (file_status(fd, &status) != 0) return -errno;
  return (status.st_mode & S_IFMT) == 0 ? 0 : -EBADF;
}

// EAGAIN means that it was set 2^64 - 1 times: it is set.
int set_event(int fd) {
  int error = check_event(fd);
  return error || eventfd_write(fd, 1) == 0 || errno == EAGAIN ? error : -errno;
}

int clear_event(int fd) {
  eventfd_t times;
  int error = check_event(fd);
  return error || eventfd_read(fd, &times) == 0 || errno == EAGAIN ? error : -errno;
}
