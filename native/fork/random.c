// Runs in: template and child. See random.h.
//
// Math.random() takes doubles from a cache of 64 that belongs to its context, and fills the cache from a xorshift128+
// state in the same context. A context that has no state yet takes one from a generator of the isolate. A fork copies
// all three, so siblings drew the same numbers. Replacing the function would not reach references that a preloaded
// module holds, and would make calls slower. So the states themselves get fresh bits. No interface gives their
// addresses. They are searched for once, and used only if the numbers in them follow from one another as V8 computes
// them (for other memory the chance is less than 2^-50). Sources: V8's src/numbers/math-random.cc,
// src/base/utils/random-number-generator.cc; the generator is Vigna's xorshift128+.
#include "random.h"
#include "memory-search.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#define CACHE_SIZE 64
#define STATE_BYTES 16
#define ISOLATE_WORDS (16 * 1024)
// V8 draws from the generator for each object that becomes a key of a Map or a WeakMap, so a program with loaders is
// thousands of steps from the seed. A candidate costs 2 ns a step.
#define MAX_STEPS (1 << 20)

// A tagged value is a small integer in its upper half, or a pointer to an object with its lowest bit set.
typedef uint64_t tagged;
enum { MAP, LENGTH, CONTENT };                   // the words of an array on V8's heap
enum { INDEX_SLOT, STATE_SLOT, CACHE_SLOT };     // their order in a native context

static int first_slot = 0;        // where these begin in a native context; 0 until they are found
static uint64_t *generator = NULL; // of the isolate: seed, state0, state1
static uint64_t expected[2];       // the state from which the next number comes

static uint64_t *object_at(tagged value) {
  return (value & 3) == 1 ? (uint64_t *)(value - 1) : NULL;
}

// The number is in the upper half of its word, as a small integer. In newer V8 it is in the lower half, unchanged.
static uint64_t *array_of(tagged value, uint32_t length, size_t content_words) {
  uint64_t words[CONTENT + CACHE_SIZE];
  uint64_t *object = object_at(value);
  if (!object || !peek(object, words, (CONTENT + content_words) * sizeof *words)) return NULL;
  return words[LENGTH] == (uint64_t)length << 32 || (uint32_t)words[LENGTH] == length ? object + CONTENT : NULL;
}

static void step(uint64_t *state0, uint64_t *state1) {
  uint64_t a = *state0, b = *state1;
  *state0 = b;
  a ^= a << 23;
  a ^= a >> 17;
  a ^= b;
  a ^= b >> 26;
  *state1 = a;
}

// V8 up to Node 20 fills the mantissa of a double between 1 and 2, later V8 scales 53 bits; since Node 26 they are
// those of the sum.
static int is_number_of(double number, const uint64_t state[2]) {
  uint64_t bits = state[0] >> 12 | 0x3ff0000000000000;
  double older;
  memcpy(&older, &bits, sizeof older);
  if (number == older - 1 || number == (double)(state[0] >> 11) * 0x1p-53) return 1;
  return number == (double)((state[0] + state[1]) >> 11) * 0x1p-53;
}

static uint64_t *context_words(void *context) {
  return object_at(*(tagged *)context); // a handle points to a tagged pointer
}

static int find_slots(void *context) {
  uint64_t *words = context_words(context);
  uint64_t length;
  if (!words || !peek(words + LENGTH, &length, sizeof length)) return -1;
  size_t slots = (size_t)(length >> 32 ? length >> 32 : (uint32_t)length);
  for (size_t slot = CONTENT; slot + CACHE_SLOT < slots + CONTENT && slot < 1024; slot++) {
    uint64_t at[3];
    if (!peek(words + slot, at, sizeof at)) return -1;
    if ((uint32_t)at[INDEX_SLOT] != 0 || at[INDEX_SLOT] >> 32 > CACHE_SIZE) continue;
    uint64_t *state = array_of(at[STATE_SLOT], STATE_BYTES, 2);
    double *cache = (double *)array_of(at[CACHE_SLOT], CACHE_SIZE, CACHE_SIZE);
    if (!state || !cache || !is_number_of(cache[CACHE_SIZE - 1], state)) continue;
    first_slot = (int)slot;
    return 0;
  }
  return -1;
}

static uint64_t hash(uint64_t h) { // the finalizer of MurmurHash3
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccd;
  h ^= h >> 33;
  h *= 0xc4ceb9fe1a85ec53;
  h ^= h >> 33;
  return h;
}

static int is_generator(const uint64_t words[3]) {
  uint64_t state0 = hash(words[0]), state1 = hash(~state0);
  for (int i = 0; i < MAX_STEPS; i++, step(&state0, &state1))
    if (state0 == words[1] && state1 == words[2]) return 1;
  return 0;
}

// Pointers and small numbers, of which memory is full, have no bits at the top; of random words, one in 2^16 has none.
static int looks_random(uint64_t word) {
  return word >> 48 != 0;
}

// V8 makes the generator on the main thread, with malloc. So it lies in the heap of the C library, which can be read
// as it is.
static int find_generator(void *isolate) {
  static uint64_t words[ISOLATE_WORDS];
  uint64_t from, to;
  if (find_heap(&from, &to) != 0) return -1;
  const size_t held = peek_words(isolate, words, ISOLATE_WORDS);
  for (int random_words = 3; random_words >= 0; random_words--) { // the likely ones first, because they are few
    for (size_t i = 0; i < held; i++) {
      if (words[i] % 16 != 0 || words[i] < from || words[i] > to - 3 * sizeof(uint64_t)) continue;
      uint64_t *found = (uint64_t *)words[i];
      if (looks_random(found[0]) + looks_random(found[1]) + looks_random(found[2]) != random_words) continue;
      if (found[0] == 0 || !is_generator(found)) continue;
      generator = found;
      return 0;
    }
  }
  return -1;
}

int find_random(void *isolate, void *context) {
  if (first_slot && generator) return 0;
  return find_slots(context) == 0 && find_generator(isolate) == 0 ? 0 : -1;
}

int reseed_random(void *context) {
  uint64_t fresh[4];
  if (getrandom(fresh, sizeof fresh, 0) != sizeof fresh) return -errno;
  for (int i = 0; i < 4; i++) fresh[i] |= i % 2 == 0; // never both words of a state 0: V8 takes that for no state
  uint64_t *slot = context_words(context) + first_slot;
  uint64_t *state = object_at(slot[STATE_SLOT]) + CONTENT;
  memcpy(state, fresh, STATE_BYTES);
  slot[INDEX_SLOT] = 0; // the cache is used up
  memcpy(generator + 1, fresh + 2, STATE_BYTES);
  memcpy(expected, fresh, STATE_BYTES);
  for (int i = 0; i < CACHE_SIZE; i++) step(&expected[0], &expected[1]); // the cache is emptied from its end
  return 0;
}

int is_reseeded(double number) {
  return is_number_of(number, expected);
}
