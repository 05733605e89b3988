# Runs in: CPython, as the peer of a benchmark. Its fork server starts processes, two at a time; its handshake is timed by itself.
#
# The first line on stdout says what this Python is. Then each line on stdin is answered by one: "rate <milliseconds>" by
# "<processes> <nanoseconds>", "handshake <times>" by the nanoseconds of each.
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


def rate(context, milliseconds):
    """Start to join. One thread and connection.wait() keep two running: threads would poll each other's processes."""
    began = time.monotonic_ns()
    end = began + milliseconds * 1_000_000
    running = {}
    count = 0
    while running or time.monotonic_ns() < end:
        while len(running) < AT_A_TIME and time.monotonic_ns() < end:
            process = start(context)
            running[process.sentinel] = process
        for sentinel in connection.wait(list(running)) if running else []:
            process = running.pop(sentinel)
            process.join()
            if process.exitcode != 0:
                raise SystemExit(f"a process ended with {process.exitcode}")
            process.close()
            count += 1
    return f"{count} {time.monotonic_ns() - began}"


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
    about = {"version": platform.python_version(), "authenticates": AUTHENTICATES, "hasModernHandshake": HAS_MODERN_HANDSHAKE}
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        command, amount = line.split()
        answer = rate(context, int(amount)) if command == "rate" else handshakes(int(amount))
        print(answer, flush=True)
