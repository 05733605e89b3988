// Runs in: template and child. The addon's way to the preload library, which is a library of its own (preload.h).
#ifndef FORKSERVER_PRELOADED_H
#define FORKSERVER_PRELOADED_H
#include "../preload/preload.h"

// The preload library's struct, or NULL if this process was not started with it: every process but a template and its
// children.
struct forkserver_preload *preloaded(void);
// 1 if the preload library is in front and holds the lifeline, 0 if it is not in front, or -errno of the lifeline.
int is_preloaded(void);

#endif
