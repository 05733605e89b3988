// Runs in: owner, template and child. Glue for memory of a kind that JavaScript has not: pages that a fork does not
// copy, pages that two processes share, and the events by which one wakes the other. As in addon.c, arguments in, a
// number out.
#include "addon.h"
#include "../os/secret-page.h"
#include "../os/shared-memory.h"
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
  char *start;
  size_t bytes;
  int users;
};

static void Leave(struct mapping *mapping) {
  if (--mapping->users > 0) return;
  unmap_shared_memory(mapping->start, mapping->bytes);
  free(mapping);
}

static void LeaveFinalizer(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  Leave(hint);
}

// NULL and errno on failure
static struct mapping *Map(const arguments *all) {
  struct mapping *mapping = malloc(sizeof *mapping);
  if (!mapping) return NULL;
  *mapping = (struct mapping){NULL, (size_t)number_at(all, 2), 1};
  mapping->start = map_shared_memory((int)number_at(all, 0), (off_t)number_at(all, 1), mapping->bytes);
  if (mapping->start) return mapping;
  int error = errno;
  free(mapping);
  errno = error;
  return NULL;
}

// mapSharedMemory(fd, offset, bytes): an ArrayBuffer over a part of newSharedMemory(), or minus errno
static napi_value MapSharedMemory(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  struct mapping *mapping = Map(&all);
  napi_value buffer;
  if (!mapping) return number(env, -errno);
  if (napi_create_external_arraybuffer(env, mapping->start, mapping->bytes, LeaveFinalizer, mapping, &buffer) == napi_ok) return buffer;
  Leave(mapping);
  return number(env, -ENOSYS);
}

// openBlock(fd, offset, bytes): a block of shared memory for useBlock(), or minus errno. Its first word is 0 when
// nobody uses it.
static napi_value OpenBlock(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  struct mapping *mapping = Map(&all);
  napi_value block;
  if (!mapping) return number(env, -errno);
  if (napi_create_external(env, mapping, LeaveFinalizer, mapping, &block) == napi_ok) return block;
  Leave(mapping);
  return number(env, -ENOSYS);
}

static void FreeBlock(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  struct mapping *mapping = hint;
  // The process at the other side may write to it from here on.
  __atomic_store_n((int32_t *)mapping->start, 0, __ATOMIC_SEQ_CST);
  Leave(mapping);
}

// useBlock(block, start, length): an ArrayBuffer over a part of it, or minus errno. When that is collected, the first
// word is set to 0.
static napi_value UseBlock(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  const int64_t start = number_at(&all, 1), length = number_at(&all, 2);
  void *found = NULL;
  napi_value buffer;
  if (napi_get_value_external(env, all.at[0], &found) != napi_ok) return number(env, -EINVAL);
  struct mapping *mapping = found;
  if (start < 0 || length < 0 || (size_t)start > mapping->bytes || (size_t)length > mapping->bytes - (size_t)start) return number(env, -EINVAL);
  if (napi_create_external_arraybuffer(env, mapping->start + start, (size_t)length, FreeBlock, mapping, &buffer) != napi_ok)
    return number(env, -ENOSYS);
  mapping->users++;
  return buffer;
}

PLAIN(shared_memory, new_shared_memory((size_t)first))
PLAIN(free_memory, free_shared_memory((int)first, (off_t)second, (off_t)third))
PLAIN(event, new_event())
PLAIN(set, set_event((int)first))
PLAIN(clear, clear_event((int)first))

static const struct export FUNCTIONS[] = {
    {"newSecretPage", NewSecretPage, NULL},
    {"mapSharedMemory", MapSharedMemory, NULL},
    {"openBlock", OpenBlock, NULL},
    {"useBlock", UseBlock, NULL},
    {"newSharedMemory", NULL, shared_memory},
    {"freeSharedMemory", NULL, free_memory},
    {"newEvent", NULL, event},
    {"setEvent", NULL, set},
    {"clearEvent", NULL, clear},
};

void export_memory(napi_env env, napi_value exports) {
  export_all(env, exports, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
}
