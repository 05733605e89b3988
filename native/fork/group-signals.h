// Runs in: template, and in the child until its first line of JavaScript. Signals that reach a whole process group at
// once, and the signal that opens a debugger.
#ifndef FORKSERVER_GROUP_SIGNALS_H
#define FORKSERVER_GROUP_SIGNALS_H

// From here on this process ignores SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGUSR1. Call it again after code of the user
// has run: a listener that the code installed is kept for the children, and this process ignores its signal, too.
void ignore_group_signals(void);
// In a newborn child: these signals do what they would do in a plain Node process that ran the same code.
void restore_group_signals(void);

#endif
