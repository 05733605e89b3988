// Runs in: template, and in the child until its first line of JavaScript. The fork itself, and
// everything that has to be done before and after it.
#ifndef FORKSERVER_FORK_H
#define FORKSERVER_FORK_H
#include <sys/types.h>

struct flat;
struct uv_loop_s;

struct birth {
  int channel;        // the child's end of its job channel; the child keeps it
  const int *stdio;   // become 0, 1, 2 and so on of the child
  int stdio_count;    // 0 for a spare: it keeps the template's until it calls begin_spare()
  int places;         // below this number, the child has only the descriptors of `stdio`; the rest is closed
  int lifeline;       // read end of the owner's pipe: its end kills the child; -1 if it may outlive its owner
  int session;        // the child leads a session of its own, and so a process group
  int worker_threads; // of V8, besides the one for delayed tasks
  const int *close;   // descriptors that the child must not have: control sockets, other owners' lifelines
  int close_count;
};

// Lets every other thread come to rest, and calls a function of flat.h. Returns what that does, or the -errno of
// quiesce().
int flatten(int (*change)(struct flat *flat), struct flat *flat);
// The process id in the template, 0 in the child, or -errno. The caller keeps every descriptor of `birth` open.
pid_t fork_child(struct uv_loop_s *loop, const struct birth *birth);
// In a spare that got its job: takes these descriptors as 0, 1, 2 and so on, and brings its clocks up to date. Below
// the number `places` it has no others then. Returns 0 or -errno.
int begin_spare(struct uv_loop_s *loop, const int *stdio, int count, int places);
// In a newborn child, with the first number that Math.random() gives: ends the birth if it is not the child's own.
void check_born(double number);
// Sets limits of this process: RLIMIT_CPU and RLIMIT_NOFILE, 0 for none. Returns 0 or -errno.
int set_limits(unsigned cpu_seconds, unsigned open_files);
// Asks the kernel for SIGKILL when the last writer of this pipe is gone. 0 or -errno.
int hold_lifeline(int pipe);
int release_lifeline(void);
// Whether a program that this process becomes, or starts, inherits the lifeline. It does not at first. 0 or -errno.
int inherit_lifeline(int inherits);
// Leaves at once, by _exit: see fork.c.
void leave(int code);
// Leaves with this code when Node has printed the uncaught error that it is about to print.
void leave_later(int code);
// Leaves with this code when Node's teardown, which is about to begin, joins its first thread.
void leave_in_teardown(int code);

#endif
