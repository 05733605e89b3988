// Runs in: owner and template. Unix sockets that carry bytes together with descriptors. System calls only: every
// function returns a count or a descriptor, or minus errno.
#ifndef FORKSERVER_SOCKETS_H
#define FORKSERVER_SOCKETS_H
#include <stddef.h>
#include <sys/types.h>

// The most descriptors that one message may carry; the kernel's own limit is 253 (SCM_MAX_FD).
#define MAX_DESCRIPTORS 16
// What `receive_with_descriptors` reports as the count when the kernel had to drop descriptors (MSG_CTRUNC).
#define DESCRIPTORS_TRUNCATED (-1)

int socket_pair(int fds[2]);
int listen_unix(const char *name, size_t length, int is_abstract, int backlog, unsigned mode);
int connect_unix(const char *name, size_t length, int is_abstract);
// On a socket that listens already: from now on clients see this process at the other end (peer_pid).
int listen_again(int listener, int backlog);
// Locks a folder, so that other processes that lock it know of this one. Close the descriptor to unlock it. Returns
// -EWOULDBLOCK if another process has locked it.
int lock_folder(const char *path);
int accept_client(int listener);
int peer_uid(int fd, uid_t *uid);
// The process that listens at the other end, or that made the pair; 0 if it has no pid in this process's namespace.
pid_t peer_pid(int fd);
ssize_t send_with_descriptors(int fd, const void *bytes, size_t length, const int *fds, int count);
// The same for bytes that lie in several places: a header and its payload, in one system call.
struct iovec;
ssize_t send_parts(int fd, struct iovec *parts, size_t part_count, const int *fds, int count);
ssize_t receive_with_descriptors(int fd, void *bytes, size_t length, int *fds, int *count);

#endif
