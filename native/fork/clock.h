// Runs in: template and child. When this process began, as Node knows it, which a fork copies.
#ifndef FORKSERVER_CLOCK_H
#define FORKSERVER_CLOCK_H
#include <stdint.h>

// Finds where Node keeps when the process began, by what its own functions say at this moment: performance.timeOrigin in microseconds
// and process.uptime() in nanoseconds. 0, or -1 where they are not in the known form.
int find_clocks(void *environment, int64_t origin_us, int64_t uptime_ns);
// In a newborn child: the process begins now.
void renew_clocks(void);

#endif
