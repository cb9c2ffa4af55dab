"""Reference: a dict and a list of multiprocessing.Manager(), which live in its server process, used from this one.

Reads lines "OPERATION N" from its standard input, does each N times, and answers "done".
"""
import ctypes
import itertools
import random
import signal
import sys
from multiprocessing.managers import SyncManager

ENTRY_BYTES = 64


def die_with_parent():
    """In the server: ends when this process ends, however it does."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def entry(number):
    return number.to_bytes(8, "little") + bytes(ENTRY_BYTES - 8)


class Client:
    def __init__(self, manager):
        self.dict = manager.dict()
        self.list = manager.list()
        self.grows = manager.list()

    def fill(self, n):
        numbers = list(range(n))
        self.list.extend([entry(number) for number in numbers])
        self.dict.update({f"key:{number:06}": entry(number) for number in numbers})
        random.Random(1).shuffle(numbers)
        self.numbers = itertools.cycle(numbers)
        self.keys = itertools.cycle([(f"key:{number:06}", entry(number)) for number in numbers])

    def dict_get(self, n):
        shared = self.dict
        for key, value in itertools.islice(self.keys, n):
            if shared[key] != value:
                raise ValueError(f"another entry is at {key}")

    def dict_set(self, n):
        shared = self.dict
        for key, value in itertools.islice(self.keys, n):
            shared[key] = value

    def list_append(self, n):
        shared = self.grows
        del shared[:]
        value = entry(0)
        for _ in range(n):
            shared.append(value)

    def list_get(self, n):
        shared = self.list
        for number in itertools.islice(self.numbers, n):
            if shared[number][0] != number & 255:
                raise ValueError(f"another entry is at {number}")


def main():
    manager = SyncManager()
    manager.start(die_with_parent)
    with manager:
        client = Client(manager)
        for line in sys.stdin:
            operation, n = line.split()
            getattr(client, operation)(int(n))
            print("done", flush=True)


if __name__ == "__main__":
    main()
