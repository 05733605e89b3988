// Runs in: forked child. See flush.h. Node's process.exit() drops output that a pipe did not take at once: everything
// after the first 64 KiB, if the reader is slower than the process. libuv has no call to write it. uv_try_write()
// refuses if something is queued, and a turn of the loop would run callbacks of the program after its 'exit' event. So
// this reads libuv's queue. Its layout is a part of libuv's ABI (include/uv.h and include/uv/unix.h, unchanged since
// 1.0). It is used only if its length agrees with libuv's own number.
#include "flush.h"
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

struct uv_handle_s;
void uv_walk(struct uv_loop_s *loop, void (*visit)(struct uv_handle_s *, void *), void *argument);
int uv_handle_get_type(const struct uv_handle_s *handle);
int uv_fileno(const struct uv_handle_s *handle, int *fd);
size_t uv_stream_get_write_queue_size(const struct uv_handle_s *stream);
enum { UV_NAMED_PIPE = 7, UV_TCP = 12, UV_TTY = 14 }; // enum uv_handle_type

struct uv_queue {
  struct uv_queue *next, *prev;
};

// uv_stream_t up to its queue of writes
struct stream {
  void *data, *loop;
  int type;
  void *close_cb, *handle_queue[2];
  union {
    int fd;
    void *reserved[4];
  } u;
  void *next_closing;
  unsigned flags;
  size_t write_queue_size;
  void *alloc_cb, *read_cb, *connect_req, *shutdown_req;
  struct {
    void *cb;
    struct uv_queue pending_queue, watcher_queue;
    unsigned pevents, events;
    int fd;
  } io_watcher;
  struct uv_queue write_queue;
};

// uv_write_t from its link in that queue on
struct request {
  struct uv_queue queue;
  unsigned write_index;
  struct iovec *bufs; // uv_buf_t is an iovec on Unix
  unsigned nbufs;
};

struct search {
  int fd;
  struct stream *found;
};

static void visit(struct uv_handle_s *handle, void *argument) {
  struct search *search = argument;
  const int type = uv_handle_get_type(handle);
  int fd = -1;
  if (type != UV_NAMED_PIPE && type != UV_TCP && type != UV_TTY) return;
  if (uv_fileno(handle, &fd) != 0 || fd != search->fd) return;
  if (uv_stream_get_write_queue_size(handle) > 0) search->found = (struct stream *)handle;
}

static int wait_for_room(int fd, int timeout_ms) {
  struct pollfd polled = {fd, POLLOUT, 0};
  int ready;
  do ready = poll(&polled, 1, timeout_ms);
  while (ready < 0 && errno == EINTR);
  return ready > 0 ? 0 : ready == 0 ? -ETIMEDOUT : -errno;
}

int write_out(int fd, const char *bytes, size_t length, int timeout_ms) {
  while (length > 0) {
    const ssize_t written = write(fd, bytes, length);
    if (written >= 0) {
      bytes += written;
      length -= (size_t)written;
    } else if (errno == EAGAIN) {
      const int error = wait_for_room(fd, timeout_ms);
      if (error) return error;
    } else if (errno != EINTR) return -errno;
  }
  return 0;
}

static size_t bytes_waiting(const struct stream *stream) {
  size_t bytes = 0;
  for (const struct uv_queue *at = stream->write_queue.next; at != &stream->write_queue; at = at->next) {
    const struct request *request = (const struct request *)at;
    for (unsigned i = request->write_index; i < request->nbufs; i++) bytes += request->bufs[i].iov_len;
  }
  return bytes;
}

long flush_stream(struct uv_loop_s *loop, int fd, int timeout_ms) {
  struct search search = {fd, NULL};
  uv_walk(loop, visit, &search);
  const struct stream *stream = search.found;
  if (!stream) return 0;
  const size_t size = uv_stream_get_write_queue_size((const struct uv_handle_s *)stream);
  if (stream->write_queue_size != size || stream->io_watcher.fd != fd || bytes_waiting(stream) != size) return -ENOTSUP;
  for (const struct uv_queue *at = stream->write_queue.next; at != &stream->write_queue; at = at->next) {
    const struct request *request = (const struct request *)at;
    for (unsigned i = request->write_index; i < request->nbufs; i++) {
      const int error = write_out(fd, request->bufs[i].iov_base, request->bufs[i].iov_len, timeout_ms);
      if (error) return error;
    }
  }
  return (long)size;
}
