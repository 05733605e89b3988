# Any CPython from 3.8 on; nothing to install. The address is an argument, and the key comes on stdin: an argument or an
# environment variable could be read by others.
import sys
from multiprocessing.connection import Client

REQUESTS = [
    {"job": "primes", "below": 50},
    {"job": "primes", "below": 100_000},
    {"job": "crash"},
    {"job": "nothing"},
]

key = bytes.fromhex(sys.stdin.readline())
with Client(sys.argv[1], authkey=key) as connection:
    for request in REQUESTS:
        connection.send(request)
        answer = connection.recv()
        print(request, "->", answer)
