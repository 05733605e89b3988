// Runs in: template and child. See preloaded.h.
#include "preloaded.h"
#include <dlfcn.h>
#include <stddef.h>

struct forkserver_preload *preloaded(void) {
  static struct forkserver_preload *found = NULL;
  if (!found) found = dlsym(RTLD_DEFAULT, FORKSERVER_PRELOAD_NAME);
  return found && found->is_in_front ? found : NULL;
}

int is_preloaded(void) {
  const struct forkserver_preload *library = preloaded();
  return library ? (library->lifeline_error ? -library->lifeline_error : 1) : 0;
}
