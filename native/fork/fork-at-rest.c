// Runs in: template, and in a child that is not born yet. See fork-at-rest.h.
//
// A thread that waits for work until a time may wake between the last look at it and the fork. Then it may hold a lock
// at the fork that nobody ever releases in the child. V8 of Node 20 and 22 has such a thread: that for delayed tasks,
// which wakes 5 and 20 seconds after WebAssembly was instantiated and hands work to the others. So if there is one, the
// child first waits for the template to say that it did not run. If it did run, the child leaves before it has done
// anything, and the template forks again.
#include "fork-at-rest.h"
#include "quiesce.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

// So many threads that wake so often that none of these forks succeeds are too many.
#define MAX_FORKS 1000
#define THREAD_RAN (-1000000) // no errno

static void wait_for_word(const int ends[2]) {
  char word;
  close(ends[1]);
  ssize_t got;
  do got = read(ends[0], &word, 1);
  while (got < 0 && errno == EINTR);
  close(ends[0]);
  if (got != 1) _exit(1); // no, or the template has ended
}

// The process id, 0 in the child, -errno, or THREAD_RAN: then there is no child.
static pid_t fork_watched(void) {
  const long before = timed_switches();
  if (before < 0 || !are_at_rest()) return THREAD_RAN;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
  pid_t pid = fork();
  const int error = errno;
  if (pid == 0) {
    wait_for_word(ends);
    return 0;
  }
  close(ends[0]);
  const int is_right = pid > 0 && are_at_rest() && timed_switches() == before;
  if (is_right) {
    ssize_t ignored = write(ends[1], "", 1);
    (void)ignored;
  }
  close(ends[1]);
  if (is_right) return pid;
  if (pid < 0) return -error;
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR);
  return THREAD_RAN;
}

pid_t fork_at_rest(int limit_ms) {
  for (int forks = 0; forks < MAX_FORKS; forks++) {
    int error = quiesce(limit_ms);
    if (error) return error;
    if (!may_wake()) {
      pid_t pid = fork();
      return pid < 0 ? -errno : pid;
    }
    pid_t pid = fork_watched();
    if (pid != THREAD_RAN) return pid;
  }
  return -EBUSY;
}
