// Runs in: owner. See reap-later.h. libuv waits for a child process on the event loop of the thread that started it. If
// that thread is terminated, nobody waits, and the child would stay as a zombie.
#include "reap-later.h"
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/wait.h>

#define STACK_BYTES (64 * 1024)

static void *wait_for(void *pid) {
  while (waitpid((pid_t)(intptr_t)pid, NULL, 0) < 0 && errno == EINTR);
  return NULL;
}

void reap_later(int pid) {
  pthread_attr_t attributes;
  pthread_t thread;
  if (pthread_attr_init(&attributes) != 0) return;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  pthread_create(&thread, &attributes, wait_for, (void *)(intptr_t)pid);
  pthread_attr_destroy(&attributes);
}
