// Runs in: template. See huge-text.h.
//
// A child shares the page cache's pages of Node's code with its template, but not the template's page tables for them.
// So each child takes about 130 faults to map the code that it executes, 64 KiB at a time, and unmaps it at its exit.
// Anonymous huge pages are inherited with their tables: one entry is copied for 2 MiB, and a child takes no fault.
// Node's own --use-largepages does the same, but Node 26 dropped it.
#include "huge-text.h"
#include "../os/numbers.h"
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE ((uintptr_t)2 << 20)
#define HUGE_LINE "AnonHugePages:"

struct range {
  uintptr_t from, to;
};

// The program itself comes first, before its libraries. The largest of its executable parts is its code. Only whole
// huge pages of it move.
static int find_text(struct dl_phdr_info *info, size_t size, void *found) {
  (void)size;
  struct range *text = found;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
    uintptr_t start = info->dlpi_addr + part->p_vaddr;
    struct range whole = {(start + HUGE - 1) & ~(HUGE - 1), (start + part->p_memsz) & ~(HUGE - 1)};
    if (whole.to > whole.from && whole.to - whole.from > text->to - text->from) *text = whole;
  }
  return 1;
}

// How much of the mapping that begins at `from` is in huge pages, by the kernel's own account.
static size_t huge_bytes(uintptr_t from) {
  FILE *maps = fopen("/proc/self/smaps", "re");
  if (!maps) return 0;
  char line[512];
  int is_here = 0;
  uint64_t kilobytes = 0;
  while (fgets(line, sizeof line, maps)) {
    uint64_t start, end;
    if (read_range(line, &start, &end)) is_here = start <= from && from < end;
    else if (is_here && strncmp(line, HUGE_LINE, strlen(HUGE_LINE)) == 0) {
      const char *value = line + strlen(HUGE_LINE);
      read_number(value + strspn(value, " "), 10, &kilobytes);
      break;
    }
  }
  fclose(maps);
  return kilobytes << 10;
}

long move_text_to_huge_pages(void) {
  struct range text = {0, 0};
  dl_iterate_phdr(find_text, &text);
  size_t size = text.to - text.from;
  if (size == 0) return 0;
  char *room = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return -errno;
  char *copy = (char *)(((uintptr_t)room + HUGE - 1) & ~(HUGE - 1));
  if (copy > room) munmap(room, (size_t)(copy - room));
  munmap(copy + size, (size_t)(room + HUGE - copy));
  int error = madvise(copy, size, MADV_HUGEPAGE) == 0 ? 0 : errno;
  if (!error) memcpy(copy, (const void *)text.from, size);
  // In small pages it would be worse than before: thousands of entries to copy at every fork.
  int is_huge = !error && huge_bytes((uintptr_t)copy) == size;
  if (is_huge && mprotect(copy, size, PROT_READ | PROT_EXEC) != 0) error = errno;
  // One step for the kernel: other threads execute the old pages before it and the new ones after it.
  if (is_huge && !error) {
    const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    if (mremap(copy, size, size, flags, (void *)text.from) != MAP_FAILED) return (long)size;
    error = errno;
  }
  munmap(copy, size);
  return -error;
}
