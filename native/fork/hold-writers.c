// Runs in: template. See hold-writers.h.
//
// Threads wait for work now, but a timer may wake one: V8 has tasks that are due some seconds after it compiled
// WebAssembly. What such a thread wrote to a page that is copied already would be lost. So the pages are read-only
// while they are copied, and a thread that writes to one waits in the handler of SIGSEGV until they are replaced. Then
// it writes to the new page.
#include "hold-writers.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

static _Atomic(uintptr_t) held_from, held_to;
static struct sigaction handler_before;

static void wait_for_page(int signal, siginfo_t *info, void *context) {
  const uintptr_t at = (uintptr_t)info->si_addr;
  const struct timespec pause = {0, 100000};
  if (at >= held_from && at < held_to) {
    const int before = errno;
    while (at >= held_from && at < held_to) nanosleep(&pause, NULL);
    errno = before;
  } else if (handler_before.sa_flags & SA_SIGINFO) {
    handler_before.sa_sigaction(signal, info, context);
  } else {
    sigaction(SIGSEGV, &handler_before, NULL); // the instruction is executed again, and meets what was there before
  }
}

void begin_holding(void) {
  struct sigaction handler = {.sa_sigaction = wait_for_page, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGSEGV, &handler, &handler_before);
}

void end_holding(void) { sigaction(SIGSEGV, &handler_before, NULL); }

int hold_writers(uintptr_t from, uintptr_t to) {
  held_to = to;
  held_from = from;
  return mprotect((void *)from, to - from, PROT_READ) == 0 ? 0 : -errno;
}

void release_writers(int protection) {
  if (protection != REPLACED) mprotect((void *)held_from, held_to - held_from, protection);
  held_to = held_from = 0;
}
