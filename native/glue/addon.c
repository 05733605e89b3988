// Runs in: owner, template and child. Glue between JavaScript and the system calls beside it: arguments in, a number out. Every
// function returns what its C function returns, minus errno on failure; src/platform/native.ts makes errors of that.
#include "addon.h"
#include "../os/flush.h"
#include "../fork/fork.h"
#include "../fork/group-signals.h"
#include "../fork/interpose.h"
#include "../fork/loop-handles.h"
#include "../fork/platform.h"
#include "../fork/reap.h"
#include "../os/kill.h"
#include "../os/sockets.h"
#include "../fork/huge-text.h"
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static napi_value text(napi_env env, const char *value) {
  napi_value result;
  if (value) napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &result);
  else napi_get_null(env, &result);
  return result;
}

// findPlatform(): what this Node lacks, or null
static napi_value FindPlatform(napi_env env, napi_callback_info info) {
  (void)info;
  const char *missing = find_platform();
  if (!missing && check_platform_layout() != 0) missing = "the known layout of NodePlatform";
  if (!missing && check_random() != 0) missing = "the known state of Math.random()";
  return text(env, missing);
}

// fork(spec: Int32Array [lifeline, session, workers, places, stdioCount, channel, ...stdio, ...close])
static napi_value Fork(napi_env env, napi_callback_info info) {
  enum { LIFELINE, SESSION, WORKERS, PLACES, STDIO_COUNT, CHANNEL, STDIO };
  arguments all = take(env, info);
  size_t count;
  const int32_t *spec = array_at(&all, 0, &count);
  if (count < STDIO || spec[STDIO_COUNT] < 0 || count < (size_t)(STDIO + spec[STDIO_COUNT])) return number(env, -EINVAL);
  const int32_t *close = spec + STDIO + spec[STDIO_COUNT];
  const struct birth birth = {.channel = spec[CHANNEL], .stdio = spec + STDIO, .stdio_count = spec[STDIO_COUNT], .places = spec[PLACES],
      .lifeline = spec[LIFELINE], .session = spec[SESSION], .worker_threads = spec[WORKERS], .close = close, .close_count = (int)(spec + count - close)};
  struct uv_loop_s *loop;
  napi_get_uv_event_loop(env, &loop);
  return number(env, fork_child(loop, &birth));
}

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

