// Runs in: template and child. Glue for the fork: its preparation, the fork itself, the end of children, and a child's
// own end. As in addon.c, arguments in, a number out.
#include "addon.h"
#include "../fork/flat.h"
#include "../fork/fork.h"
#include "../fork/free-chunks.h"
#include "../fork/group-signals.h"
#include "../fork/huge-text.h"
#include "../fork/loop-handles.h"
#include "../fork/memory-search.h"
#include "../fork/platform.h"
#include "../fork/preloaded.h"
#include "../fork/reap.h"
#include "../os/flush.h"
#include <errno.h>
#include <malloc.h>

static napi_value text(napi_env env, const char *value) {
  napi_value result;
  if (value) napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &result);
  else napi_get_null(env, &result);
  return result;
}

// findPlatform(): null, or the name of what this Node lacks: a symbol, 'platform' (its layout),
// 'random' or 'memory' (to be read as random.h does)
static napi_value FindPlatform(napi_env env, napi_callback_info info) {
  (void)info;
  const char *missing = find_platform();
  int word = 0;
  if (!missing && !peek(&word, &word, sizeof word)) missing = "memory";
  if (!missing && check_platform_layout() != 0) missing = "platform";
  if (!missing && check_random() != 0) missing = "random";
  return text(env, missing);
}

// fork(spec: Int32Array [lifeline, session, workers, places, stdioCount, channel, ...stdio, ...close])
static napi_value Fork(napi_env env, napi_callback_info info) {
  enum { LIFELINE, SESSION, WORKERS, PLACES, STDIO_COUNT, CHANNEL, STDIO };
  arguments all = take(env, info);
  size_t count;
  const int32_t *spec = array_at(&all, 0, &count);
  if (count < STDIO || spec[STDIO_COUNT] < 0) return number(env, -EINVAL);
  if (count < (size_t)(STDIO + spec[STDIO_COUNT])) return number(env, -EINVAL);
  const int32_t *close = spec + STDIO + spec[STDIO_COUNT];
  const struct birth birth = {
      .channel = spec[CHANNEL],
      .stdio = spec + STDIO,
      .stdio_count = spec[STDIO_COUNT],
      .places = spec[PLACES],
      .lifeline = spec[LIFELINE],
      .session = spec[SESSION],
      .worker_threads = spec[WORKERS],
      .close = close,
      .close_count = (int)(spec + count - close),
  };
  struct uv_loop_s *loop;
  napi_get_uv_event_loop(env, &loop);
  return number(env, fork_child(loop, &birth));
}

// beginSpare(descriptors: Int32Array, places): for a spare that got its job
static napi_value BeginSpare(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t count;
  const int32_t *stdio = array_at(&all, 0, &count);
  struct uv_loop_s *loop;
  napi_get_uv_event_loop(env, &loop);
  return number(env, begin_spare(loop, stdio, (int)count, (int)number_at(&all, 1)));
}

// flattenMemory(step: 0 flatten_memory, 1 update_flat, 2 renew_flat, out: Float64Array [bytes, mappings])
static napi_value FlattenMemory(napi_env env, napi_callback_info info) {
  int (*const steps[])(struct flat *) = {flatten_memory, update_flat, renew_flat};
  arguments all = take(env, info);
  const int64_t step = number_at(&all, 0);
  size_t count;
  double *out = array_at(&all, 1, &count);
  if (count < 2 || step < 0 || step > 2) return number(env, -EINVAL);
  struct flat flat = {0, 0};
  int error = flatten(steps[step], &flat);
  out[0] = (double)flat.bytes;
  out[1] = (double)flat.mappings;
  return number(env, error);
}

// setLocale(name: Uint8Array that ends with a NUL, ICU's major version)
static napi_value SetLocale(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t length;
  const char *name = array_at(&all, 0, &length);
  const int is_text = length > 0 && name[length - 1] == '\0';
  return number(env, is_text ? set_locale(name, (int)number_at(&all, 1)) : -EINVAL);
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

// flushStream(fd, timeoutMs): bytes that waited in libuv
static napi_value FlushStream(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  struct uv_loop_s *loop;
  napi_get_uv_event_loop(env, &loop);
  return number(env, (double)flush_stream(loop, (int)number_at(&all, 0), (int)number_at(&all, 1)));
}

// writeOut(fd, bytes: Uint8Array, timeoutMs)
static napi_value WriteOut(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  size_t length;
  const char *bytes = array_at(&all, 1, &length);
  return number(env, write_out((int)number_at(&all, 0), bytes, length, (int)number_at(&all, 2)));
}

// checkBorn(Math.random()): does not return if the number is not from the bits that this child got at its birth
static napi_value CheckBorn(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  double drawn = -1;
  napi_get_value_double(env, all.at[0], &drawn);
  check_born(drawn);
  return number(env, 0);
}

PLAIN(preloaded_now, is_preloaded())
static int trim_heap(void) {
#ifdef __GLIBC__ // musl keeps no free memory that it could give back
  return malloc_trim(0);
#else
  return 0;
#endif
}

PLAIN(leave_now, (leave((int)first), 0))
PLAIN(leave_behind_error, (leave_later((int)first), 0))
PLAIN(leave_torn_down, (leave_in_teardown((int)first), 0))
PLAIN(heap_limit, set_heap_limit((size_t)first))
PLAIN(limits, set_limits((unsigned)first, (unsigned)second))
PLAIN(hold, hold_lifeline((int)first))
PLAIN(release, release_lifeline())
PLAIN(inherit, inherit_lifeline((int)first))
PLAIN(watch, watch_children())
PLAIN(ended, find_ended())
PLAIN(ignore_group, (ignore_group_signals(), 0))
PLAIN(huge_text, move_text_to_huge_pages())
PLAIN(take_chunks, (take_free_chunks(), 0))
PLAIN(shrink, find_platform() ? -ENOSYS : (collect_garbage((int)first), trim_heap()))
PLAIN(clocks, find_platform() ? -ENOSYS : find_beginning(first, second, third))

static const struct export FUNCTIONS[] = {
    {"findPlatform", FindPlatform, NULL},
    {"fork", Fork, NULL},
    {"beginSpare", BeginSpare, NULL},
    {"flattenMemory", FlattenMemory, NULL},
    {"reap", Reap, NULL},
    {"listHandles", ListHandles, NULL},
    {"checkBorn", CheckBorn, NULL},
    {"isPreloaded", NULL, preloaded_now},
    {"leave", NULL, leave_now},
    {"leaveLater", NULL, leave_behind_error},
    {"setHeapLimit", NULL, heap_limit},
    {"leaveInTeardown", NULL, leave_torn_down},
    {"setLimits", NULL, limits},
    {"holdLifeline", NULL, hold},
    {"releaseLifeline", NULL, release},
    {"inheritLifeline", NULL, inherit},
    {"watchChildren", NULL, watch},
    {"findEnded", NULL, ended},
    {"ignoreGroupSignals", NULL, ignore_group},
    {"collectGarbage", NULL, shrink},
    {"moveTextToHugePages", NULL, huge_text},
    {"takeFreeChunks", NULL, take_chunks},
    {"findClocks", NULL, clocks},
    {"setLocale", SetLocale, NULL},
    {"flushStream", FlushStream, NULL},
    {"writeOut", WriteOut, NULL},
};

void export_fork(napi_env env, napi_value exports) {
  export_all(env, exports, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
}
