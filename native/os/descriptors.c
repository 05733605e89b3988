// Runs in: owner and child. See descriptors.h.
#include "descriptors.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

// A higher number makes the kernel's table of a process larger than a page or two.
#define HIGHEST 1024
// How many descriptors can be moved, and some more, because a program may use the highest numbers itself.
#define ROOM 32

// The end of the numbers that are used here.
static int highest(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return limit.rlim_cur < HIGHEST ? (int)limit.rlim_cur : HIGHEST;
}

void widen_descriptor_table(int spare) {
  const int high = fcntl(spare, F_DUPFD_CLOEXEC, highest() - 1);
  if (high >= 0) close(high);
}

int raise_descriptor(int fd) {
  const int end = highest();
  int floor = end - ROOM > end / 2 ? end - ROOM : end / 2;
  if (fd >= floor) return fd;
  int high = fcntl(fd, F_DUPFD_CLOEXEC, floor);
  if (high < 0) return fd;
  close(fd);
  return high;
}

// For a unix socket, TIOCOUTQ counts the bytes of its own end. A pipe is one object for both ends,
// and FIONREAD counts its bytes.
long unread_bytes(int fd) {
  int bytes = 0;
  return ioctl(fd, TIOCOUTQ, &bytes) == 0 || ioctl(fd, FIONREAD, &bytes) == 0 ? bytes : 0;
}
