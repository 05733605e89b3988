// Runs in: forked child. Writes the output that libuv still holds of stdout and stderr, when the
// process is about to end.
#ifndef FORKSERVER_FLUSH_H
#define FORKSERVER_FLUSH_H
#include <stddef.h>

struct uv_loop_s;
// Writes the output that libuv's stream for this descriptor holds. Returns the number of bytes, 0 if it holds
// nothing, or minus an errno. If the reader takes nothing for `timeout_ms` milliseconds, it returns
// -ETIMEDOUT. The stream must not be used again.
long flush_stream(struct uv_loop_s *loop, int fd, int timeout_ms);
// Writes bytes to a descriptor that may be non-blocking, in the same way. Returns 0.
int write_out(int fd, const char *bytes, size_t length, int timeout_ms);

#endif
