// Runs in: owner. Waits for a process that nobody else waits for any more.
#ifndef FORKSERVER_REAP_LATER_H
#define FORKSERVER_REAP_LATER_H

// Waits for this child of the process in a thread of its own, which ends with the child. If no thread can be made, the
// child stays as a zombie until the process ends.
void reap_later(int pid);

#endif
