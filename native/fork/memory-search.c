// Runs in: template. See memory-search.h.
#include "memory-search.h"
#include "../os/numbers.h"
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

int peek(const void *from, void *into, size_t bytes) {
  struct iovec here = {into, bytes}, there = {(void *)from, bytes};
  return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)bytes;
}

size_t peek_words(const void *from, uint64_t *into, size_t count) {
  while (count > 0 && !peek(from, into, count * sizeof *into)) count /= 2;
  return count;
}

int find_heap(uint64_t *from, uint64_t *to) {
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[512];
  int is_found = 0;
  while (maps && !is_found && fgets(line, sizeof line, maps))
    is_found = strstr(line, "[heap]") && read_range(line, from, to);
  if (maps) fclose(maps);
  return is_found ? 0 : -1;
}

struct search {
  uint64_t least, most;
  const uint64_t *except;
  uint64_t *found;
  size_t count;
};

// The program comes first, before its libraries: 1 ends the walk.
static int search_program(struct dl_phdr_info *info, size_t size, void *argument) {
  (void)size;
  struct search *search = argument;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_W)) continue;
    uint64_t *from = (uint64_t *)((info->dlpi_addr + part->p_vaddr + 7) & ~7UL);
    uint64_t *to = (uint64_t *)((info->dlpi_addr + part->p_vaddr + part->p_memsz) & ~7UL);
    for (uint64_t *word = from; word < to; word++) {
      if (*word < search->least || *word > search->most || word == search->except) continue;
      search->found = word;
      search->count++;
    }
  }
  return 1;
}

size_t find_globals(uint64_t least, uint64_t most, const uint64_t *except, uint64_t **found) {
  struct search search = {least, most, except, NULL, 0};
  dl_iterate_phdr(search_program, &search);
  *found = search.found;
  return search.count;
}
