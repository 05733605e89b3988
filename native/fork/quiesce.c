// Runs in: template. See quiesce.h.
//
// A worker thread of V8 that runs at the moment of the fork may hold a lock (a page's mutex while it
// sweeps), and no thread of the child would ever release it. If every thread waits for work twice in a
// row, in futex or epoll_wait, then none holds a lock that another needs. This thread posts nothing meanwhile, so none
// of them wakes after that, except one that waits until a time: fork-at-rest.c looks after those.
//
// It is not enough that a thread sleeps. Node 24 hung in 1 of some hundred children of a busy template: absl measures
// the processor's frequency the first time that a mutex is contended, and sleeps in nanosleep meanwhile, inside a
// call_once for which a child would wait for ever (docs/FORK_SAFETY.md has the backtrace). So the system call counts:
// /proc/self/task/<tid>/syscall begins with its number, or with "running". The files stay open, because opening them
// costs more than reading them, and this runs before every fork. A check that missed a thread would be useless. So the
// number of listed threads is compared with the kernel's own number.
#include "quiesce.h"
#include "../os/file-status.h"
#include "../os/numbers.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 256
#define LOOKS_NEEDED 2
#define PAUSE_NS 50000
#define LINKS_OF_NONE 2 // the links of the task folder: two more than there are threads

static int task_folder = -1;
static int syscall_files[MAX_THREADS];
static int thread_ids[MAX_THREADS];
static int is_timed[MAX_THREADS]; // waits no longer than until a time
static int threads = 0;  // other than this one
static nlink_t links = 0; // of the task folder, when it was listed

void forget_threads(void) {
  for (int i = 0; i < threads; i++) close(syscall_files[i]);
  if (task_folder >= 0) close(task_folder);
  task_folder = -1;
  threads = 0;
  links = 0;
}

// As /proc names it: gettid() is another number if /proc shows another pid namespace. Or -errno.
static int own_thread(void) {
  char link[64]; // <pid>/task/<tid>
  ssize_t length = readlink("/proc/thread-self", link, sizeof link - 1);
  if (length < 0) return -errno;
  link[length] = 0;
  const char *tid = strrchr(link, '/');
  uint64_t number;
  return tid && read_number(tid + 1, 10, &number) ? (int)number : -ENODATA;
}

static int add_thread(int tid) {
  char path[32];
  snprintf(path, sizeof path, "%d/syscall", tid);
  if (threads == MAX_THREADS) return -E2BIG;
  int fd = openat(task_folder, path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    thread_ids[threads] = tid;
    syscall_files[threads++] = fd;
  }
  return fd >= 0 || errno == ENOENT ? 0 : -errno; // ENOENT: it ended meanwhile
}

// Lists them anew. -ENODATA if the list is not as long as the kernel's count: then /proc does not show all threads.
static int list_threads(void) {
  forget_threads();
  const int self = own_thread();
  if (self < 0) return self;
  task_folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct stat now;
  if (task_folder < 0 || file_status(task_folder, &now) != 0) return -errno;
  DIR *folder = opendir("/proc/self/task");
  if (!folder) return -errno;
  int error = 0, has_self = 0;
  for (struct dirent *entry; !error && (entry = readdir(folder));) {
    uint64_t tid;
    if (!read_number(entry->d_name, 10, &tid)) continue; // "." and ".."
    if ((int)tid == self) has_self = 1;
    else error = add_thread((int)tid);
  }
  closedir(folder);
  links = now.st_nlink;
  if (error) return error;
  return has_self && (nlink_t)threads + 1 + LINKS_OF_NONE == links ? 0 : -ENODATA;
}

static int waits_for_work(long call) {
#ifdef SYS_epoll_wait
  if (call == SYS_epoll_wait) return 1;
#endif
  return call == SYS_futex || call == SYS_epoll_pwait;
}

// A line of that file has the number of the call, six arguments, the stack pointer and the program counter. Reads the
// one at this place, counted from 0. Returns whether it is there.
static int read_word(const char *line, int place, uint64_t *word) {
  for (int at = 0; line && at < place; at++) {
    line = strchr(line, ' ');
    if (line) line++;
  }
  return line && strncmp(line, "0x", 2) == 0 && read_number(line + 2, 16, word);
}
enum { TIME_LIMIT = 4, STACK_POINTER = 7 };

// The limit of both calls: for epoll in milliseconds or -1 for ever, for a futex an address or NULL.
static int waits_until_a_time(long call, const char *line) {
  uint64_t limit = 0;
  if (!read_word(line, TIME_LIMIT, &limit)) return 1;
  return call == SYS_futex ? limit != 0 : (int)limit >= 0;
}

// 1: all others wait for work; 0: one does not, or the list was out of date; or -errno.
static int look(void) {
  struct stat now;
  if (task_folder < 0 || file_status(task_folder, &now) != 0 || now.st_nlink != links) return list_threads();
  for (int i = 0; i < threads; i++) {
    char text[256];
    ssize_t got = pread(syscall_files[i], text, sizeof text - 1, 0);
    if (got <= 0) {
      links = 0; // this thread ended: list them anew
      return 0;
    }
    text[got] = 0;
    uint64_t call; // or the text is "running"
    if (!read_number(text, 10, &call) || !waits_for_work((long)call)) return 0;
    is_timed[i] = waits_until_a_time((long)call, text);
  }
  return 1;
}

int quiesce(int limit_ms) {
  const struct timespec pause = {0, PAUSE_NS};
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (int calm = 0; calm < LOOKS_NEEDED;) {
    const int seen = look();
    // The numbers differ for a moment if a thread began or ended while they were listed.
    if (seen < 0 && seen != -ENODATA) return seen;
    if (seen == -ENODATA) forget_threads();
    calm = seen == 1 ? calm + 1 : 0;
    if (seen == 1) continue;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const long waited_ms = (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
    if (waited_ms > limit_ms) return seen < 0 ? seen : -EBUSY;
    nanosleep(&pause, NULL);
  }
  return 0;
}

int are_at_rest(void) { return look() == 1; }

int may_wake(void) {
  for (int i = 0; i < threads; i++)
    if (is_timed[i]) return 1;
  return 0;
}

long timed_switches(void) {
  long sum = 0;
  for (int i = 0; i < threads; i++) {
    if (!is_timed[i]) continue;
    char text[4096];
    snprintf(text, sizeof text, "%d/status", thread_ids[i]);
    int fd = openat(task_folder, text, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0) return -EIO;
    text[got] = 0;
    // Two lines: voluntary_ctxt_switches and nonvoluntary_ctxt_switches, each with a tab in front of the number.
    for (const char *line = text; (line = strstr(line, "ctxt_switches:\t")); line++) {
      uint64_t switches = 0;
      read_number(line + strlen("ctxt_switches:\t"), 10, &switches);
      sum += (long)switches;
    }
  }
  return sum;
}

int holds_stack(uintptr_t from, uintptr_t to) {
  for (int i = 0; i < threads; i++) {
    char text[256];
    uint64_t pointer;
    ssize_t got = pread(syscall_files[i], text, sizeof text - 1, 0);
    if (got <= 0) continue; // it ended
    text[got] = 0;
    if (!read_word(text, STACK_POINTER, &pointer)) return 1; // it runs: nobody can know
    if (pointer >= from && pointer < to) return 1;
  }
  return 0;
}
