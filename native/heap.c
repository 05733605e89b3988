// Runs in: template. See heap.h.
//
// V8 marks what it maps MADV_DONTFORK, so that a program with a big heap forks (and execs) quickly; the first bytecode fetch of a
// plain fork then faults. Undoing the marks means to read /proc/self/maps, 0.13 to 0.2 ms, and before every fork, because the heap
// may have grown since. So it is done once, and from then on V8's marks are not made: Node calls madvise through a slot of its
// global offset table, which is made to point to a function of ours. That also covers what a background thread maps between the
// reading and the fork, and leaves alone what other libraries keep out of forks on purpose (they have slots of their own).
#include "heap.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
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

#if __ELF_NATIVE_CLASS == 64
#define SYMBOL_OF ELF64_R_SYM
#else
#define SYMBOL_OF ELF32_R_SYM
#endif

static int is_kept = 0;   // V8's marks are not made any more
static int is_marked = 0; // and those made before are undone

static int madvise_inherited(void *from, size_t length, int advice) {
  return advice == MADV_DONTFORK ? 0 : madvise(from, length, advice);
}

struct program {
  ElfW(Addr) base;
  const ElfW(Rela) * slots;
  size_t slots_bytes;
  const ElfW(Sym) * symbols;
  const char *names;
};

// The program itself comes first, before its libraries.
static int read_program(struct dl_phdr_info *info, size_t size, void *found) {
  (void)size;
  struct program *program = found;
  program->base = info->dlpi_addr;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    if (info->dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    for (const ElfW(Dyn) *entry = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr); entry->d_tag != DT_NULL; entry++) {
      const void *address = (const void *)entry->d_un.d_ptr;
      if (entry->d_tag == DT_JMPREL) program->slots = address;
      if (entry->d_tag == DT_PLTRELSZ) program->slots_bytes = entry->d_un.d_val;
      if (entry->d_tag == DT_SYMTAB) program->symbols = address;
      if (entry->d_tag == DT_STRTAB) program->names = address;
    }
  }
  return 1;
}

static void **find_slot(const char *function) {
  struct program program = {0};
  dl_iterate_phdr(read_program, &program);
  if (!program.slots || !program.symbols || !program.names) return NULL;
  for (size_t i = 0; i < program.slots_bytes / sizeof *program.slots; i++) {
    const ElfW(Rela) *slot = &program.slots[i];
    if (strcmp(program.names + program.symbols[SYMBOL_OF(slot->r_info)].st_name, function) == 0)
      return (void **)(program.base + slot->r_offset);
  }
  return NULL;
}

int keep_heap_inherited(void) {
  void **slot = find_slot("madvise");
  if (!slot) return -1;
  // The table is read-only after start-up. Writing through /proc/self/mem needs no change of its protection, which other threads
  // could see.
  int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  if (memory < 0) return -1;
  void *ours = (void *)madvise_inherited;
  is_kept = pwrite(memory, &ours, sizeof ours, (off_t)(uintptr_t)slot) == sizeof ours && *(void *volatile *)slot == ours;
  close(memory);
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