// setLocale(name: Uint8Array that ends with a NUL, ICU's major version)
static napi_value SetLocale(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t length;
  const char *name = array_at(&all, 0, &length);
  const int is_text = length > 0 && name[length - 1] == '\0';
  return number(env, is_text ? set_locale(name, (int)number_at(&all, 1)) : -EINVAL);
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

// receive(fd, bytes: Uint8Array, descriptors: Int32Array [count, ...]): the count is -1 where descriptors were lost
static napi_value Receive(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t length, room;
  void *bytes = array_at(&all, 1, &length);
  int32_t *descriptors = array_at(&all, 2, &room);
  if (room < MAX_DESCRIPTORS + 1) return number(env, -EINVAL);
  return number(env, (double)receive_with_descriptors((int)number_at(&all, 0), bytes, length, descriptors + 1, &descriptors[0]));
}

// poll(watched: Int32Array [fd, events, happened, ...], count, timeoutMs or -1): events and happened are bits of poll(2); returns
// how many descriptors have something
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

// reap(pid, out: Float64Array [exitCode, signal, userMicros, systemMicros, maxRssBytes, minorFaults, majorFaults])
static napi_value Reap(napi_env env, napi_callback_info info) {
  enum { EXIT_CODE, SIGNAL, USER, SYSTEM, MAX_RSS, MINOR, MAJOR, FIELDS };
  arguments all = take(env, info);
  size_t count;
  double *out = array_at(&all, 1, &count);
  if (count < FIELDS) return number(env, -EINVAL);
  int status = 0;
  struct rusage usage;
  pid_t pid = reap_child((pid_t)number_at(&all, 0), &status, &usage);
  if (pid <= 0) return number(env, pid);
  out[EXIT_CODE] = status >> 8 & 0xff;
  out[SIGNAL] = status & 0x7f;
  out[USER] = (double)usage.ru_utime.tv_sec * 1e6 + (double)usage.ru_utime.tv_usec;
  out[SYSTEM] = (double)usage.ru_stime.tv_sec * 1e6 + (double)usage.ru_stime.tv_usec;
  out[MAX_RSS] = (double)usage.ru_maxrss * 1024;
  out[MINOR] = (double)usage.ru_minflt;
  out[MAJOR] = (double)usage.ru_majflt;
  return number(env, pid);
}

// listHandles(): [type, isActive, hasRef, fd] of each handle of libuv's loop, flat
static napi_value ListHandles(napi_env env, napi_callback_info info) {
  (void)info;
  struct uv_loop_s *loop;
  napi_get_uv_event_loop(env, &loop);
  struct loop_handle handles[1024];
  int count = list_handles(loop, handles, 1024);
  if (count > 1024) count = 1024;
  napi_value list;
  napi_create_array(env, &list);
  for (uint32_t i = 0; i < (uint32_t)count; i++) {
    napi_set_element(env, list, 4 * i, text(env, handles[i].type));
    napi_set_element(env, list, 4 * i + 1, number(env, handles[i].is_active));
    napi_set_element(env, list, 4 * i + 2, number(env, handles[i].has_ref));
    napi_set_element(env, list, 4 * i + 3, number(env, handles[i].fd));
  }
  return list;
}

// flushStream(fd, patienceMs): bytes that waited in libuv
static napi_value FlushStream(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  struct uv_loop_s *loop;
  napi_get_uv_event_loop(env, &loop);
  return number(env, (double)flush_stream(loop, (int)number_at(&all, 0), (int)number_at(&all, 1)));
}

// writeOut(fd, bytes: Uint8Array, patienceMs)
static napi_value WriteOut(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t length;
  const char *bytes = array_at(&all, 1, &length);
  return number(env, write_out((int)number_at(&all, 0), bytes, length, (int)number_at(&all, 2)));
}

// pipe(out: Int32Array [read end, write end])
static napi_value Pipe(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t count;
  int32_t *out = array_at(&all, 0, &count);
  if (count < 2) return number(env, -EINVAL);
  return number(env, pipe2(out, O_CLOEXEC) == 0 ? 0 : -errno);
}

// checkBorn(Math.random()): does not return where that is not from the bits that this child got at its birth
static napi_value CheckBorn(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  double drawn = -1;
  napi_get_value_double(env, all.at[0], &drawn);
  check_born(drawn);
  return number(env, 0);
}

PLAIN(process_id, getpid()) // not process.pid, which Node reads once and a child inherits
PLAIN(interposed, is_interposed())
PLAIN(leave_now, (leave((int)first), 0))
PLAIN(leave_behind_error, (leave_later((int)first), 0))
PLAIN(leave_torn_down, (leave_in_teardown((int)first), 0))
PLAIN(heap_limit, set_heap_limit((size_t)first))
PLAIN(limits, set_limits((unsigned)first, (unsigned)second))
PLAIN(hold, hold_lifeline((int)first))
PLAIN(release, release_lifeline())
PLAIN(inherit, inherit_lifeline((int)first))
PLAIN(peer_process, peer_pid((int)first))
PLAIN(signal_it, signal_holder((pid_t)first, (int)second, (int)third))
PLAIN(accept_one, accept_client((int)first))
PLAIN(watch, watch_children())
PLAIN(ended, find_ended())
PLAIN(ignore_group, (ignore_group_signals(), 0))
PLAIN(huge_text, move_text_to_huge_pages())
PLAIN(shrink, find_platform() ? -ENOSYS : (collect_garbage(), malloc_trim(0)))
PLAIN(clocks, find_platform() ? -ENOSYS : find_beginning(first, second))
PLAIN(close_one, close((int)first) == 0 ? 0 : -errno)

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback call;
    plain_call plain;
  } functions[] = {
      {"findPlatform", FindPlatform, NULL}, {"fork", Fork, NULL}, {"socketPair", SocketPair, NULL}, {"pipe", Pipe, NULL},
      {"listen", Listen, NULL}, {"connect", Connect, NULL}, {"peerUid", PeerUid, NULL}, {"send", Send, NULL},
      {"receive", Receive, NULL}, {"poll", Poll, NULL}, {"reap", Reap, NULL},
      {"listHandles", ListHandles, NULL}, {"checkBorn", CheckBorn, NULL}, {"processId", CallPlain, process_id}, {"isInterposed", CallPlain, interposed},
      {"leave", CallPlain, leave_now}, {"leaveLater", CallPlain, leave_behind_error}, {"setHeapLimit", CallPlain, heap_limit},
      {"leaveInTeardown", CallPlain, leave_torn_down},
      {"setLimits", CallPlain, limits}, {"holdLifeline", CallPlain, hold}, {"releaseLifeline", CallPlain, release}, {"inheritLifeline", CallPlain, inherit},
      {"accept", CallPlain, accept_one}, {"watchChildren", CallPlain, watch}, {"findEnded", CallPlain, ended}, {"ignoreGroupSignals", CallPlain, ignore_group}, {"collectGarbage", CallPlain, shrink},
      {"close", CallPlain, close_one}, {"moveTextToHugePages", CallPlain, huge_text}, {"peerPid", CallPlain, peer_process}, {"signalHolder", CallPlain, signal_it},
      {"findClocks", CallPlain, clocks}, {"setLocale", SetLocale, NULL}, {"flushStream", FlushStream, NULL}, {"writeOut", WriteOut, NULL}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    void *plain = (void *)functions[i].plain;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, plain, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  export_connections(env, exports);
  export_memory(env, exports);
  return exports;
}
