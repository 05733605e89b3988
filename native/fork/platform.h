// Runs in: template and child. The only file that knows symbols of Node and V8 that are not Node-API. They are found
// by name at run time (dlsym). A Node that lacks one that is needed is not forked.
#ifndef FORKSERVER_PLATFORM_H
#define FORKSERVER_PLATFORM_H
#include <stddef.h>

// NULL if all is there, or the symbol that is missing.
const char *find_platform(void);
// Runs the foreground tasks that wait, and lets the worker threads finish their tasks.
void drain_platform(void);
// Collects all garbage, also that of finalizers and weak references, and shrinks the space of young objects. If it can,
// V8 then forgets what this collection says about the next ones: see platform.c.
void collect_garbage(int forget_limit);
// In a newborn child: gives Node's platform new worker threads. 0, or -1 if the layout is not the known one.
int revive_platform(int threads);
// Checks the layout that revive_platform needs, without starting a thread. 0 or -1.
int check_platform_layout(void);
// Finds the states of Math.random(), which must have been called once. 0, or -1 if they are not in the known form.
int check_random(void);
// In a newborn child: Math.random() continues from fresh bits (random.h). 0 or -errno.
int renew_random(void);
// Finds where Node keeps the time at which the process began (clock.h). 0 or -1.
int find_beginning(long long origin_us, long long earliest_ns, long long latest_ns);
// Sets the limit of the old generation of V8's heap. 0, or -ENOSYS if it cannot.
int set_heap_limit(size_t bytes);
// Makes `name` ICU's default locale and lets V8 forget the one that it noted. `icu` is ICU's major version, which its
// symbols carry. 0, or -ENOSYS if this Node exports neither (a build without Intl).
int set_locale(const char *name, int icu);
// Lets `leave` run when Node tears the environment down: after the 'exit' event, and after an uncaught error was
// printed.
int call_at_exit(void (*leave)(void *), void *argument);

#endif
