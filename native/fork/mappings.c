// Runs in: template. See mappings.h.
#include "mappings.h"
#include "../os/numbers.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

// The flags in smaps (proc_pid_smaps(5)) of a plain mapping: what may be done with it, whether its memory is counted,
// advice about huge pages and about samepages.
static const char *const plain_flags[] = {"rd", "wr", "ex", "sh", "mr", "mw", "me", "ms",
                                          "ac", "nr", "hg", "nh", "mg", "sd"};

static int are_plain(const char *flags) {
  for (const char *flag = flags; *flag; flag += strspn(flag, " \n")) {
    size_t known = 0, all = sizeof plain_flags / sizeof *plain_flags;
    while (known < all && strncmp(flag, plain_flags[known], 2) != 0) known++;
    if (known == all) return 0;
    flag += strcspn(flag, " \n");
  }
  return 1;
}

static const char *next_word(const char *text) {
  text += strcspn(text, " \n");
  return text + strspn(text, " ");
}

// A line of /proc/<pid>/maps: from-to access offset device inode name
static int parse(const char *line, struct mapping *mapping) {
  uint64_t from, to;
  if (!read_range(line, &from, &to)) return 0;
  mapping->from = (uintptr_t)from;
  mapping->to = (uintptr_t)to;
  const char *access = next_word(line);
  mapping->protection = (access[0] == 'r' ? PROT_READ : 0) | (access[1] == 'w' ? PROT_WRITE : 0) |
                        (access[2] == 'x' ? PROT_EXEC : 0);
  mapping->is_private = access[3] == 'p';
  const char *inode = next_word(next_word(next_word(access)));
  if (!read_number(inode, 10, &mapping->inode)) return 0;
  const char *name = next_word(inode);
  size_t length = strcspn(name, " \n");
  if (length >= sizeof mapping->name) length = sizeof mapping->name - 1;
  memcpy(mapping->name, name, length);
  mapping->name[length] = 0;
  return 1;
}

int list_mappings(mapping_listener listener, void *argument) {
  FILE *maps = fopen("/proc/self/maps", "re");
  if (!maps) return -errno;
  char line[512];
  struct mapping mapping;
  int error = 0;
  while (!error && fgets(line, sizeof line, maps))
    if (parse(line, &mapping)) error = listener(&mapping, argument);
  fclose(maps);
  return error;
}

int list_plain_mappings(mapping_listener listener, void *argument) {
  FILE *maps = fopen("/proc/self/smaps", "re");
  if (!maps) return -errno;
  char line[512];
  struct mapping mapping;
  int error = 0, has_key = 0;
  // A mapping's first line begins with its address, in small letters. "VmFlags:" is its last line.
  while (!error && fgets(line, sizeof line, maps)) {
    if (line[0] < 'A' || line[0] > 'Z') {
      has_key = !parse(line, &mapping);
    } else if (strncmp(line, "ProtectionKey:", 14) == 0) {
      has_key |= line[14 + strspn(line + 14, " ")] != '0';
    } else if (strncmp(line, "VmFlags: ", 9) == 0 && !has_key && are_plain(line + 9)) {
      error = listener(&mapping, argument);
    }
  }
  fclose(maps);
  return error;
}
