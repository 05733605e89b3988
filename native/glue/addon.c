// Runs in: owner, template and child. The addon: its entry, and the glue between JavaScript and sockets and
// processes. Arguments in, a number out: every function returns what its C function returns, minus errno on failure.
// src/platform/native.ts makes errors of that.
#include "addon.h"
#include "../os/kill.h"
#include "../os/reap-later.h"
#include "../os/sockets.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

// socketPair(out: Int32Array)
static napi_value SocketPair(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t count;
  int32_t *out = array_at(&all, 0, &count);
  return number(env, count >= 2 ? socket_pair(out) : -EINVAL);
}

// listen(name: Uint8Array, isAbstract, backlog, mode): mode is of the socket file; 0 or none is 0600
static napi_value Listen(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t length;
  const char *name = array_at(&all, 0, &length);
  const unsigned mode = (unsigned)number_at(&all, 3);
  return number(env, listen_unix(name, length, (int)number_at(&all, 1), (int)number_at(&all, 2), mode ? mode : 0600));
}

// connect(name: Uint8Array, isAbstract)
static napi_value Connect(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t length;
  const char *name = array_at(&all, 0, &length);
  return number(env, connect_unix(name, length, (int)number_at(&all, 1)));
}

// lockFolder(path: Uint8Array, with a zero at its end)
static napi_value LockFolder(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t length;
  const char *path = array_at(&all, 0, &length);
  return number(env, length > 0 && path[length - 1] == 0 ? lock_folder(path) : -EINVAL);
}

// peerUid(fd)
static napi_value PeerUid(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  uid_t uid = 0;
  int error = peer_uid((int)number_at(&all, 0), &uid);
  return number(env, error ? error : (double)uid);
}

// send(fd, bytes: Uint8Array, descriptors: Int32Array)
static napi_value Send(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t length, count;
  const void *bytes = array_at(&all, 1, &length);
  const int32_t *descriptors = array_at(&all, 2, &count);
  return number(env, (double)send_with_descriptors((int)number_at(&all, 0), bytes, length, descriptors, (int)count));
}

// receive(fd, bytes: Uint8Array, descriptors: Int32Array [count, ...]): the count is -1 if descriptors were lost
static napi_value Receive(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t length, room;
  void *bytes = array_at(&all, 1, &length);
  int32_t *descriptors = array_at(&all, 2, &room);
  if (room < MAX_DESCRIPTORS + 1) return number(env, -EINVAL);
  const int fd = (int)number_at(&all, 0);
  return number(env, (double)receive_with_descriptors(fd, bytes, length, descriptors + 1, &descriptors[0]));
}

// poll(watched: Int32Array [fd, events, happened, ...], count, timeoutMs or -1): events and happened are bits of
// poll(2); returns how many descriptors have something
static napi_value Poll(napi_env env, napi_callback_info info) {
  enum { FD, EVENTS, HAPPENED, FIELDS };
  arguments all = take(env, info);
  size_t room;
  int32_t *watched = array_at(&all, 0, &room);
  size_t count = (size_t)number_at(&all, 1);
  if (count * FIELDS > room) return number(env, -EINVAL);
  struct pollfd *polled = malloc((count + 1) * sizeof *polled);
  if (!polled) return number(env, -ENOMEM);
  for (size_t i = 0; i < count; i++)
    polled[i] = (struct pollfd){watched[FIELDS * i + FD], (short)watched[FIELDS * i + EVENTS], 0};
  int ready = poll(polled, count, (int)number_at(&all, 2));
  int error = errno;
  for (size_t i = 0; i < count; i++) watched[FIELDS * i + HAPPENED] = ready > 0 ? polled[i].revents : 0;
  free(polled);
  return number(env, ready >= 0 ? ready : -error);
}

// pipe(out: Int32Array [read end, write end])
static napi_value Pipe(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t count;
  int32_t *out = array_at(&all, 0, &count);
  if (count < 2) return number(env, -EINVAL);
  return number(env, pipe2(out, O_CLOEXEC) == 0 ? 0 : -errno);
}

