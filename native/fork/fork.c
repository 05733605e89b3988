// Runs in: template, and in the child until its first line of JavaScript. See fork.h; docs/FORK_SAFETY.md has the
// evidence for every step and for their order.
#include "fork.h"
#include "clock.h"
#include "flat.h"
#include "fork-at-rest.h"
#include "free-chunks.h"
#include "../os/descriptors.h"
#include "../os/lifeline.h"
#include "platform.h"
#include "preloaded.h"
#include "quiesce.h"
#include "random.h"
#include "reap.h"
#include "../os/stdio-state.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// From libuv, which Node exports.
int uv_loop_fork(struct uv_loop_s *loop);
void uv_update_time(struct uv_loop_s *loop);

#define QUIESCE_LIMIT_MS 5000
#define MAX_STDIO 15 // MAX_DESCRIPTORS of a message without the job channel

// Sent to the owner over the job channel when a child cannot be born: a frame of the job channel (docs/PROTOCOL.md,
// section 4).
#define UNBORN_KIND 5

static int leave_code = 0;
static int birth_channel = -1;
static int lifeline_held = -1; // armed by this library; the preload library has one of its own

// Node's own teardown must not run in a child. It joins threads that do not exist, and runs loops that were inherited
// (that of the tracing agent, whose io_uring is shared with the template). _exit skips the destructors of libuv and V8
// as well.
void leave(int code) {
  fflush(NULL);
  restore_stdio();
  _exit(code);
}

static void leave_at_exit(void *unused) {
  (void)unused;
  leave(leave_code);
}

// Not registered at birth: before a process sends a signal to itself, Node runs these callbacks and drops them.
void leave_later(int code) {
  leave_code = code;
  call_at_exit(leave_at_exit, NULL);
}

static void leave_at_join(void) {
  if (syscall(SYS_gettid) == getpid()) leave(leave_code); // a join on another thread is a worker's own
}

// If a handler of uncaught errors throws, Node prints that error and joins the threads of libuv's pool, without at-exit
// callbacks. These are threads of the template. glibc gives the stack of such a thread to the next new one, and with
// the stack its pthread_t. So the main thread would wait for a living worker thread of V8 for ever (Node 20; other
// versions create their threads in another order, and did not hang).
void leave_in_teardown(int code) {
  leave_code = code;
  struct forkserver_preload *library = preloaded();
  if (library) library->before_join = leave_at_join;
}

#ifdef __GLIBC__
static void leave_on_exit(int status, void *unused) { // some C code called exit()
  (void)unused;
  restore_stdio();
  _exit(status);
}
#endif

static void tell_unborn(int error) {
  const unsigned char frame[] = {0, 0, 0, 3, UNBORN_KIND, (unsigned char)(error >> 8), (unsigned char)error};
  ssize_t ignored = write(birth_channel, frame, sizeof frame);
  (void)ignored;
  _exit(1);
}

void check_born(double number) {
  if (!is_reseeded(number)) tell_unborn(EILSEQ); // the wrong sequence; Node has a name for this errno
}

static int set_limit(int resource, rlim_t soft, rlim_t hard) {
  struct rlimit old;
  if (getrlimit(resource, &old) != 0) return -errno;
  if (old.rlim_max != RLIM_INFINITY && hard > old.rlim_max) hard = old.rlim_max;
  if (soft > hard) soft = hard;
  const struct rlimit new = {soft, hard};
  return setrlimit(resource, &new) == 0 ? 0 : -errno;
}

int set_limits(unsigned cpu_seconds, unsigned open_files) {
  int error = 0;
  // SIGXCPU at the limit, which a program may handle, and SIGKILL a second later.
  if (cpu_seconds) error = set_limit(RLIMIT_CPU, cpu_seconds, (rlim_t)cpu_seconds + 1);
  if (!error && open_files) error = set_limit(RLIMIT_NOFILE, open_files, open_files);
  return error;
}

int hold_lifeline(int pipe) {
  release_lifeline();
  const int held = arm_lifeline(pipe);
  if (held < 0) return held;
  lifeline_held = held;
  return 0;
}

int release_lifeline(void) {
  struct forkserver_preload *library = preloaded();
  int *const held[] = {&lifeline_held, library ? &library->lifeline : &lifeline_held};
  int error = 0;
  for (int i = 0; i < 2; i++) {
    if (*held[i] >= 0 && close(*held[i]) != 0) error = -errno;
    *held[i] = -1;
  }
  return error;
}

int inherit_lifeline(int inherits) {
  if (lifeline_held < 0) return 0;
  return fcntl(lifeline_held, F_SETFD, inherits ? 0 : FD_CLOEXEC) == 0 ? 0 : -errno;
}

