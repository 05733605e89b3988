// Runs in: owner. Signals to a process that is another process's child.
#ifndef FORKSERVER_KILL_H
#define FORKSERVER_KILL_H
#include <sys/types.h>

// Sends a signal to the process `pid`, if it is the one that holds the other end of `channel` open. As for kill(2), a
// negative pid means the process group of that process. Returns 1, or 0 if that end is closed, or -errno (ENOSYS before
// Linux 5.3).
int signal_holder(pid_t pid, int channel, int number);

#endif