// What is done when a thread of JavaScript ends. A worker thread that is terminated calls no JavaScript, and would
// leave descriptors open and child processes unreaped.
struct thread_end {
  napi_env env;
  int number;
  void (*act)(int number);
  struct thread_end *next;
};

static _Thread_local struct thread_end *thread_ends = NULL;

static void on_thread_end(void *data) {
  struct thread_end *end = data, **at = &thread_ends;
  while (*at && *at != end) at = &(*at)->next;
  if (*at) *at = end->next;
  end->act(end->number);
  free(end);
}

static napi_value add_thread_end(napi_env env, napi_callback_info info, void (*act)(int number)) {
  arguments all = take(env, info);
  struct thread_end *end = malloc(sizeof *end);
  if (!end) return number(env, -ENOMEM);
  *end = (struct thread_end){env, (int)number_at(&all, 0), act, thread_ends};
  thread_ends = end;
  napi_add_env_cleanup_hook(env, on_thread_end, end);
  return number(env, 0);
}

static void remove_thread_end(int number, void (*act)(int number)) {
  struct thread_end **at = &thread_ends;
  while (*at && ((*at)->number != number || (*at)->act != act)) at = &(*at)->next;
  struct thread_end *end = *at;
  if (!end) return;
  *at = end->next;
  napi_remove_env_cleanup_hook(end->env, on_thread_end, end);
  free(end);
}

static void close_at_end(int fd) { close(fd); }

// closeAtEnd(fd): closes it when this thread of JavaScript ends, unless close(fd) or keepOpen(fd) comes before
static napi_value CloseAtEnd(napi_env env, napi_callback_info info) { return add_thread_end(env, info, close_at_end); }

// reapAtEnd(pid): waits for this child process when this thread of JavaScript ends, unless hasExited(pid) comes before
static napi_value ReapAtEnd(napi_env env, napi_callback_info info) { return add_thread_end(env, info, reap_later); }

// keepOpen(fd): takes closeAtEnd(fd) back, because somebody else closes it from now on
static int keep_open(int fd) {
  remove_thread_end(fd, close_at_end);
  return 0;
}

static int has_exited(int pid) {
  remove_thread_end(pid, reap_later);
  return 0;
}

static int close_descriptor(int fd) {
  remove_thread_end(fd, close_at_end);
  return close(fd) == 0 ? 0 : -errno;
}

PLAIN(reaped, has_exited((int)first))
PLAIN(process_id, getpid()) // not process.pid, which Node reads once and a child inherits
PLAIN(peer_process, peer_pid((int)first))
PLAIN(signal_it, signal_holder((pid_t)first, (int)second, (int)third))
PLAIN(relisten, listen_again((int)first, (int)second))
PLAIN(accept_one, accept_client((int)first))
PLAIN(close_one, close_descriptor((int)first))
PLAIN(keep_one, keep_open((int)first))

static const struct export FUNCTIONS[] = {
    {"socketPair", SocketPair, NULL},
    {"pipe", Pipe, NULL},
    {"listen", Listen, NULL},
    {"connect", Connect, NULL},
    {"lockFolder", LockFolder, NULL},
    {"peerUid", PeerUid, NULL},
    {"send", Send, NULL},
    {"receive", Receive, NULL},
    {"poll", Poll, NULL},
    {"processId", NULL, process_id},
    {"listenAgain", NULL, relisten},
    {"accept", NULL, accept_one},
    {"close", NULL, close_one},
    {"peerPid", NULL, peer_process},
    {"signalHolder", NULL, signal_it},
    {"closeAtEnd", CloseAtEnd, NULL},
    {"keepOpen", NULL, keep_one},
    {"reapAtEnd", ReapAtEnd, NULL},
    {"hasExited", CallPlain, reaped},
};

NAPI_MODULE_INIT() {
  export_all(env, exports, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
  export_connections(env, exports);
  export_fork(env, exports);
  export_memory(env, exports);
  return exports;
}
