// Runs in: template. Waits until every other thread of this process waits for work.
#ifndef FORKSERVER_QUIESCE_H
#define FORKSERVER_QUIESCE_H
#include <stdint.h>

// 0 when all do, -EBUSY after `limit_ms` milliseconds of trying, -ENODATA if /proc does not list all threads, or
// another -errno.
int quiesce(int limit_ms);
// After it: whether every other thread waits for work now.
int are_at_rest(void);
// After these two: whether one of them waits no longer than until a time, so that it may wake by itself.
int may_wake(void);
// How often the kernel has switched the threads that may wake, or -errno. A thread has not run between two moments if
// it waits at both and this number is the same.
long timed_switches(void);
// Whether the stack of one of those threads is between these addresses. Only after quiesce(), which lists them.
int holds_stack(uintptr_t from, uintptr_t to);
// Closes what quiesce keeps open. For a newborn child.
void forget_threads(void);

#endif
