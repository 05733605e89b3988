// Runs in: template and child. The preload library: it replaces functions of the C library for Node's own code.
//
// An owner starts its template with this library in LD_PRELOAD. So the library's functions come before the C
// library's, from Node's first call on, and by the rules of the dynamic linker. It exports only what exports.map
// names.
//
// madvise: V8 marks its mappings MADV_DONTFORK, so that a program with a big heap forks (and execs) quickly. The first
// bytecode fetch in a plain fork then faults. Here the marks are never made. To undo them would mean reading
// /proc/self/maps before every fork, 0.13 to 0.2 ms, and would miss mappings that a background thread makes in between.
//
// A page of the template's memory file (../fork/flat.h) is zeroed instead of discarded, whoever asks: its old contents
// would come back.
//
// mmap: V8 asks for each of its pages at an address of its own, anywhere in the address space. So each page needs up
// to three pages of page tables, which a fork makes and an exit frees. Without the hint the kernel puts new pages
// next to one another, and the page tables of a bare template shrink from 930 to 270 kB. A large mapping is a
// reservation and keeps its hint: V8 wants code within reach of its builtins.
//
// syscall: libuv asks for two io_uring in each loop, to batch its calls of epoll_ctl(2), and a child asks for two of
// its own. Without them libuv calls epoll_ctl(2), and a fork shares nothing.
//
// pthread_create, pthread_join: see ../fork/fork.c.
#include "preload.h"
#include "../os/file-status.h"
#include "../os/lifeline.h"
#include "../os/numbers.h"
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
// The owner passes the library as an open descriptor, because a path in this variable must not contain a space or a
// colon.
#define BY_DESCRIPTOR "/proc/self/fd/"
#define MAX_COMPACT ((size_t)64 << 20)

// TEMPLATE_DESCRIPTORS.lifeline of src/wire/startup.ts.
#define LIFELINE 18

VISIBLE struct forkserver_preload FORKSERVER_PRELOAD = {0, -1, 0, NULL, NULL, NULL};

static uintptr_t node_from = 0, node_to = 0;

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

// Debuggers open a library by the name that the dynamic linker has for it. That name would be a descriptor of the
// debugger's own, and gdb waits for ever if that is a pipe. So the library gets the name of its file.
static void name_library(int fd) {
#ifdef __GLIBC__
  Dl_info unused;
  struct link_map *map = NULL;
  char link[32], path[4096];
  snprintf(link, sizeof link, BY_DESCRIPTOR "%d", fd);
  ssize_t length = readlink(link, path, sizeof path);
  if (length <= 0 || length == sizeof path) return;
  if (!dladdr1((void *)&FORKSERVER_PRELOAD, &unused, (void **)&map, RTLD_DL_LINKMAP)) return;
  char *name = strndup(path, (size_t)length);
  if (name) map->l_name = name;
#else
  (void)fd;
#endif
}

// If the owner is killed, this process must end, even if Node never gets as far as its first JavaScript.
static void hold_lifeline(void) {
  struct stat lifeline;
  if (file_status(LIFELINE, &lifeline) != 0 || !S_ISFIFO(lifeline.st_mode)) return;
  const int held = arm_lifeline(LIFELINE);
  if (held >= 0) FORKSERVER_PRELOAD.lifeline = held;
  else FORKSERVER_PRELOAD.lifeline_error = -held;
}

// Runs before main(). Node, and the programs that it starts, must not see the variable with the library in it.
__attribute__((constructor)) static void begin(void) {
  const char *value = getenv(VARIABLE);
  if (!value || strncmp(value, BY_DESCRIPTOR, strlen(BY_DESCRIPTOR)) != 0) return;
  uint64_t fd;
  const char *end = read_number(value + strlen(BY_DESCRIPTOR), 10, &fd);
  if (!end) return;
  FORKSERVER_PRELOAD.is_in_front = 1;
  name_library((int)fd);
  close((int)fd);
  hold_lifeline();
  dl_iterate_phdr(find_node, NULL);
  char *rest = *end ? strdup(end + 1) : NULL; // after the separator
  if (rest) setenv(VARIABLE, rest, 1);
  else unsetenv(VARIABLE);
  free(rest);
}

// Calls of libraries and addons are not changed: they may have reasons of their own.
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
  if (advice == MADV_DONTNEED && FORKSERVER_PRELOAD.zero_instead && FORKSERVER_PRELOAD.zero_instead(from, length))
    return 0;
  return (int)call_system(SYS_madvise, (long)from, (long)length, advice, 0, 0, 0);
}

#undef mmap64 // musl has one function with two names
VISIBLE void *mmap64(void *hint, size_t length, int protection, int flags, int fd, off_t offset) {
  int is_page = fd < 0 && !(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) && length <= MAX_COMPACT;
  if (is_page && is_node(__builtin_return_address(0))) hint = NULL;
  return (void *)call_system(SYS_mmap, (long)hint, (long)length, protection, flags, fd, offset);
}

VISIBLE void *mmap(void *hint, size_t length, int protection, int flags, int fd, off_t offset)
    __attribute__((alias("mmap64")));

typedef int (*create_function)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

VISIBLE int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
  static create_function create = NULL;
  if (!create) create = (create_function)dlsym(RTLD_NEXT, "pthread_create");
  int error = create(thread, attributes, run, argument);
  if (error && FORKSERVER_PRELOAD.thread_failed) FORKSERVER_PRELOAD.thread_failed(error);
  return error;
}

typedef int (*join_function)(pthread_t, void **);

VISIBLE int pthread_join(pthread_t thread, void **result) {
  static join_function join = NULL;
  if (!join) join = (join_function)dlsym(RTLD_NEXT, "pthread_join");
  if (FORKSERVER_PRELOAD.before_join) FORKSERVER_PRELOAD.before_join();
  return join(thread, result);
}
