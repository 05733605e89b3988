// Runs in: every process. Numbers in text, such as the files of /proc. The functions of the C library for this have
// other names in other versions of glibc (sscanf is __isoc99_sscanf, and __isoc23_sscanf since 2.38). A binary that was
// made with a new glibc would not load with an old one.
#ifndef FORKSERVER_NUMBERS_H
#define FORKSERVER_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

static inline int digit_of(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  return 16; // a digit in no base
}

// Reads the digits at the beginning of the text. Returns what follows them, or NULL if there are none.
static inline const char *read_number(const char *text, int base, uint64_t *number) {
  if (!text || digit_of(*text) >= base) return NULL;
  for (*number = 0; digit_of(*text) < base; text++) *number = *number * (uint64_t)base + (uint64_t)digit_of(*text);
  return text;
}

// Reads the addresses with which a line of /proc/<pid>/maps begins. Returns whether there are two.
static inline int read_range(const char *line, uint64_t *from, uint64_t *to) {
  const char *rest = read_number(line, 16, from);
  return rest && *rest == '-' && read_number(rest + 1, 16, to);
}

#endif
