// Runs in: template. See reap.h. SIGCHLD and an eventfd, and not a pidfd for each child: every later sibling would
// inherit all of the pidfds and have to close them, so a fork would take longer the more children live.
#include "reap.h"
#include "group-signals.h"
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

static int ended = -1;
static struct sigaction before_children;

static void on_child(int number) {
  (void)number;
  int keep = errno;
  const uint64_t one = 1;
  ssize_t ignored = write(ended, &one, sizeof one);
  (void)ignored;
  errno = keep;
}

int watch_children(void) {
  ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (ended < 0) return -errno;
  struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
  if (sigaction(SIGCHLD, &action, &before_children) != 0) return -errno;
  ignore_group_signals();
  return ended;
}

pid_t find_ended(void) {
  uint64_t count;
  // Before the wait: a child that ends after it sets the event again.
  ssize_t ignored = read(ended, &count, sizeof count);
  (void)ignored;
  siginfo_t found = {0};
  if (waitid(P_ALL, 0, &found, WEXITED | WNOHANG | WNOWAIT) == 0) return found.si_pid;
  return errno == ECHILD ? 0 : -errno;
}

pid_t reap_child(pid_t child, int *status, struct rusage *usage) {
  pid_t pid;
  do pid = wait4(child, status, WNOHANG, usage);
  while (pid < 0 && errno == EINTR);
  return pid >= 0 ? pid : -errno;
}

void forget_children(void) {
  sigaction(SIGCHLD, &before_children, NULL);
  restore_group_signals();
  if (ended >= 0) close(ended);
  ended = -1;
}
