// Runs in: template, and in a child that is not born yet. A fork at a moment at which no other thread runs.
#ifndef FORKSERVER_FORK_AT_REST_H
#define FORKSERVER_FORK_AT_REST_H
#include <sys/types.h>

// fork(2) while every other thread waits for work. Signals have to be blocked. Returns the process id, 0 in the child,
// or -errno: -EBUSY if the threads did not come to rest within `limit_ms` milliseconds.
pid_t fork_at_rest(int limit_ms);

#endif
