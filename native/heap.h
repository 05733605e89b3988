// Runs in: template. Makes V8's heap survive fork.
#ifndef FORKSERVER_HEAP_H
#define FORKSERVER_HEAP_H

// From here on V8's requests to leave memory out of forks do nothing, so that what it maps later is inherited. 0, or -1 where
// Node's call of madvise cannot be redirected; then mark_heap_inherited has work at every fork.
int keep_heap_inherited(void);
// Before a fork: makes what was mapped before keep_heap_inherited inherited, too. 0 or -errno.
int mark_heap_inherited(void);

#endif
