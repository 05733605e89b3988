// Runs in: template; zero_flat also in child. See flat.h.
//
// fork(2) copies an entry of the page tables for each page of anonymous memory, and an exit frees it again: 27 ms for
// 1 GB. The kernel copies none for a private mapping of a file that nobody has written to: the child takes a fault for
// what it touches, 16 pages at a time. So the memory that the preload left goes into a file without a name.
//
// The offset in the file is the address. So neighbours stay one mapping for the kernel, and a mapping that mremap(2)
// enlarges (realloc) does not reach the end of the file.
#include "flat.h"
#include "hold-writers.h"
#include "mappings.h"
#include "../os/file-status.h"
#include "quiesce.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE ((uintptr_t)4096)
#define LEAST_BYTES ((uintptr_t)64 << 10) // smaller mappings cost a fork nothing that can be measured
#define STEP_BYTES ((uintptr_t)16 << 20)  // what is in memory twice at a time
#define MAX_MAPPINGS 8192
#define MAX_KEPT 4096 // pages of a mapping that differ from the file
#define FILE_BYTES ((off_t)1 << 47) // all addresses of a process; the file is sparse
#define FIRST_DESCRIPTOR 64         // above those that have a place in a template or a child

// Bits of an entry in /proc/self/pagemap: the kernel's Documentation/admin-guide/mm/pagemap.rst.
#define PRESENT ((uint64_t)1 << 63)
#define SWAPPED ((uint64_t)1 << 62)
#define OF_FILE ((uint64_t)1 << 61) // not a private copy

static int file = -1;
static ino_t inode;
static struct mapping flat_parts[MAX_MAPPINGS]; // what was replaced, by address
static size_t part_count = 0;

// What is written between the copy of a mapping and its replacement, except the stack. It is not replaced itself.
static struct scratch {
  uint64_t pages[STEP_BYTES / PAGE];
  struct mapping mappings[MAX_MAPPINGS];
  size_t count;
  uintptr_t kept[MAX_KEPT];
  size_t kept_count;
  char original[PAGE]; // a page of the file
} *scratch;

static int pagemap;

static int holds(const struct mapping *mapping, const void *address) {
  return (uintptr_t)address >= mapping->from && (uintptr_t)address < mapping->to;
}

// The stack and the thread-local storage (errno) of this thread, the scratch, and the variables of this library.
static int is_in_use(const struct mapping *mapping) {
  return holds(mapping, &mapping) || holds(mapping, &errno) || holds(mapping, scratch) || holds(mapping, &part_count);
}

static int add(const struct mapping *mapping) {
  if (scratch->count < MAX_MAPPINGS) scratch->mappings[scratch->count++] = *mapping;
  return 0; // the others stay as they are
}

// V8 changes the protection of its code. Some policies forbid that for files, so code stays.
static int add_anonymous(const struct mapping *mapping, void *unused) {
  (void)unused;
  const int has_no_name = !mapping->name[0] || strcmp(mapping->name, "[heap]") == 0 ||
                          strncmp(mapping->name, "[anon", 5) == 0;
  if (mapping->inode || !has_no_name || !mapping->is_private || mapping->to - mapping->from < LEAST_BYTES) return 0;
  if (!(mapping->protection & PROT_READ) || mapping->protection & PROT_EXEC || is_in_use(mapping)) return 0;
  // A thread that meets a protected page needs its stack to wait (hold-writers.h).
  return holds_stack(mapping->from, mapping->to) ? 0 : add(mapping);
}

static int add_of_file(const struct mapping *mapping, void *unused) {
  (void)unused;
  if (mapping->inode != inode || strncmp(mapping->name, "/memfd:", 7) != 0) return 0;
  return mapping->protection & PROT_READ ? add(mapping) : 0;
}

// MAP_FIXED unmaps what was there before the kernel counts the new mapping. So it must not fail for want of memory.
static int counts_strictly(void) {
  char policy = '0';
  int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t got = read(fd, &policy, 1);
  close(fd);
  return got == 1 && policy == '2';
}

