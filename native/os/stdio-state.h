// Runs in: forked child. Leaves the descriptors that a child was given as the child found them.
#ifndef FORKSERVER_STDIO_STATE_H
#define FORKSERVER_STDIO_STATE_H

// Notes the state of the descriptors 0 to count - 1, which are shared with the owner and others.
void remember_stdio(int count);
// Undoes what this process changed: the mode of a terminal, and O_NONBLOCK; stdio-state.c says when. May be called from
// a signal handler.
void restore_stdio(void);

#endif
