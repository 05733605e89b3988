// Runs in: template. See heap.h.
//
// V8 marks what it maps MADV_DONTFORK, so that a program with a big heap forks (and execs) quickly; the first bytecode fetch of a
// plain fork then faults. Undoing the marks means to read /proc/self/maps, 0.13 to 0.2 ms, and before every fork, because the heap
// may have grown since. So it is done once, and from then on V8's marks are not made: Node calls madvise through a slot of its
// global offset table, which is made to point to a function of ours. That also covers what a background thread maps between the
// reading and the fork, and leaves alone what other libraries keep out of forks on purpose (they have slots of their own).
#include "heap.h"
#include "redirect.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *read_hex(const char *at, unsigned long *value) {
  unsigned long n = 0;
  for (;; at++) {
    unsigned digit = (unsigned)(*at - '0');
    if (digit > 9) {
      digit = (unsigned)(*at - 'a');
      if (digit > 5) break;
      digit += 10;
    }
    n = n << 4 | digit;
  }
  *value = n;
  return at;
}

// One line of /proc/self/maps, "from-to perms offset major:minor inode [name]": marked if it is private and has no file. Named
// kernel areas ([stack], [vdso]) were never marked by V8; [heap] and [anon:...] are harmless to mark again.
static void mark_line(const char *line) {
  unsigned long from, to, ignored;
  line = read_hex(line, &from);
  line = read_hex(line + 1, &to);
  if (line[4] != 'p') return;
  line = read_hex(line + 6, &ignored);
  line = read_hex(line + 1, &ignored);
  line = read_hex(line + 1, &ignored);
  if (line[1] != '0') return; // an inode: a file
  madvise((void *)from, to - from, MADV_DOFORK);
}

static int is_kept = 0;   // V8's marks are not made any more
static int is_marked = 0; // and those made before are undone

static int madvise_inherited(void *from, size_t length, int advice) {
  return advice == MADV_DONTFORK ? 0 : madvise(from, length, advice);
}

int keep_heap_inherited(void) {
  is_kept = redirect("madvise", (void *)madvise_inherited) == 0;
  return is_kept ? 0 : -1;
}

int mark_heap_inherited(void) {
  if (is_kept && is_marked) return 0;
  static char text[64 * 1024];
  int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  size_t held = 0;
  for (;;) {
    ssize_t got = read(fd, text + held, sizeof text - 1 - held);
    if (got <= 0) break;
    held += (size_t)got;
    text[held] = 0;
    char *line = text, *end;
    for (; (end = strchr(line, '\n')); line = end + 1) mark_line(line);
    held -= (size_t)(line - text);
    memmove(text, line, held);
  }
  close(fd);
  is_marked = 1;
  return 0;
}
