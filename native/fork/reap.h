// Runs in: template. Learns of the end of children.
#ifndef FORKSERVER_REAP_H
#define FORKSERVER_REAP_H
#include <sys/resource.h>
#include <sys/types.h>

// A descriptor that becomes readable when a child has ended, or -errno. From then on, signals of the group are ignored.
int watch_children(void);
// One child that has ended: its pid, 0 if none has, or -errno. Resets the descriptor. The pid stays the child's until
// it is reaped.
pid_t find_ended(void);
// How that child ended. Returns its pid or -errno.
pid_t reap_child(pid_t pid, int *status, struct rusage *usage);
// In a newborn child: SIGCHLD and the signals of the group do what they did before.
void forget_children(void);

#endif
