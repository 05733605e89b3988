// Runs in: template. Makes Node's own calls of a function of the C library come to us.
#ifndef FORKSERVER_REDIRECT_H
#define FORKSERVER_REDIRECT_H

// Node calls the C library through the slots of its global offset table; the slot of `function` gets our address. Libraries have
// slots of their own and are not concerned. 0, or -1 where there is no such slot or it cannot be written.
int redirect(const char *function, void *ours);

#endif
