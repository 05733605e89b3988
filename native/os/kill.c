// Runs in: owner. See kill.h.
#include "kill.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

// A pid of somebody else's child may be free, and given to a stranger, at any moment. Here the order excludes that: when the
// channel turns out to be open after the pidfd was made, the holder lived while it was made, so the pidfd is the holder's.
int signal_holder(pid_t pid, int channel, int number) {
  int process = (int)syscall(SYS_pidfd_open, pid, 0);
  if (process < 0) return errno == ESRCH ? 0 : -errno;
  struct pollfd end = {channel, 0, 0}; // POLLHUP is always reported
  int sent = 0;
  if (poll(&end, 1, 0) == 0) sent = syscall(SYS_pidfd_send_signal, process, number, NULL, 0) == 0 ? 1 : -errno;
  close(process);
  return sent == -ESRCH ? 0 : sent;
}
