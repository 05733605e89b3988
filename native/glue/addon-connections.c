// Runs in: owner and child. Glue for forkserver/connection: sending from and receiving into the middle of buffers,
// and watching descriptors. As in addon.c, arguments in, a number out.
#include "addon.h"
#include "../os/sockets.h"
#include "../os/watch.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

// sendParts(fd, header: Uint8Array, headerLength, body: Uint8Array, start, end, descriptor or -1): header may be empty
static napi_value SendParts(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t header_room, body_room;
  char *header = array_at(&all, 1, &header_room);
  const int64_t header_length = number_at(&all, 2);
  char *body = array_at(&all, 3, &body_room);
  const int64_t start = number_at(&all, 4), end = number_at(&all, 5);
  if (header_length < 0 || (size_t)header_length > header_room) return number(env, -EINVAL);
  if (start < 0 || start > end || (size_t)end > body_room) return number(env, -EINVAL);
  struct iovec parts[] = {{header, (size_t)header_length}, {body + start, (size_t)(end - start)}};
  const int skip = header_length == 0;
  const int descriptor = (int)number_at(&all, 6);
  return number(env,
      (double)send_parts((int)number_at(&all, 0), parts + skip, (size_t)(2 - skip), &descriptor, descriptor >= 0));
}

// receiveInto(fd, bytes: Uint8Array, start, end, descriptors: Int32Array [count, ...]): see receive
static napi_value ReceiveInto(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t length, room;
  char *bytes = array_at(&all, 1, &length);
  const int64_t start = number_at(&all, 2), end = number_at(&all, 3);
  int32_t *descriptors = array_at(&all, 4, &room);
  if (room < MAX_DESCRIPTORS + 1 || start < 0 || start >= end || (size_t)end > length) return number(env, -EINVAL);
  return number(env, (double)receive_with_descriptors((int)number_at(&all, 0), bytes + start, (size_t)(end - start),
                         descriptors + 1, &descriptors[0]));
}

// shutdownWriting(fd)
static napi_value ShutdownWriting(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  return number(env, shutdown((int)number_at(&all, 0), SHUT_WR) == 0 ? 0 : -errno);
}

// setSendBuffer(fd, bytes): the kernel cuts it to net.core.wmem_max
static napi_value SetSendBuffer(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  const int bytes = (int)number_at(&all, 1);
  const int failed = setsockopt((int)number_at(&all, 0), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  return number(env, failed ? -errno : 0);
}

// setBlocking(fd): for a descriptor of another program, which does not expect EAGAIN
static napi_value SetBlocking(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  const int fd = (int)number_at(&all, 0), flags = fcntl(fd, F_GETFL);
  return number(env, flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 ? 0 : -errno);
}

// duplicate(fd): another descriptor of the same open file
static int duplicate(int fd) {
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return copy >= 0 ? copy : -errno;
}

PLAIN(duplicate_one, duplicate((int)first))

// A watcher of JavaScript. It lives until libuv has let go of its handle.
struct js_watcher {
  napi_env env;
  napi_ref callback;
  napi_async_context async;
  napi_async_cleanup_hook_handle hook;
  struct watcher *watcher;
  int is_ending;
};

static void call_back(void *context, int events) {
  struct js_watcher *self = context;
  napi_env env = self->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback, receiver, argument, result, thrown;
  napi_get_reference_value(env, self->callback, &callback);
  napi_get_global(env, &receiver);
  napi_create_int32(env, events, &argument);
  const napi_status status = napi_make_callback(env, self->async, receiver, callback, 1, &argument, &result);
  if (status == napi_pending_exception && napi_get_and_clear_last_exception(env, &thrown) == napi_ok)
    napi_fatal_exception(env, thrown); // 'uncaughtException', as from any other callback
  napi_close_handle_scope(env, scope);
}

static void forget(void *context) {
  struct js_watcher *self = context;
  napi_remove_async_cleanup_hook(self->hook);
  free(self);
}

static void end_watcher(struct js_watcher *self) {
  if (self->is_ending) return;
  self->is_ending = 1;
  napi_delete_reference(self->env, self->callback);
  napi_async_destroy(self->env, self->async);
  watch_end(self->watcher, forget);
}

// A worker thread can end while descriptors are watched. Its loop turns on until every hook is removed.
static void end_with_environment(napi_async_cleanup_hook_handle hook, void *context) {
  (void)hook;
  end_watcher(context);
}

// watch(fd, callback: (events) => void): a watcher that watches for nothing yet, or minus an errno
static napi_value Watch(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  struct uv_loop_s *loop;
  napi_get_uv_event_loop(env, &loop);
  struct js_watcher *self = calloc(1, sizeof *self);
  if (!self) return number(env, -ENOMEM);
  const int error = watch_start(loop, (int)number_at(&all, 0), call_back, self, &self->watcher);
  if (error) {
    free(self);
    return number(env, error);
  }
  self->env = env;
  napi_value name, external;
  napi_create_string_utf8(env, "forkserver.Connection", NAPI_AUTO_LENGTH, &name);
  napi_create_reference(env, all.at[1], 1, &self->callback);
  napi_async_init(env, NULL, name, &self->async);
  napi_add_async_cleanup_hook(env, end_with_environment, self, &self->hook);
  napi_create_external(env, self, NULL, NULL, &external);
  return external;
}

static struct js_watcher *watcher_at(const arguments *all, size_t index) {
  void *self = NULL;
  napi_get_value_external(all->env, all->at[index], &self);
  return self;
}

// watchFor(watcher, events)
static napi_value WatchFor(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  struct js_watcher *self = watcher_at(&all, 0);
  return number(env, self && !self->is_ending ? watch_for(self->watcher, (int)number_at(&all, 1)) : -EINVAL);
}

// holdLoop(watcher, holds)
static napi_value HoldLoop(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  struct js_watcher *self = watcher_at(&all, 0);
  if (!self || self->is_ending) return number(env, -EINVAL);
  watch_holds_loop(self->watcher, (int)number_at(&all, 1));
  return number(env, 0);
}

// unwatch(watcher): it must not be used again
static napi_value Unwatch(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  struct js_watcher *self = watcher_at(&all, 0);
  if (!self) return number(env, -EINVAL);
  end_watcher(self);
  return number(env, 0);
}

static const struct export FUNCTIONS[] = {
    {"sendParts", SendParts, NULL},
    {"receiveInto", ReceiveInto, NULL},
    {"shutdownWriting", ShutdownWriting, NULL},
    {"setBlocking", SetBlocking, NULL},
    {"setSendBuffer", SetSendBuffer, NULL},
    {"duplicate", NULL, duplicate_one},
    {"watch", Watch, NULL},
    {"watchFor", WatchFor, NULL},
    {"holdLoop", HoldLoop, NULL},
    {"unwatch", Unwatch, NULL},
};

void export_connections(napi_env env, napi_value exports) {
  export_all(env, exports, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
}