// Returns 0 or -errno.
static int take_stdio(const int *stdio, int stdio_count, int places) {
  int count = stdio_count < MAX_STDIO ? stdio_count : MAX_STDIO, error = 0;
  // dup2() could overwrite a descriptor whose own number is one of the places. So such descriptors move up first.
  int from[MAX_STDIO];
  for (int i = 0; i < count; i++) {
    from[i] = stdio[i] >= places ? stdio[i] : fcntl(stdio[i], F_DUPFD_CLOEXEC, places);
    if (from[i] < 0) error = -errno;
  }
  // Programs that a child starts inherit the standard streams only, as those of plain Node do.
  for (int i = 0; i < count; i++) dup3(from[i], i, i < 3 ? 0 : O_CLOEXEC);
  for (int i = count; i < places; i++) close(i);
  for (int i = 0; i < count; i++) close(from[i]);
  remember_stdio(stdio_count);
  return error;
}

int begin_spare(struct uv_loop_s *loop, const int *stdio, int count, int places) {
  renew_clocks();
  uv_update_time(loop); // a timer that the job sets would count from the birth
  return take_stdio(stdio, count, places);
}

// Node aborts if a loop of libuv gets no descriptor. The loop of a new platform needs at most this many (epoll, an
// eventfd, the pipe of signals). The child's own loop needs no more than it gives back.
#define LOOP_DESCRIPTORS 4
static void check_room(int spare) {
  int fds[LOOP_DESCRIPTORS], count = 0, error = 0;
  while (count < LOOP_DESCRIPTORS && !error) {
    fds[count] = fcntl(spare, F_DUPFD_CLOEXEC, 0);
    if (fds[count] < 0) error = errno;
    else count++;
  }
  while (count > 0) close(fds[--count]);
  if (error) tell_unborn(error);
}

static void be_born(struct uv_loop_s *loop, const struct birth *birth) {
  for (int i = 0; i < birth->close_count; i++) close(birth->close[i]);
  check_room(birth->channel);
  widen_descriptor_table(birth->channel); // before the first thread
  // Until this call, the loop's epoll set and rings are those of the template, so no other libuv
  // function may run before.
  int error = uv_loop_fork(loop);
  if (error) tell_unborn(-error);
  // Before any JavaScript: a waiting interrupt of V8 (a finished Maglev job) posts to the worker threads at once. A
  // platform that cannot start its threads aborts, or waits for them for ever (WorkerThreadsTaskRunner stops creating
  // them and then waits for all). So a failure here is the end of the birth.
  preloaded()->thread_failed = tell_unborn;
  if (revive_platform(birth->worker_threads) != 0) tell_unborn(ENOSYS);
  preloaded()->thread_failed = NULL;
  if ((error = renew_random()) != 0) tell_unborn(-error);
  renew_clocks();

  forget_children();
  forget_threads();
  forget_flat();
  if (birth->lifeline >= 0 && (error = hold_lifeline(birth->lifeline)) != 0) tell_unborn(-error);
  if (birth->lifeline >= 0) close(birth->lifeline);
  // After the lifeline, which must not take a place.
  if (birth->stdio_count > 0 && (error = take_stdio(birth->stdio, birth->stdio_count, birth->places)) != 0)
    tell_unborn(-error);
#ifdef __GLIBC__ // musl has no on_exit(); processes are not forked there
  on_exit(leave_on_exit, NULL);
#endif
}

int flatten(int (*change)(struct flat *flat), struct flat *flat) {
  if (find_platform() || is_preloaded() != 1) return -ENOSYS;
  drain_platform();
  int error = quiesce(QUIESCE_LIMIT_MS);
  if (error) return error;
  preloaded()->zero_instead = zero_flat;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); // a handler could write to memory that was copied already
  error = change(flat);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}

// How long the template waits for its child to lead its session, which takes as long as the child waits for a
// processor. A child that somebody stops at this very moment must not stop the template, too.
#define LEADER_LIMIT_MS 1000

// A process whose owner knows its pid must lead its group already: kill(-pid) is for the group.
static void wait_for_leader(int end) {
  struct pollfd waited = {.fd = end}; // POLLHUP: the child has closed its end, or has ended
  poll(&waited, 1, LEADER_LIMIT_MS);
}

pid_t fork_child(struct uv_loop_s *loop, const struct birth *birth) {
  if (find_platform() || check_random() != 0 || is_preloaded() != 1) return -ENOSYS;
  int ends[2]; // of a pipe, if the child leads a session
  if (birth->session && pipe2(ends, O_CLOEXEC) != 0) return -errno;
  drain_platform();
  // A signal between fork and uv_loop_fork would go through the template's signal pipe and run the template's handler.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  birth_channel = birth->channel;
  merge_free_chunks();
  pid_t pid = fork_at_rest(QUIESCE_LIMIT_MS);
  if (pid == 0) {
    if (birth->session) {
      setsid();
      close(ends[0]);
      close(ends[1]);
    }
    be_born(loop, birth);
  } else if (birth->session) {
    close(ends[1]);
    if (pid > 0) wait_for_leader(ends[0]);
    close(ends[0]);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pid;
}
