# Runs in: a Python of the machine, any from 2.7, started by the pickle tests and by scripts/pickle-vectors.mjs.
#
# One request on stdin, one answer on stdout, both JSON:
#   ["dump", [expression, ...]]  ->  [[[protocol, hex], ...] or null, ...]
#   ["load", [hex, ...]]         ->  [[description, [hex in each protocol]] or null where it cannot be pickled again, ...]
#   ["describe", [expression, ...]]  ->  [description, ...]
#   ["judge", [hex, ...]]  ->  [description, or null where Python refuses it with only the calls of plain data allowed, ...]
#   ["opcodes"]                  ->  [[name, code, protocol, argument or null], ...]
# A description is a text of the value in which every type and every shared reference shows.
from __future__ import print_function

import binascii
import json
import pickle
import pickletools
import struct
import sys


def unhex(text):
    return binascii.unhexlify(text.encode('ascii'))


def tohex(data):
    return binascii.hexlify(data).decode('ascii')


def dumps_all(value):
    """In every protocol, by the C pickler and by the one in Python, which number their notes in other ways."""
    found = []
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for dumps in (pickle.dumps, getattr(pickle, '_dumps', pickle.dumps)):
            entry = [protocol, tohex(dumps(value, protocol))]
            if entry not in found:
                found.append(entry)
    return found


def dump(expression):
    if sys.version_info[0] > 2:
        return dumps_all(eval(expression))
    try:
        value = eval(expression)
        return None if type(value) is str else dumps_all(value)  # bytes is str there
    except Exception:
        return None


def load(text):
    value = pickle.loads(unhex(text))
    try:
        again = dumps_all(value)
    except RecursionError:
        again = None
    return [describe(value, {}), again and [data for _, data in again]]


def describe(value, seen):
    kind = type(value)
    name = kind.__name__
    if value is None or kind is bool:
        return str(value)
    if kind is int:
        return 'int:%x' % value
    if kind is float:
        return 'float:' + ('nan' if value != value else tohex(struct.pack('>d', value)))
    if kind is str:
        return 'str:' + tohex(value.encode('utf-16-be', 'surrogatepass'))
    if kind is bytes:
        return 'bytes:' + tohex(value)
    if kind is tuple:
        return 'tuple(%s)' % ','.join([describe(item, seen) for item in value])
    if kind is frozenset:
        return 'frozenset(%s)' % ','.join(sorted([describe(item, seen) for item in value]))
    if id(value) in seen:
        return '#%d' % seen[id(value)]
    seen[id(value)] = len(seen)
    if kind is list:
        return 'list(%s)' % ','.join([describe(item, seen) for item in value])
    if kind is set:
        return 'set(%s)' % ','.join(sorted([describe(item, seen) for item in value]))
    if kind is bytearray:
        return 'bytearray:' + tohex(bytes(value))
    if kind is dict:
        return 'dict(%s)' % ','.join([describe(key, seen) + '=' + describe(item, seen) for key, item in value.items()])
    raise TypeError(name)


def allow(module, name):
    import codecs

    if module == '__builtin__':
        module = 'builtins'
    names = {'set': set, 'frozenset': frozenset, 'bytearray': bytearray, 'bytes': bytes}
    if (module, name) == ('_codecs', 'encode'):
        return codecs.encode
    return names[name] if module == 'builtins' else None


def unframed(data):
    # An argument that crosses the end of its frame: pickle.loads(), which multiprocessing uses, reads it, and CPython's reader of files
    # (3.8 to 3.13) goes on behind it: it reads 80059505000000000000007d94473ff800000000000088732e as 1.7258e-319, and not as {1.5: True}.
    # Only the reader of files can be told which classes it may find, so it gets no frames.
    for at in [at for op, _, at in pickletools.genops(data) if op.name == 'FRAME'][::-1]:
        data = data[:at] + data[at + 9 :]
    return data


def judge(text):
    import io
    import resource

    # A note with a large number makes CPython's reader take memory up to it.
    resource.setrlimit(resource.RLIMIT_AS, (2**30, resource.RLIM_INFINITY))
    reader = type('Reader', (pickle.Unpickler,), {'find_class': staticmethod(allow)})
    try:
        return describe(reader(io.BytesIO(unframed(unhex(text)))).load(), {})
    except Exception:
        return None


def opcodes():
    return [[op.name, ord(op.code), op.proto, op.arg and op.arg.name] for op in pickletools.opcodes]


request = json.loads(sys.stdin.read())
if request[0] == 'opcodes':
    answer = opcodes()
else:
    act = {'dump': dump, 'load': load, 'judge': judge, 'describe': lambda expression: describe(eval(expression), {})}[request[0]]
    answer = [act(item) for item in request[1]]
json.dump(answer, sys.stdout)
