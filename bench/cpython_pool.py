# Runs in: CPython, as the peer of `npm run bench -- pool`: its multiprocessing.Pool of two workers.
#
# The first line on stdout says what this Python is. Then each line on stdin is answered by one:
#   "imap <milliseconds> <chunksize>"    by "<tasks> <nanoseconds>"
#   "buffer <milliseconds> <bytes>"      by "<tasks> <nanoseconds>"
#   "concurrent <times> <start method>"  by the nanoseconds of each
import itertools
import json
import multiprocessing
import platform
import sys
import time

PROCESSES = 2
TASKS_AT_A_TIME = 20_000


def identity(value):
    return value


def imap(pool, milliseconds, chunksize):
    """imap() reads its whole input ahead, so it gets it in portions, each drained: that is its best case."""
    began = time.monotonic_ns()
    end = began + milliseconds * 1_000_000
    count = 0
    while time.monotonic_ns() < end:
        for _ in pool.imap(identity, range(TASKS_AT_A_TIME), chunksize):
            count += 1
    return f"{count} {time.monotonic_ns() - began}"


def buffer(pool, milliseconds, length):
    data = bytes(length)
    began = time.monotonic_ns()
    end = began + milliseconds * 1_000_000
    count = 0
    while time.monotonic_ns() < end:
        for size in pool.imap(len, itertools.repeat(data, PROCESSES)):
            assert size == length
            count += 1
    return f"{count} {time.monotonic_ns() - began}"


def concurrent(times, method):
    """bench_concurrent_imap of pyperformance: https://github.com/python/pyperformance, bm_concurrent_imap."""
    context = multiprocessing.get_context(method)
    taken = []
    for _ in range(times):
        began = time.perf_counter_ns()
        with context.Pool(PROCESSES) as pool:
            for _ in pool.imap(identity, range(1000), 10):
                pass
        taken.append(time.perf_counter_ns() - began)
    return " ".join(map(str, taken))


def main():
    multiprocessing.get_context("forkserver").set_forkserver_preload([__name__])
    print(json.dumps({"version": platform.python_version()}), flush=True)
    pool = None
    for line in sys.stdin:
        command, amount, argument = line.split()
        if command == "concurrent":
            answer = concurrent(int(amount), argument)
        else:
            pool = pool or multiprocessing.get_context("fork").Pool(PROCESSES)
            answer = (imap if command == "imap" else buffer)(pool, int(amount), int(argument))
        print(answer, flush=True)
    if pool:
        pool.terminate()
