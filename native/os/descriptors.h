// Runs in: owner and child. Descriptors that user code must not meet by accident, and output that nobody has read yet.
#ifndef FORKSERVER_DESCRIPTORS_H
#define FORKSERVER_DESCRIPTORS_H

// Moves a descriptor to a high number, below the limit of open files, and closes the old one. Returns the new number.
// If there is no room, the descriptor stays as it is, and its old number is returned.
int raise_descriptor(int fd);
// Makes the kernel's table of descriptors so large that raise_descriptor() finds room in it. Call it while the process
// has one thread: the kernel lets a process with more of them wait 10 to 20 ms until no processor reads the old table
// (synchronize_rcu). `spare` is any open descriptor.
void widen_descriptor_table(int spare);
// Bytes that were written to a socket or a pipe and that its reader has not read. A descriptor of another kind has
// none.
long unread_bytes(int fd);

#endif
