// Runs in: owner and child. See watch.h.
#include "watch.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

// From libuv, which Node exports. Its ABI is stable within a major version, and Node has used version 1 since 2014.
// Handles stay opaque: libuv says their size.
struct uv_poll_s;
struct uv_handle_s;
size_t uv_handle_size(int type);
void uv_handle_set_data(struct uv_handle_s *handle, void *data);
void *uv_handle_get_data(const struct uv_handle_s *handle);
int uv_poll_init(struct uv_loop_s *loop, struct uv_poll_s *handle, int fd);
int uv_poll_start(
    struct uv_poll_s *handle, int events, void (*report)(struct uv_poll_s *handle, int status, int events));
int uv_poll_stop(struct uv_poll_s *handle);
void uv_close(struct uv_handle_s *handle, void (*closed)(struct uv_handle_s *handle));
void uv_ref(struct uv_handle_s *handle);
void uv_unref(struct uv_handle_s *handle);
enum { UV_POLL = 8 }; // uv_handle_type in uv.h

struct watcher {
  struct uv_handle_s *handle;
  watch_report report;
  void *context;
  void (*ended)(void *context);
};

int watch_start(struct uv_loop_s *loop, int fd, watch_report report, void *context, struct watcher **out) {
  struct watcher *watcher = calloc(1, sizeof *watcher);
  if (!watcher) return -ENOMEM;
  watcher->handle = malloc(uv_handle_size(UV_POLL));
  // uv_poll_init() refuses a descriptor that is watched already, and one that cannot be watched, such as a regular
  // file.
  int error = watcher->handle ? uv_poll_init(loop, (struct uv_poll_s *)watcher->handle, fd) : -ENOMEM;
  if (error) {
    free(watcher->handle);
    free(watcher);
    return error;
  }
  uv_handle_set_data(watcher->handle, watcher);
  watcher->report = report;
  watcher->context = context;
  *out = watcher;
  return 0;
}

static void report_events(struct uv_poll_s *handle, int status, int events) {
  struct watcher *watcher = uv_handle_get_data((struct uv_handle_s *)handle);
  watcher->report(watcher->context, status < 0 ? status : events);
}

int watch_for(struct watcher *watcher, int events) {
  struct uv_poll_s *poll = (struct uv_poll_s *)watcher->handle;
  return events ? uv_poll_start(poll, events, report_events) : uv_poll_stop(poll);
}

void watch_holds_loop(struct watcher *watcher, int holds) {
  if (holds) uv_ref(watcher->handle);
  else uv_unref(watcher->handle);
}

static void free_watcher(struct uv_handle_s *handle) {
  struct watcher *watcher = uv_handle_get_data(handle);
  watcher->ended(watcher->context);
  free(handle);
  free(watcher);
}

void watch_end(struct watcher *watcher, void (*ended)(void *context)) {
  watcher->ended = ended;
  uv_close(watcher->handle, free_watcher); // stops it first
}
