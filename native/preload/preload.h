// Runs in: template and child. The interface between the preload library and the addon.
//
// They are two libraries. A symbol of a preloaded library comes before the same symbol of every other library. The
// addon exports napi_register_module_v1, as every addon does; if it were preloaded, an addon that looks up its own
// napi_register_module_v1 through its global offset table would get that of forkserver. So the preload library exports
// only the functions that it replaces and this one struct.
#ifndef FORKSERVER_PRELOAD_H
#define FORKSERVER_PRELOAD_H
#include <stddef.h>

// The number changes with the struct.
#define FORKSERVER_PRELOAD forkserver_preload_2
#define FORKSERVER_PRELOAD_NAME "forkserver_preload_2"

struct forkserver_preload {
  // Whether LD_PRELOAD named this library the way an owner does for its template.
  int is_in_front;
  // The lifeline that the library holds since before Node's first instruction, or -1; lifeline_error then says why.
  int lifeline;
  int lifeline_error;
  // If set, it is called with the errno when a thread cannot be created. It does not return.
  void (*thread_failed)(int error);
  // If set, it is called before each pthread_join.
  void (*before_join)(void);
  // If set, it is asked before each madvise(MADV_DONTNEED). If it returns 1, it has zeroed the memory, which stays.
  int (*zero_instead)(void *from, size_t bytes);
};

#endif
