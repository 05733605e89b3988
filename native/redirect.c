// Runs in: template. See redirect.h.
#include "redirect.h"
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#if __ELF_NATIVE_CLASS == 64
#define SYMBOL_OF ELF64_R_SYM
#else
#define SYMBOL_OF ELF32_R_SYM
#endif

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

int redirect(const char *function, void *ours) {
  void **slot = find_slot(function);
  if (!slot) return -1;
  // The table is read-only after start-up. Writing through /proc/self/mem needs no change of its protection, which other threads
  // could see.
  int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  if (memory < 0) return -1;
  int is_written = pwrite(memory, &ours, sizeof ours, (off_t)(uintptr_t)slot) == sizeof ours;
  close(memory);
  return is_written && *(void *volatile *)slot == ours ? 0 : -1;
}
