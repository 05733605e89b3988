// Runs in: template. Lets other threads wait before they write to memory that is being replaced.
#ifndef FORKSERVER_HOLD_WRITERS_H
#define FORKSERVER_HOLD_WRITERS_H
#include <stdint.h>

#define REPLACED (-1)

// Around all that follows.
void begin_holding(void);
void end_holding(void);
// No thread writes to these addresses until release_writers(). One range at a time. 0 or -errno.
int hold_writers(uintptr_t from, uintptr_t to);
// The memory was replaced, or stays and gets this protection again.
void release_writers(int protection);

#endif
