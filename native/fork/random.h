// Runs in: template and child. V8's random numbers, which a fork copies with their state.
#ifndef FORKSERVER_RANDOM_H
#define FORKSERVER_RANDOM_H

// Finds the states behind Math.random(), which must have been called once in this context. 0, or -1 if V8 does not
// have them in the known form.
int find_random(void *isolate, void *context);
// In a newborn child: gives Math.random() of this context 128 fresh bits, and 128 to the generator that seeds
// contexts made later. 0 or -errno.
int reseed_random(void *context);
// Whether this number, the first of Math.random() after reseed_random(), comes from the fresh bits.
int is_reseeded(double number);

#endif