static int is_zero(const char *page) {
  return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

static int write_all(uintptr_t from, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    ssize_t wrote = pwrite(file, (char *)from + done, bytes - done, (off_t)(from + done));
    if (wrote <= 0) return wrote < 0 ? -errno : -EIO;
    done += (size_t)wrote;
  }
  return 0;
}

static int look_up(uintptr_t from, size_t pages) {
  const ssize_t size = (ssize_t)(pages * sizeof *scratch->pages);
  const ssize_t got = pread(pagemap, scratch->pages, (size_t)size, (off_t)(from / PAGE * sizeof *scratch->pages));
  if (got == size) return 0;
  return got < 0 ? -errno : -EIO;
}

static void *map_file(void *at, const struct mapping *mapping, uintptr_t from, uintptr_t to) {
  const int flags = MAP_PRIVATE | MAP_NORESERVE | (at ? MAP_FIXED : 0);
  return mmap(at, to - from, mapping->protection, flags, file, (off_t)from);
}

// The pages that are in memory and hold something; the file has zeros for the others without any page. Returns how many
// bytes were written, or -errno.
static long copy_all(uintptr_t from, uintptr_t to) {
  const size_t pages = (to - from) / PAGE;
  int error = look_up(from, pages);
  if (error) return error;
  long written = 0;
  for (size_t page = 0, end; page < pages; page = end + 1) {
    for (end = page; end < pages; end++)
      if (!(scratch->pages[end] & (PRESENT | SWAPPED)) || is_zero((char *)(from + end * PAGE))) break;
    if (end == page) continue;
    if ((error = write_all(from + page * PAGE, (end - page) * PAGE)) != 0) return error;
    written += (long)((end - page) * PAGE);
  }
  return written;
}

static int replace(const struct mapping *mapping, struct flat *flat) {
  struct mapping *part = &flat_parts[part_count];
  *part = *mapping;
  for (uintptr_t from = mapping->from, to; from < mapping->to; from = to) {
    to = mapping->to - from > STEP_BYTES ? from + STEP_BYTES : mapping->to;
    int error = hold_writers(from, to);
    const long written = error ? error : copy_all(from, to);
    error = written < 0 ? (int)written : 0;
    if (!error && map_file((void *)from, mapping, from, to) == MAP_FAILED) error = -errno;
    if (!error) { // also if a later step fails: this one is of the file
      part->to = to;
      part_count = (size_t)(part - flat_parts) + 1;
    }
    release_writers(error ? mapping->protection : REPLACED);
    if (error) return error;
    flat->bytes += (size_t)written;
  }
  flat->mappings++;
  return 0;
}

// Walks over the private copies of pages that differ from the file. Returns how many other pages are in memory, or
// -errno.
static long each_changed(uintptr_t from, uintptr_t to, int (*change)(uintptr_t page)) {
  long same = 0;
  for (uintptr_t start = from, end; start < to; start = end) {
    end = to - start > STEP_BYTES ? start + STEP_BYTES : to;
    int error = look_up(start, (end - start) / PAGE);
    for (uintptr_t at = start; !error && at < end; at += PAGE) {
      const uint64_t page = scratch->pages[(at - start) / PAGE];
      if (!(page & (PRESENT | SWAPPED))) continue;
      const int is_changed = !(page & OF_FILE) && (pread(file, scratch->original, PAGE, (off_t)at) != (ssize_t)PAGE ||
                                                   memcmp(scratch->original, (void *)at, PAGE) != 0);
      if (is_changed) error = change((uintptr_t)at);
      else same++;
    }
    if (error) return error;
  }
  return same;
}

static int write_page(uintptr_t page) { return write_all(page, PAGE); }

static int keep_page(uintptr_t page) {
  if (scratch->kept_count == MAX_KEPT) return -E2BIG;
  scratch->kept[scratch->kept_count++] = page;
  return 0;
}

