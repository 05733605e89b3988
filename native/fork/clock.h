// Runs in: template and child. Node's own record of when this process began. A fork copies it.
#ifndef FORKSERVER_CLOCK_H
#define FORKSERVER_CLOCK_H
#include <stdint.h>

// Finds where Node keeps the time at which the process began, by the values of Node's own functions at this moment:
// performance.timeOrigin in microseconds, and the nanoseconds of the monotonic clock between which process.uptime()
// began to count. 0, or -1 if each is not found exactly once.
int find_clocks(void *environment, int64_t origin_us, int64_t earliest_ns, int64_t latest_ns);
// In a newborn child: the process begins now. Does nothing if find_clocks found nothing.
void renew_clocks(void);

#endif
