// Runs in: forked child. See stdio-state.h. Node does this too when it ends, but it remembers the descriptors that the
// template started with, and a forked child leaves without Node's teardown.
//
// Siblings and the owner share these descriptors, and change them too. So:
//   - The mode of a terminal is restored only if this process changed it, which libuv knows.
//   - O_NONBLOCK is never set again. A child that found it set may have found the change of a sibling that is gone now.
//   - For the same reason stdout and stderr are always left blocking. child_process does the same: libuv makes them
//     blocking for each process that it spawns. A program that expects a blocking pipe and finds another loses
//     output; a program that expects the opposite only waits.
#include "stdio-state.h"
#include "file-status.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

int uv_tty_reset_mode(void); // from libuv, which Node exports

enum { MAX_REMEMBERED = 15 };
static struct {
  dev_t device;
  ino_t inode;
  int shall_block;
} found[MAX_REMEMBERED];
static int remembered = 0;

void remember_stdio(int count) {
  remembered = count < MAX_REMEMBERED ? count : MAX_REMEMBERED;
  for (int fd = 0; fd < remembered; fd++) {
    struct stat status;
    const int flags = fcntl(fd, F_GETFL);
    const int is_output = fd == STDOUT_FILENO || fd == STDERR_FILENO;
    found[fd].shall_block = flags >= 0 && (is_output || !(flags & O_NONBLOCK)) && file_status(fd, &status) == 0;
    if (!found[fd].shall_block) continue;
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
    if (!found[fd].shall_block) continue;
    const int flags = fcntl(fd, F_GETFL);
    struct stat status;
    if (flags < 0 || !(flags & O_NONBLOCK) || file_status(fd, &status) != 0) continue;
    // The program may have opened something else in its place.
    if (status.st_dev == found[fd].device && status.st_ino == found[fd].inode) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = keep;
}
