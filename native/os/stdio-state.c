// Runs in: forked child. See stdio-state.h. Node does this too when it ends, but it remembers the descriptors that the template started
// with, and a forked child leaves without Node's teardown.
//
// Two processes that share a pipe or a terminal may both change it, so we undo only our own changes. libuv knows whether this process
// changed the mode of a terminal. O_NONBLOCK is only ever cleared: a child that found it set may have found the change of a sibling,
// and a child that sets it again behind that sibling leaves it set for ever.
#include "stdio-state.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>

int uv_tty_reset_mode(void); // from libuv, which Node exports

enum { MAX_REMEMBERED = 15 };
static struct {
  dev_t device;
  ino_t inode;
  int is_blocking;
} found[MAX_REMEMBERED];
static int remembered = 0;

void remember_stdio(int count) {
  remembered = count < MAX_REMEMBERED ? count : MAX_REMEMBERED;
  for (int fd = 0; fd < remembered; fd++) {
    struct stat status;
    const int flags = fcntl(fd, F_GETFL);
    found[fd].is_blocking = flags >= 0 && !(flags & O_NONBLOCK) && fstat(fd, &status) == 0;
    if (!found[fd].is_blocking) continue;
    found[fd].device = status.st_dev;
    found[fd].inode = status.st_ino;
  }
}

void restore_stdio(void) {
  const int keep = errno;
  // A process in the background is stopped by SIGTTOU when it changes the mode of a terminal.
  sigset_t stop, before;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &stop, &before);
  uv_tty_reset_mode();
  for (int fd = 0; fd < remembered; fd++) {
    if (!found[fd].is_blocking) continue;
    const int flags = fcntl(fd, F_GETFL);
    struct stat status;
    if (flags < 0 || !(flags & O_NONBLOCK) || fstat(fd, &status) != 0) continue;
    // The program may have opened something else in its place.
    if (status.st_dev == found[fd].device && status.st_ino == found[fd].inode) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = keep;
}
