// Runs in: template. Waits until every other thread of this process waits for work.
#ifndef FORKSERVER_QUIESCE_H
#define FORKSERVER_QUIESCE_H

// 0 when all do, -EBUSY after `patience_ms` milliseconds of trying, or another -errno.
int quiesce(int patience_ms);
// Closes what quiesce keeps open; for a newborn child.
void forget_threads(void);

#endif
