// Runs in: template and child. See clock.h.
//
// performance.now() and process.uptime() count from two globals, performance.timeOrigin comes from a list of milestones, and what C++
// measures counts from a member of the environment; all are set once, when Node starts. Other functions in their place would miss references
// that a preloaded module holds, and what Node computes from them in C++ (performance entries, event loop utilisation). Where they
// lie is in no interface: so they are searched for by their values, which are times in nanoseconds and are found nowhere else.
// Sources: Node's src/env.h (time_origin_, performance_state_), src/node_perf_common.h (milestones), src/node_perf.cc
// (performance_process_start), src/node.cc (node_start_time).
#include "clock.h"
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define ENVIRONMENT_WORDS 1024
#define STATE_WORDS 24
#define MILESTONES 8            // timestamp of the origin, the origin, then what followed it
#define WINDOW_NS 100000000LL    // for the time between a call of Node's function and this one, on a busy machine

static uint64_t *origin = NULL;       // ns of the monotonic clock; the double behind it is the same moment in µs since 1970
static double *milestones = NULL;
static uint64_t *loaded = NULL;       // where performance.now() counts from
static uint64_t *started = NULL;      // where process.uptime() counts from

static int peek(const void *from, void *into, size_t bytes) {
  struct iovec here = {into, bytes}, there = {(void *)from, bytes};
  return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)bytes;
}

static int64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int is_milestones(const double *at, double timestamp, double begun) {
  double first[2];
  return peek(at, first, sizeof first) && first[0] == timestamp && first[1] == begun;
}

// The environment points to the performance state, which points to the milestones.
static double *find_milestones(const uint64_t *words, size_t count, double timestamp, double begun) {
  for (size_t i = 0; i < count; i++) {
    uint64_t state[STATE_WORDS];
    if (words[i] & 7 || !peek((void *)words[i], state, sizeof state)) continue;
    for (int word = 0; word < STATE_WORDS; word++)
      if (!(state[word] & 7) && is_milestones((double *)state[word], timestamp, begun)) return (double *)state[word];
  }
  return NULL;
}

struct search {
  int64_t expected, within;
  const uint64_t *except;
  uint64_t *found;
};

// The program comes first, before its libraries. Of several moments, the nearest.
static int search_globals(struct dl_phdr_info *info, size_t size, void *argument) {
  (void)size;
  struct search *search = argument;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_W)) continue;
    uint64_t *from = (uint64_t *)((info->dlpi_addr + part->p_vaddr + 7) & ~7UL);
    uint64_t *to = (uint64_t *)((info->dlpi_addr + part->p_vaddr + part->p_memsz) & ~7UL);
    for (uint64_t *word = from; word < to; word++) {
      int64_t off = llabs((int64_t)*word - search->expected);
      if (off > search->within || word == search->except) continue;
      if (!search->found || off < llabs((int64_t)*search->found - search->expected)) search->found = word;
    }
  }
  return 1;
}

int find_clocks(void *environment, int64_t origin_us, int64_t uptime_ns) {
  int64_t now = clock_ns(CLOCK_MONOTONIC);
  uint64_t words[ENVIRONMENT_WORDS];
  size_t count = ENVIRONMENT_WORDS;
  while (count && !peek(environment, words, count * sizeof *words)) count /= 2;
  size_t at = 0;
  double timestamp = 0;
  for (; at + 1 < count; at++) {
    memcpy(&timestamp, &words[at + 1], sizeof timestamp);
    if (timestamp == (double)origin_us && words[at] && words[at] < (uint64_t)now) break;
  }
  if (at + 1 >= count) return -1;
  struct search load = {(int64_t)words[at], 0, NULL, NULL};
  dl_iterate_phdr(search_globals, &load);
  struct search start = {now - uptime_ns, WINDOW_NS, load.found, NULL};
  dl_iterate_phdr(search_globals, &start);
  milestones = find_milestones(words, count, timestamp, (double)words[at]);
  loaded = load.found;
  started = start.found;
  if (!milestones || !loaded || !started) return -1;
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
  // A child skips what comes before the loop; what has not happened yet (the end of the loop) is -1.
  for (int i = 1; i < MILESTONES; i++)
    if (milestones[i] > 0) milestones[i] = (double)now;
}
