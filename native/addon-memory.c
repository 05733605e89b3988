// Runs in: owner, template and child. Glue for memory of a kind that JavaScript has not: pages that a fork does not copy, pages that two
// processes share, and the events by which one wakes the other. As in addon.c, arguments in, a number out.
#include "addon.h"
#include "secret.h"
#include "shared.h"
#include <errno.h>
#include <stdlib.h>

// newSecretPage(): an ArrayBuffer over a page that forked children find zeroed, or minus errno
static napi_value NewSecretPage(napi_env env, napi_callback_info info) {
  (void)info;
  size_t size;
  void *page = new_secret_page(&size);
  napi_value buffer;
  if (!page) return number(env, -errno);
  if (napi_create_external_arraybuffer(env, page, size, NULL, NULL, &buffer) != napi_ok) return number(env, -ENOSYS);
  return buffer;
}

struct mapping {
  void *start;
  size_t bytes;
  int frees;
};

static void UnmapShared(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  struct mapping *mapping = hint;
  unmap_shared_memory(mapping->start, mapping->bytes, mapping->frees);
  free(mapping);
}

// mapSharedMemory(fd, offset, bytes, frees): an ArrayBuffer over a part of newSharedMemory(), or minus errno. `frees`: when it is
// collected, that part is given back for every process.
static napi_value MapSharedMemory(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  const size_t bytes = (size_t)number_at(&all, 2);
  struct mapping *mapping = malloc(sizeof *mapping);
  if (!mapping) return number(env, -ENOMEM);
  *mapping = (struct mapping){map_shared_memory((int)number_at(&all, 0), (off_t)number_at(&all, 1), bytes), bytes, (int)number_at(&all, 3)};
  napi_value buffer;
  int error = mapping->start ? 0 : errno;
  if (!error && napi_create_external_arraybuffer(env, mapping->start, bytes, UnmapShared, mapping, &buffer) == napi_ok) return buffer;
  if (!error) unmap_shared_memory(mapping->start, bytes, mapping->frees);
  free(mapping);
  return number(env, error ? -error : -ENOSYS);
}

PLAIN(shared_memory, new_shared_memory((size_t)first))
PLAIN(free_memory, free_shared_memory((int)first, (off_t)second, (off_t)third))
PLAIN(event, new_event())
PLAIN(set, set_event((int)first))
PLAIN(clear, clear_event((int)first))

void export_memory(napi_env env, napi_value exports) {
  static const struct {
    const char *name;
    napi_callback call;
    plain_call plain;
  } functions[] = {{"newSecretPage", NewSecretPage, NULL}, {"mapSharedMemory", MapSharedMemory, NULL},
      {"newSharedMemory", CallPlain, shared_memory}, {"freeSharedMemory", CallPlain, free_memory},
      {"newEvent", CallPlain, event}, {"setEvent", CallPlain, set}, {"clearEvent", CallPlain, clear}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    void *plain = (void *)functions[i].plain;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, plain, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
}