// Makes the new mapping elsewhere, puts the kept pages into it, and moves it over the old one in one step.
static int map_again(const struct mapping *mapping) {
  const size_t size = mapping->to - mapping->from;
  char *fresh = map_file(NULL, mapping, mapping->from, mapping->to);
  if (fresh == MAP_FAILED) return -errno;
  for (size_t i = 0; i < scratch->kept_count; i++)
    memcpy(fresh + (scratch->kept[i] - mapping->from), (void *)scratch->kept[i], PAGE);
  const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
  if (mremap(fresh, size, size, flags, (void *)mapping->from) != MAP_FAILED) return 0;
  int error = -errno;
  munmap(fresh, size);
  return error;
}

static int change_and_map(const struct mapping *mapping, int (*change)(uintptr_t page), struct flat *flat) {
  scratch->kept_count = 0;
  if (!(mapping->protection & PROT_WRITE)) return 0; // it has no copies of pages
  int error = hold_writers(mapping->from, mapping->to);
  const long gain = error ? error : each_changed(mapping->from, mapping->to, change);
  error = gain > 0 ? map_again(mapping) : (int)gain;
  release_writers(gain > 0 && !error ? REPLACED : mapping->protection);
  if (gain > 0 && !error) flat->mappings++;
  return error == -E2BIG ? 0 : error; // with so many it stays as it is
}

static int update(const struct mapping *mapping, struct flat *flat) {
  return change_and_map(mapping, write_page, flat);
}

static int renew(const struct mapping *mapping, struct flat *flat) {
  return change_and_map(mapping, keep_page, flat);
}

static int open_file(void) {
  int fd = memfd_create("forkserver-template", MFD_CLOEXEC);
  if (fd < 0) return -errno;
  int raised = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR), error = errno;
  close(fd);
  if (raised < 0) return -error;
  struct stat status;
  if (ftruncate(raised, FILE_BYTES) == 0 && file_status(raised, &status) == 0) {
    file = raised;
    inode = status.st_ino;
    return 0;
  }
  error = errno;
  close(raised);
  return -error;
}

typedef int (*lister)(mapping_listener listener, void *argument);

static int change_all(lister list, mapping_listener choose, int (*change)(const struct mapping *, struct flat *),
                      struct flat *flat) {
  *flat = (struct flat){0, 0};
  const size_t size = (sizeof *scratch + PAGE - 1) & ~(PAGE - 1);
  void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return -errno;
  scratch = room;
  pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  int error = pagemap < 0 ? -errno : list(choose, NULL);
  begin_holding();
  for (size_t i = 0; !error && i < scratch->count; i++) error = change(&scratch->mappings[i], flat);
  end_holding();
  if (pagemap >= 0) close(pagemap);
  munmap(room, size);
  return error;
}

int flatten_memory(struct flat *flat) {
  if (counts_strictly() || sysconf(_SC_PAGESIZE) != (long)PAGE) return -EPERM;
  int error = open_file();
  return error ? error : change_all(list_plain_mappings, add_anonymous, replace, flat);
}

int update_flat(struct flat *flat) { return change_all(list_mappings, add_of_file, update, flat); }

int renew_flat(struct flat *flat) { return change_all(list_mappings, add_of_file, renew, flat); }

void forget_flat(void) {
  if (file >= 0) close(file);
  file = -1;
}

// By the kernel, which returns EFAULT where a page cannot be written.
static int zero(uintptr_t from, uintptr_t to) {
  static const char zeros[1 << 16];
  while (from < to) {
    const size_t bytes = to - from < sizeof zeros ? to - from : sizeof zeros;
    struct iovec here = {(void *)zeros, bytes}, there = {(void *)from, bytes};
    if (process_vm_writev(getpid(), &here, 1, &there, 1, 0) != (ssize_t)bytes) return 0;
    from += bytes;
  }
  return 1;
}

int zero_flat(void *from, size_t bytes) {
  const uintptr_t start = (uintptr_t)from, end = start + bytes;
  for (size_t i = 0; i < part_count; i++)
    if (start < flat_parts[i].to && end > flat_parts[i].from) return zero(start, end);
  return 0;
}
