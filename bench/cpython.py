# Runs in: CPython, as a competitor in a benchmark. Its fork server starts processes; it times its handshake by itself.
#
# The first line on stdout says what this Python is. Then each line on stdin is answered by one line: "rate
# <milliseconds>" and "total <processes> <at a time>" by "<processes> <nanoseconds>", "start 1" by the nanoseconds
# to the first line, to the result and to the end of one process, "handshake <times>" by the nanoseconds of each.
import json
import multiprocessing
import platform
import sys
import threading
import time
from multiprocessing import connection

AT_A_TIME = 2
# Since 3.14 each request to the fork server begins with the mutual handshake (gh-97514).
AUTHENTICATES = sys.version_info >= (3, 14)
# Since 3.12 the handshake is HMAC-SHA256; before, it was HMAC-MD5.
HAS_MODERN_HANDSHAKE = sys.version_info >= (3, 12)


def noop():
    pass


def start(context):
    process = context.Process(target=noop)
    process.start()
    return process


def run(context, at_a_time, goes_on):
    """Start to join, as long as `goes_on(started)`. One thread and connection.wait() keep `at_a_time` processes
    running: threads would poll each other's processes."""
    began = time.monotonic_ns()
    running = {}
    started = 0
    count = 0
    while running or goes_on(started):
        while len(running) < at_a_time and goes_on(started):
            process = start(context)
            running[process.sentinel] = process
            started += 1
        for sentinel in connection.wait(list(running)) if running else []:
            process = running.pop(sentinel)
            process.join()
            if process.exitcode != 0:
                raise SystemExit(f"a process ended with {process.exitcode}")
            process.close()
            count += 1
    return f"{count} {time.monotonic_ns() - began}"


def stamp(writer):
    writer.send(time.monotonic_ns())


def start_once(context, _):
    """A Process has no result: it comes through a pipe."""
    reader, writer = context.Pipe(duplex=False)
    began = time.monotonic_ns()
    process = context.Process(target=stamp, args=(writer,))
    process.start()
    writer.close()
    first = reader.recv()
    result = time.monotonic_ns()
    process.join()
    end = time.monotonic_ns()
    if process.exitcode != 0:
        raise SystemExit(f"a process ended with {process.exitcode}")
    process.close()
    reader.close()
    return f"{first - began} {result - began} {end - began}"


def rate(context, milliseconds):
    end = time.monotonic_ns() + milliseconds * 1_000_000
    return run(context, AT_A_TIME, lambda started: time.monotonic_ns() < end)


def total(context, processes, at_a_time):
    return run(context, at_a_time, lambda started: started < processes)


def handshakes(times):
    """As forkserver.py does them: the listener challenges first. One thread for each side."""
    key = b"k" * 32
    listener, connector = multiprocessing.Pipe(duplex=True)

    def listen():
        for _ in range(times):
            connection.deliver_challenge(listener, key)
            connection.answer_challenge(listener, key)

    other = threading.Thread(target=listen, daemon=True)
    other.start()
    taken = []
    for _ in range(times):
        began = time.perf_counter_ns()
        connection.answer_challenge(connector, key)
        connection.deliver_challenge(connector, key)
        taken.append(time.perf_counter_ns() - began)
    other.join()
    return " ".join(map(str, taken))


def main():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    about = {
        "version": platform.python_version(),
        "authenticates": AUTHENTICATES,
        "hasModernHandshake": HAS_MODERN_HANDSHAKE,
    }
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        command, *amounts = line.split()
        amounts = map(int, amounts)
        if command == "handshake":
            answer = handshakes(*amounts)
        else:
            answer = {"rate": rate, "total": total, "start": start_once}[command](context, *amounts)
        print(answer, flush=True)
