// Runs in: template, and in the child until its first line of JavaScript. See group-signals.h.
//
// Ctrl-C, Ctrl-\, a terminal that closes and a service manager that stops a service signal all processes of a group.
// The owner decides what ends then. A template that died of the signal could start no more children, and could not tell
// its owner how the others ended. It does not need the signal either, because it ends as soon as its last owner's
// connection ends.
//
// SIGUSR1 opens the debugger of a plain Node, on a TCP port that every user of the machine can reach. A template holds
// the state of all future children, so it ignores this signal, too. In a child Node's handler does nothing, because it
// wakes a thread that only the template has.
#include "group-signals.h"
#include "../os/stdio-state.h"
#include <signal.h>
#include <stddef.h>

enum { COUNT = 5 };
static const int numbers[COUNT] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1};
static struct {
  struct sigaction action;
  int is_kept;
} of_child[COUNT];

static int is_ignored(const struct sigaction *action) {
  return !(action->sa_flags & SA_SIGINFO) && action->sa_handler == SIG_IGN;
}

void ignore_group_signals(void) {
  for (int i = 0; i < COUNT; i++) {
    struct sigaction now;
    if (sigaction(numbers[i], NULL, &now) != 0 || is_ignored(&now)) continue;
    of_child[i].action = now;
    of_child[i].is_kept = 1;
    signal(numbers[i], SIG_IGN);
  }
}

static void end_by_signal(int number) {
  restore_stdio();
  raise(number); // SA_RESETHAND: the signal has its default action again, and is delivered when this handler returns
}

void restore_group_signals(void) {
  for (int i = 0; i < COUNT; i++) {
    if (!of_child[i].is_kept) continue;
    struct sigaction *action = &of_child[i].action;
    // Node's own handler, the only one with this flag, restores the standard streams of the
    // template. This one restores those of the child.
    if (action->sa_flags & SA_RESETHAND) {
      action->sa_flags &= ~SA_SIGINFO;
      action->sa_handler = end_by_signal;
    }
    sigaction(numbers[i], action, NULL);
  }
}
