// Runs in: forked child. What was written to stdout and stderr and waits in libuv for a slow reader, when the process is about to end.
#ifndef FORKSERVER_FLUSH_H
#define FORKSERVER_FLUSH_H
#include <stddef.h>

struct uv_loop_s;
// Writes what waits in libuv's stream over this descriptor, and returns how many bytes that was; 0 where nothing waits, or minus an errno. A
// reader that reads nothing for `patience_ms` milliseconds is given up (-ETIMEDOUT). The stream must not be used again.
long flush_stream(struct uv_loop_s *loop, int fd, int patience_ms);
// Writes bytes to a descriptor that may be non-blocking, in the same way. Returns 0.
int write_out(int fd, const char *bytes, size_t length, int patience_ms);

#endif
