// Runs in: template. Makes V8's heap survive fork.
#ifndef FORKSERVER_HEAP_H
#define FORKSERVER_HEAP_H

// Marks every private anonymous mapping as to be inherited by fork. 0 or -errno.
int mark_heap_inherited(void);

#endif
