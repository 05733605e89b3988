// Runs in: owner and template. See sockets.h.
#include "sockets.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

// A connected pair of stream sockets. Stream and not SOCK_SEQPACKET, because frames are the wire form of
// multiprocessing.connection and the owner's end is read by a node:net socket.
int socket_pair(int fds[2]) {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0 ? 0 : -errno;
}

static int fill_address(
    struct sockaddr_un *address, socklen_t *size, const char *name, size_t length, int is_abstract) {
  // A path needs room for its closing zero, an abstract name for its leading one.
  if (length + 1 > sizeof address->sun_path) return -ENAMETOOLONG;
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path + (is_abstract ? 1 : 0), name, length);
  *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
  return 0;
}

static int close_and_return(int fd, int error) {
  close(fd);
  return -error;
}

int listen_unix(const char *name, size_t length, int is_abstract, int backlog, unsigned mode) {
  struct sockaddr_un address;
  socklen_t size;
  int error = fill_address(&address, &size, name, length, is_abstract);
  if (error) return error;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  // Linux gives the new socket file the mode of the socket, less the umask. A chmod after bind would leave a gap, and
  // the umask belongs to the whole process.
  if (!is_abstract && fchmod(fd, mode) != 0) return close_and_return(fd, errno);
  if (bind(fd, (struct sockaddr *)&address, size) != 0) return close_and_return(fd, errno);
  if (listen(fd, backlog) != 0) return close_and_return(fd, errno);
  return fd;
}

// A connect on a unix socket waits only while the backlog is full. This one returns -EAGAIN then.
int connect_unix(const char *name, size_t length, int is_abstract) {
  struct sockaddr_un address;
  socklen_t size;
  int error = fill_address(&address, &size, name, length, is_abstract);
  if (error) return error;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (struct sockaddr *)&address, size) != 0) return close_and_return(fd, errno);
  return fd;
}

int listen_again(int listener, int backlog) { return listen(listener, backlog) == 0 ? 0 : -errno; }

int lock_folder(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -errno;
  return flock(fd, LOCK_EX | LOCK_NB) == 0 ? fd : close_and_return(fd, errno);
}

int accept_client(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  return fd >= 0 ? fd : -errno;
}

int peer_uid(int fd, uid_t *uid) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -errno;
  *uid = peer.uid;
  return 0;
}

pid_t peer_pid(int fd) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : -errno;
}

union control_room {
  struct cmsghdr align;
  char bytes[CMSG_SPACE(MAX_DESCRIPTORS * sizeof(int))];
};

ssize_t send_with_descriptors(int fd, const void *bytes, size_t length, const int *fds, int count) {
  struct iovec part = {(void *)bytes, length};
  return send_parts(fd, &part, 1, fds, count);
}

ssize_t send_parts(int fd, struct iovec *parts, size_t part_count, const int *fds, int count) {
  if (count > MAX_DESCRIPTORS) return -EINVAL;
  union control_room control;
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = part_count};
  if (count > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, (size_t)count * sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent >= 0 ? sent : -errno;
}

// The kernel never joins a message with descriptors and the bytes after it. So one call returns one set of descriptors
// at the most, and the set comes with the first byte of its message.
ssize_t receive_with_descriptors(int fd, void *bytes, size_t length, int *fds, int *count) {
  struct iovec part = {bytes, length};
  union control_room control;
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t got;
  do got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  *count = 0;
  if (got < 0) return -errno;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int here = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fds + *count, CMSG_DATA(header), (size_t)here * sizeof(int));
    *count += here;
  }
  // Too many, or this process has no descriptor left. A part of a set cannot be used.
  if (message.msg_flags & MSG_CTRUNC) {
    for (int i = 0; i < *count; i++) close(fds[i]);
    *count = DESCRIPTORS_TRUNCATED;
  }
  return got;
}
