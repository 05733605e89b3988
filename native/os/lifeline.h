// Runs in: template and child, also in a spawned child. The lifeline: a pipe whose end kills this process.
#ifndef FORKSERVER_LIFELINE_H
#define FORKSERVER_LIFELINE_H

// Asks the kernel for SIGKILL when the last writer of this pipe is gone. Returns the descriptor that must stay open,
// or -errno.
int arm_lifeline(int pipe);

#endif
