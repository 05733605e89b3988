// Runs in: template and child, also in a spawned child. See lifeline.h.
//
// The kernel sends the signal of F_SETSIG when the pipe's last writer is gone, for whatever reason. That needs
// no thread and no turn of any loop in this process. O_ASYNC and its owner belong to the open file
// description, and an inherited description is shared with all siblings: so each process opens the pipe anew.
// The poll notices a writer that was gone before.
#include "lifeline.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int arm_lifeline(int pipe) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", pipe);
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -errno;
  int flags = fcntl(fd, F_GETFL);
  const int failed = fcntl(fd, F_SETOWN, getpid()) != 0 || fcntl(fd, F_SETSIG, SIGKILL) != 0;
  if (failed || fcntl(fd, F_SETFL, flags | O_ASYNC) != 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  struct pollfd gone = {fd, POLLIN, 0};
  if (poll(&gone, 1, 0) > 0 && gone.revents & POLLHUP) raise(SIGKILL);
  return fd;
}
