// Runs in: template and child. See interpose.h.
//
// madvise: V8 marks what it maps MADV_DONTFORK, so that a program with a big heap forks (and execs) quickly; the first bytecode
// fetch of a plain fork then faults. Here the marks are never made. Undoing them instead means to read /proc/self/maps before every
// fork, 0.13 to 0.2 ms, and misses what a background thread maps in between.
//
// mmap: V8 asks for each of its pages at an address of its own, anywhere in the address space, so each needs up to three pages of
// page tables, which a fork makes and an exit frees. Without the hint the kernel puts new pages beside one another: the page
// tables of a bare template shrink from 930 to 270 kB. What is large is a reservation and keeps its hint: V8 wants code within
// reach of its builtins.
//
// syscall: libuv asks for two io_uring in each loop, to batch its calls of epoll_ctl(2), and a child for two of its own. Without
// them it calls epoll_ctl(2), and there is nothing that a fork shares.
//
// pthread_create, pthread_join: see fork.c.
#include "interpose.h"
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))
#define VARIABLE "LD_PRELOAD"
// The owner passes the library as an open descriptor, because a path in this variable must not contain a space or a colon.
#define BY_DESCRIPTOR "/proc/self/fd/"
#define MAX_COMPACT ((size_t)64 << 20)

void (*thread_failed)(int error) = NULL;
void (*before_join)(void) = NULL;

static int is_first = 0;
static uintptr_t node_from = 0, node_to = 0;

int is_interposed(void) {
  return is_first;
}

// The program comes first, before its libraries.
static int find_node(struct dl_phdr_info *info, size_t size, void *unused) {
  (void)size;
  (void)unused;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
    uintptr_t from = info->dlpi_addr + part->p_vaddr, to = from + part->p_memsz;
    if (!node_to || from < node_from) node_from = from;
    if (to > node_to) node_to = to;
  }
  return 1;
}

// Debuggers open libraries by the name that the linker has for them, and there this one opens their own descriptor of that number:
// gdb waits for ever if that is a pipe.
static void name_library(int fd) {
  Dl_info unused;
  struct link_map *map = NULL;
  char link[32], path[4096];
  snprintf(link, sizeof link, BY_DESCRIPTOR "%d", fd);
  ssize_t length = readlink(link, path, sizeof path);
  if (length <= 0 || length == sizeof path || !dladdr1((void *)&is_first, &unused, (void **)&map, RTLD_DL_LINKMAP)) return;
  char *name = strndup(path, (size_t)length);
  if (name) map->l_name = name;
}

// Before main(). Programs that this process starts, and its environment, are not to see the variable: it is what it would be
// without us.
__attribute__((constructor)) static void begin(void) {
  const char *value = getenv(VARIABLE);
  int fd = -1, length = 0;
  if (!value || sscanf(value, BY_DESCRIPTOR "%d%n", &fd, &length) != 1) return;
  is_first = 1;
  name_library(fd);
  close(fd);
  dl_iterate_phdr(find_node, NULL);
  char *rest = value[length] ? strdup(value + length + 1) : NULL; // behind the separator
  if (rest) setenv(VARIABLE, rest, 1);
  else unsetenv(VARIABLE);
  free(rest);
}

// Libraries and addons may have reasons of their own for what they ask of the kernel.
static int is_node(const void *caller) {
  return (uintptr_t)caller >= node_from && (uintptr_t)caller < node_to;
}

typedef long (*system_function)(long, ...);

static long call_system(long number, long a, long b, long c, long d, long e, long f) {
  static system_function next = NULL; // every thread would write the same
  if (!next) next = (system_function)dlsym(RTLD_NEXT, "syscall");
  return next(number, a, b, c, d, e, f);
}

VISIBLE long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long); // as the C library's own does
  va_end(list);
  if (number == SYS_io_uring_setup && is_node(__builtin_return_address(0))) {
    errno = ENOSYS;
    return -1;
  }
  return call_system(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

VISIBLE int madvise(void *from, size_t length, int advice) {
  if (advice == MADV_DONTFORK && is_node(__builtin_return_address(0))) return 0;
  return (int)call_system(SYS_madvise, (long)from, (long)length, advice, 0, 0, 0);
}

VISIBLE void *mmap64(void *hint, size_t length, int protection, int flags, int fd, off_t offset) {
  int is_page = fd < 0 && !(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) && length <= MAX_COMPACT;
  if (is_page && is_node(__builtin_return_address(0))) hint = NULL;
  return (void *)call_system(SYS_mmap, (long)hint, (long)length, protection, flags, fd, offset);
}

VISIBLE void *mmap(void *hint, size_t length, int protection, int flags, int fd, off_t offset) __attribute__((alias("mmap64")));

typedef int (*create_function)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

VISIBLE int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
  static create_function create = NULL;
  if (!create) create = (create_function)dlsym(RTLD_NEXT, "pthread_create");
  int error = create(thread, attributes, run, argument);
  if (error && thread_failed) thread_failed(error);
  return error;
}

typedef int (*join_function)(pthread_t, void **);

VISIBLE int pthread_join(pthread_t thread, void **result) {
  static join_function join = NULL;
  if (!join) join = (join_function)dlsym(RTLD_NEXT, "pthread_join");
  if (before_join) before_join();
  return join(thread, result);
}
