// Runs in: template and child. Takes the place of functions of the C library for Node's own code.
//
// A template is started with this library in LD_PRELOAD, so that its functions come before the C library's: from Node's first call
// on, and by the dynamic linker's own rules. In an owner the library is loaded by dlopen() and takes the place of nothing.
#ifndef FORKSERVER_INTERPOSE_H
#define FORKSERVER_INTERPOSE_H

// Whether this process was started with the library in LD_PRELOAD.
int is_interposed(void);
// While it is set, a thread that cannot be created is told to it, with the errno; it does not return.
extern void (*thread_failed)(int error);
// Called before each pthread_join, where it is set.
extern void (*before_join)(void);

#endif
