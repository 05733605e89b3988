// Runs in: owner. See kill.h.
#include "kill.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP (1UL << 2) // since Linux 6.9
#endif

static int send_to(int process, int number, unsigned long flags) {
  return syscall(SYS_pidfd_send_signal, process, number, NULL, flags) == 0 ? 0 : -errno;
}

// A process that has just been forked leads no group yet, and has started nothing either.
static int send_to_group(int process, pid_t leader, int number) {
  int error = send_to(process, number, PIDFD_SIGNAL_PROCESS_GROUP);
  // An old kernel. The leader lived a moment ago, so no other group can have its number yet.
  if (error == -EINVAL) error = kill(-leader, number) == 0 ? 0 : -errno;
  return error == -ESRCH ? send_to(process, number, 0) : error;
}

// The pid of another process's child may go to another process at any moment. The order of the calls excludes that: if
// the channel is open after the pidfd was made, the holder was alive when it was made, so the pidfd is the holder's.
int signal_holder(pid_t pid, int channel, int number) {
  const pid_t holder = pid < 0 ? -pid : pid;
  int process = (int)syscall(SYS_pidfd_open, holder, 0);
  if (process < 0) return errno == ESRCH ? 0 : -errno;
  struct pollfd end = {channel, 0, 0}; // POLLHUP is always reported
  int error = -ESRCH;
  if (poll(&end, 1, 0) == 0) error = pid < 0 ? send_to_group(process, holder, number) : send_to(process, number, 0);
  close(process);
  return error == 0 ? 1 : error == -ESRCH ? 0 : error;
}
