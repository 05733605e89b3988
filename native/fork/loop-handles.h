// Runs in: template. The handles of libuv's loop.
#ifndef FORKSERVER_LOOP_HANDLES_H
#define FORKSERVER_LOOP_HANDLES_H

struct uv_loop_s;
struct loop_handle {
  const char *type; // libuv's name for it: "tcp", "timer", ...
  int is_active;
  int has_ref;
  int fd; // -1 for none
};

// Fills at most `room` handles and returns how many there are.
int list_handles(struct uv_loop_s *loop, struct loop_handle *handles, int room);
// Waits until something happens, and runs the callbacks. Returns whether the loop has more to do.
int turn_loop(struct uv_loop_s *loop);

#endif
