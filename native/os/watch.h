// Runs in: owner and child. Tells when a descriptor can be read or written, on libuv's own loop and without a stream around it.
#ifndef FORKSERVER_WATCH_H
#define FORKSERVER_WATCH_H

struct uv_loop_s;
struct watcher;

// Bits of `events`, libuv's (UV_READABLE, UV_WRITABLE in uv.h).
#define WATCH_READABLE 1
#define WATCH_WRITABLE 2

// `report` is called with what can be done, or with minus an errno.
typedef void (*watch_report)(void *context, int events);

// Makes the descriptor non-blocking. The watcher watches for nothing yet. Returns 0 or minus an errno.
int watch_start(struct uv_loop_s *loop, int fd, watch_report report, void *context, struct watcher **watcher);
// Watches for these events from now on, which may be none.
int watch_for(struct watcher *watcher, int events);
// Whether the loop goes on because of it, while it watches for anything.
void watch_holds_loop(struct watcher *watcher, int holds);
// Stops at once: the descriptor may be closed when this returns. Later, on the loop, `ended` is called.
void watch_end(struct watcher *watcher, void (*ended)(void *context));

#endif
