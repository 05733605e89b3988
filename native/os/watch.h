// Runs in: owner and child. Reports when a descriptor can be read or written. It uses libuv's loop and no stream.
#ifndef FORKSERVER_WATCH_H
#define FORKSERVER_WATCH_H

struct uv_loop_s;
struct watcher;

// Bits of `events`: UV_READABLE and UV_WRITABLE of uv.h.
#define WATCH_READABLE 1
#define WATCH_WRITABLE 2

// Called with the events that have happened, or with minus an errno.
typedef void (*watch_report)(void *context, int events);

// Makes a watcher that watches for nothing yet, and makes the descriptor non-blocking. Returns 0 or minus an errno.
int watch_start(struct uv_loop_s *loop, int fd, watch_report report, void *context, struct watcher **watcher);
// Sets the events to watch for, which may be none.
int watch_for(struct watcher *watcher, int events);
// Sets whether the watcher keeps the loop running, while it watches for anything.
void watch_holds_loop(struct watcher *watcher, int holds);
// Stops at once: the descriptor may be closed when this returns. `ended` is called later, in a turn of the loop.
void watch_end(struct watcher *watcher, void (*ended)(void *context));

#endif
