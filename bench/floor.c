/* Runs in: a process of its own, started by a benchmark. Measures what fork, exit and wait cost in the kernel, two at a
 * time, for a process with as much resident anonymous memory as the template. It has no runtime and no sockets, and its
 * children do nothing, or they write to some of its pages, which the kernel has to copy for them.
 *
 * usage: floor <bytes> [<pages that a child writes to>]
 * Answers each line "rate <milliseconds>" on stdin with "<processes> <nanoseconds>", and
 * "start 1" with the nanoseconds to the first line, to the result and to the end of one process. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { AT_A_TIME = 2 };

static long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static char *memory;
static size_t bytes, written, page;

/* The pages lie apart, as those that a program writes to. */
static void write_pages(void) {
  for (size_t i = 0; i < written; i++) memory[bytes / page * i / written * page] = 2;
}

static void fork_one(void) {
  pid_t pid = fork();
  if (pid == 0) {
    write_pages();
    _exit(0);
  }
  if (pid < 0) {
    perror("fork");
    exit(1);
  }
}

static void wait_one(void) {
  int status;
  if (wait(&status) < 0 || status != 0) {
    perror("wait");
    exit(1);
  }
}

/* The child sends its clock through a pipe: the least that has a result. */
static void start_once(void) {
  int ends[2];
  if (pipe(ends) != 0) {
    perror("pipe");
    exit(1);
  }
  long long began = now_ns(), first;
  pid_t pid = fork();
  if (pid == 0) {
    first = now_ns();
    _exit(write(ends[1], &first, sizeof first) != sizeof first);
  }
  if (pid < 0 || read(ends[0], &first, sizeof first) != sizeof first) {
    perror("fork");
    exit(1);
  }
  long long result = now_ns();
  wait_one();
  long long end = now_ns();
  close(ends[0]);
  close(ends[1]);
  printf("%lld %lld %lld\n", first - began, result - began, end - began);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 3) return 2;
  bytes = strtoull(argv[1], NULL, 10);
  written = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
  page = (size_t)sysconf(_SC_PAGESIZE);
  memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("mmap");
    return 1;
  }
  /* Written to, because otherwise all pages are the kernel's one page of zeros. */
  for (size_t at = 0; at < bytes; at += page) memory[at] = 1;
  puts("ready");
  fflush(stdout);
  char command[8];
  int milliseconds;
  while (scanf("%7s %d", command, &milliseconds) == 2) {
    if (strcmp(command, "start") == 0) {
      start_once();
      continue;
    }
    long long start = now_ns(), end = start + milliseconds * 1000000LL;
    long processes = 0;
    for (int running = 0; running < AT_A_TIME; running++) fork_one();
    while (now_ns() < end) {
      wait_one();
      processes++;
      fork_one();
    }
    for (int running = 0; running < AT_A_TIME; running++, processes++) wait_one();
    printf("%ld %lld\n", processes, now_ns() - start);
    fflush(stdout);
  }
  return 0;
}
