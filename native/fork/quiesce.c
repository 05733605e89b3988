// Runs in: template. See quiesce.h.
//
// A worker thread of V8 that runs at the moment of the fork may hold a lock (a page's mutex while it sweeps) that nobody in the
// child would ever open. If every thread waits for work, in futex or epoll_wait, twice in a row, then none holds a lock that another
// needs, and as this thread posts nothing meanwhile, none will wake.
//
// That a thread sleeps is not enough. Node 24 hung in 1 of some hundred children of a busy template: absl measures the processor's
// frequency the first time that a mutex is contended, and sleeps in nanosleep meanwhile, inside a call_once that a child would wait
// for for ever (docs/FORK_SAFETY.md has the backtrace). So the system call counts: /proc/self/task/<tid>/syscall begins with its
// number, or with "running". The files are kept open, because opening them costs more than reading them and this runs before
// every fork.
#include "quiesce.h"
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

static int task_folder = -1;
static int syscall_files[MAX_THREADS];
static int threads = 0;
static nlink_t links = 0; // of the task folder: two more than there are threads

void forget_threads(void) {
  for (int i = 0; i < threads; i++) close(syscall_files[i]);
  if (task_folder >= 0) close(task_folder);
  task_folder = -1;
  threads = 0;
  links = 0;
}

static int list_threads(nlink_t links_now) {
  forget_threads();
  task_folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (task_folder < 0) return -errno;
  DIR *folder = opendir("/proc/self/task");
  if (!folder) return -errno;
  int self = (int)syscall(SYS_gettid), error = 0;
  for (struct dirent *entry; !error && (entry = readdir(folder));) {
    int tid = atoi(entry->d_name);
    if (tid <= 0 || tid == self) continue;
    if (threads == MAX_THREADS) error = -E2BIG;
    char path[32];
    snprintf(path, sizeof path, "%d/syscall", tid);
    int fd = error ? -1 : openat(task_folder, path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) syscall_files[threads++] = fd;
    else if (errno != ENOENT) error = error ? error : -errno;
  }
  closedir(folder);
  links = links_now;
  return error;
}

static int waits_for_work(long call) {
#ifdef SYS_epoll_wait
  if (call == SYS_epoll_wait) return 1;
#endif
  return call == SYS_futex || call == SYS_epoll_pwait;
}

// 1: all others wait for work; 0: one does not, or the list was out of date; or -errno.
static int look(void) {
  struct stat now;
  if (task_folder < 0) {
    if (stat("/proc/self/task", &now) != 0) return -errno;
    return list_threads(now.st_nlink);
  }
  if (fstat(task_folder, &now) != 0 || now.st_nlink != links) return list_threads(now.st_nlink);
  for (int i = 0; i < threads; i++) {
    char text[32];
    ssize_t got = pread(syscall_files[i], text, sizeof text - 1, 0);
    if (got <= 0) {
      links = 0; // this thread ended: list them anew
      return 0;
    }
    text[got] = 0;
    if (text[0] < '0' || text[0] > '9' || !waits_for_work(atol(text))) return 0;
  }
  return 1;
}

int quiesce(int patience_ms) {
  const struct timespec pause = {0, PAUSE_NS};
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (int calm = 0; calm < LOOKS_NEEDED;) {
    int seen = look();
    if (seen < 0) return seen;
    calm = seen ? calm + 1 : 0;
    if (seen) continue;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 > patience_ms) return -EBUSY;
    nanosleep(&pause, NULL);
  }
  return 0;
}
