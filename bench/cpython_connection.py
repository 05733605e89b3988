# Runs in: CPython, as the peer of `npm run bench -- connection`: a Pipe() of multiprocessing.connection, and a process at its far end.
#
# The first line on stdout says what this Python is. Then each line on stdin is answered by one:
#   "trips <milliseconds> <bytes> <bytes or values>"            by "<round trips> <nanoseconds>"
#   "stream <milliseconds> <bytes> <batch> <bytes or values>"   by "<messages> <nanoseconds>"
#   "handshake <times>"                                         by the nanoseconds of each
import json
import multiprocessing
import platform
import sys
import time

from cpython import HAS_MODERN_HANDSHAKE, handshakes


def serve(conn, is_bytes):
    """A number announces a batch, which is acknowledged; anything else is sent back."""
    send, recv = (conn.send_bytes, conn.recv_bytes) if is_bytes else (conn.send, conn.recv)
    while True:
        try:
            message = recv()
        except EOFError:
            return
        if is_bytes and len(message) == 4:
            count = int.from_bytes(message, "big")
        elif isinstance(message, int):
            count = message
        else:
            send(message)
            continue
        for _ in range(count):
            recv()
        send(b"\0\0\0\0" if is_bytes else 0)


def open_far_end(is_bytes):
    near, far = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve, args=(far, is_bytes), daemon=True)
    process.start()
    far.close()
    return near


def trips(conn, is_bytes, milliseconds, length):
    send, recv = (conn.send_bytes, conn.recv_bytes) if is_bytes else (conn.send, conn.recv)
    message = bytes(length)
    began = time.monotonic_ns()
    end = began + milliseconds * 1_000_000
    count = 0
    while time.monotonic_ns() < end:
        send(message)
        assert len(recv()) == length
        count += 1
    return f"{count} {time.monotonic_ns() - began}"


def stream(conn, is_bytes, milliseconds, length, batch):
    send, recv = (conn.send_bytes, conn.recv_bytes) if is_bytes else (conn.send, conn.recv)
    message = bytes(length)
    began = time.monotonic_ns()
    end = began + milliseconds * 1_000_000
    count = 0
    while time.monotonic_ns() < end:
        send(batch.to_bytes(4, "big") if is_bytes else batch)
        for _ in range(batch):
            send(message)
        recv()
        count += batch
    return f"{count} {time.monotonic_ns() - began}"


def main():
    print(json.dumps({"version": platform.python_version(), "hasModernHandshake": HAS_MODERN_HANDSHAKE}), flush=True)
    connections = {}
    for line in sys.stdin:
        command, *numbers = line.split()
        if command == "handshake":
            print(handshakes(int(numbers[0])), flush=True)
            continue
        kind = numbers.pop() == "bytes"
        if kind not in connections:
            connections[kind] = open_far_end(kind)
        answer = (trips if command == "trips" else stream)(connections[kind], kind, *map(int, numbers))
        print(answer, flush=True)
