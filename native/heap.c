// Runs in: template. See heap.h.
//
// V8 marks what it maps MADV_DONTFORK, so that a program with a big heap forks (and execs) quickly; the first bytecode fetch of a
// plain fork then faults. Every fork needs the mark undone anew, because the heap may have grown since.
#include "heap.h"
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

int mark_heap_inherited(void) {
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
  return 0;
}
