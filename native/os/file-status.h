// Runs in: every process. fstat(2). glibc has a function of this name since 2.33 only; before, <sys/stat.h> called
// another one. A binary that was made with a new glibc would not load with an old one. On these processors struct stat
// is what the kernel fills in.
#ifndef FORKSERVER_FILE_STATUS_H
#define FORKSERVER_FILE_STATUS_H

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int file_status(int fd, struct stat *status) {
#if defined(__x86_64__) || defined(__aarch64__)
  return (int)syscall(SYS_fstat, fd, status);
#else
  return fstat(fd, status);
#endif
}

#endif
