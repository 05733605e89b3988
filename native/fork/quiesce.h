// Runs in: template. Waits until every other thread of this process waits for work.
#ifndef FORKSERVER_QUIESCE_H
#define FORKSERVER_QUIESCE_H
#include <stdint.h>

// 0 when all do, -EBUSY after `limit_ms` milliseconds of trying, -ENODATA if /proc does not list all threads, or
// another -errno.
int quiesce(int limit_ms);
// Whether the stack of one of those threads is between these addresses. Only after quiesce(), which lists them.
int holds_stack(uintptr_t from, uintptr_t to);
// Closes what quiesce keeps open. For a newborn child.
void forget_threads(void);

#endif
