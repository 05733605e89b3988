// Runs in: template and child. See clock.h.
//
// performance.now() and process.uptime() count from two globals, performance.timeOrigin comes from a list of
// milestones, and C++ measures from a member of the environment. Node sets all of them once, at its start. Replacing
// the JavaScript functions would not reach references that a preloaded module holds, nor values that Node computes in
// C++ (performance entries, event loop utilisation). No interface gives the addresses, so this file searches for the
// values, which are times in nanoseconds. A value that is found twice is not used, because a child could overwrite
// something else. Sources: Node's src/env.h (time_origin_, performance_state_), src/node_perf_common.h (milestones),
// src/node_perf.cc (performance_process_start), src/node.cc (node_start_time).
#include "clock.h"
#include "memory-search.h"
#include <string.h>
#include <time.h>

#define ENVIRONMENT_WORDS 1024
#define STATE_WORDS 24
#define MILESTONES 8      // timestamp of the origin, the origin, then what followed it
#define ROUNDING_NS 1000  // process.uptime() is a double, in seconds

static uint64_t *origin = NULL;  // ns of the monotonic clock; the double behind it is the same moment in us since 1970
static double *milestones = NULL;
static uint64_t *loaded = NULL;  // where performance.now() counts from
static uint64_t *started = NULL; // where process.uptime() counts from

static int64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int is_milestones(const void *at, double timestamp, double begun) {
  double first[2];
  return peek(at, first, sizeof first) && first[0] == timestamp && first[1] == begun;
}

// The environment points to the performance state, which points to the milestones. NULL if that is
// found nowhere or in two places.
static double *find_milestones(const uint64_t *words, size_t count, double timestamp, double begun) {
  double *found = NULL;
  for (size_t i = 0; i < count; i++) {
    uint64_t state[STATE_WORDS];
    if (words[i] & 7 || !peek((void *)words[i], state, sizeof state)) continue;
    for (int word = 0; word < STATE_WORDS; word++) {
      double *at = (double *)state[word];
      if (state[word] & 7 || at == found || !is_milestones(at, timestamp, begun)) continue;
      if (found) return NULL;
      found = at;
    }
  }
  return found;
}

// The environment's own copy: the origin, followed by the timestamp. The index of the word, or `count` if there are
// none or two.
static size_t find_origin(const uint64_t *words, size_t count, double timestamp) {
  const uint64_t now = (uint64_t)clock_ns(CLOCK_MONOTONIC);
  size_t found = count;
  for (size_t at = 0; at + 1 < count; at++) {
    double behind;
    memcpy(&behind, &words[at + 1], sizeof behind);
    if (behind != timestamp || !words[at] || words[at] >= now) continue;
    if (found < count) return count;
    found = at;
  }
  return found;
}

int find_clocks(void *environment, int64_t origin_us, int64_t earliest_ns, int64_t latest_ns) {
  uint64_t words[ENVIRONMENT_WORDS];
  const size_t count = peek_words(environment, words, ENVIRONMENT_WORDS);
  const size_t at = find_origin(words, count, (double)origin_us);
  if (at >= count) return -1;
  uint64_t *load, *start;
  const uint64_t least = (uint64_t)(earliest_ns - ROUNDING_NS), most = (uint64_t)(latest_ns + ROUNDING_NS);
  if (find_globals(words[at], words[at], NULL, &load) != 1 || find_globals(least, most, load, &start) != 1) return -1;
  milestones = find_milestones(words, count, (double)origin_us, (double)words[at]);
  if (!milestones) return -1;
  loaded = load;
  started = start;
  origin = (uint64_t *)environment + at;
  return 0;
}

void renew_clocks(void) {
  if (!origin) return;
  int64_t now = clock_ns(CLOCK_MONOTONIC);
  double timestamp = (double)(clock_ns(CLOCK_REALTIME) / 1000);
  *origin = *loaded = *started = (uint64_t)now;
  memcpy(origin + 1, &timestamp, sizeof timestamp);
  milestones[0] = timestamp;
  // A child skips the milestones before the loop. A milestone that is not reached yet (the end of the loop) is -1.
  for (int i = 1; i < MILESTONES; i++)
    if (milestones[i] > 0) milestones[i] = (double)now;
}
