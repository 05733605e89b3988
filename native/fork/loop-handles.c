// Runs in: template. See loop-handles.h. Node's own list (process.getActiveResourcesInfo) leaves out handles that are
// not ref'ed, and a child would inherit these too.
#include "loop-handles.h"
#include <stddef.h>

// From libuv, which Node exports. Handles stay opaque, because their layout may change.
struct uv_handle_s;
void uv_walk(struct uv_loop_s *loop, void (*visit)(struct uv_handle_s *, void *), void *argument);
int uv_handle_get_type(const struct uv_handle_s *handle);
const char *uv_handle_type_name(int type);
int uv_is_active(const struct uv_handle_s *handle);
int uv_has_ref(const struct uv_handle_s *handle);
int uv_fileno(const struct uv_handle_s *handle, int *fd);
int uv_run(struct uv_loop_s *loop, int mode);

#define RUN_ONCE 1 // uv_run_mode

struct visit {
  struct loop_handle *handles;
  int room, count;
};

static void visit_handle(struct uv_handle_s *handle, void *argument) {
  struct visit *visit = argument;
  int at = visit->count++;
  if (at >= visit->room) return;
  struct loop_handle *entry = &visit->handles[at];
  entry->type = uv_handle_type_name(uv_handle_get_type(handle));
  if (!entry->type) entry->type = "unknown";
  entry->is_active = uv_is_active(handle) != 0;
  entry->has_ref = uv_has_ref(handle) != 0;
  if (uv_fileno(handle, &entry->fd) != 0) entry->fd = -1;
}

int list_handles(struct uv_loop_s *loop, struct loop_handle *handles, int room) {
  struct visit visit = {handles, room, 0};
  uv_walk(loop, visit_handle, &visit);
  return visit.count;
}

int turn_loop(struct uv_loop_s *loop) { return uv_run(loop, RUN_ONCE); }
