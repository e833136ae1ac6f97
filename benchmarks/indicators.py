"""What a million indicators cost: loading, memory, and probing the values of real or made events.

    python benchmarks/indicators.py [EVENTS.jsonl] [--count 1000000] [--events 20000]

Without a file it makes Sysmon-like events of its own. Prints the cost of an event's values with no
indicator, with a thousand and with ``--count``, measured in one process; the ratio of the last two is the point.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kulla.detection.folding import fold
from kulla.detection.indicators.index import IndicatorIndex, build_index
from kulla.detection.indicators.load import load_indicators
from kulla.detection.observables import observable_fields
from kulla.model.problem import Problems
from kulla.telemetry.flatten import Kind, flatten

ROUNDS = 5


def made_list(path: Path, count: int, chance: random.Random) -> None:
    """Write a plain list of addresses, names, hashes and URLs in equal parts."""
    with path.open("w", encoding="utf-8") as out:
        for number in range(count):
            forms = (
                f"{chance.randrange(1, 224)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}",
                f"h{number:x}.{chance.randrange(10**6)}.example",
                f"{chance.getrandbits(256):064x}",
                f"https://h{number:x}.example/{chance.getrandbits(40):x}/gate.php",
            )
            out.write(f"{forms[number % 4]}\n")


def made_events(count: int, chance: random.Random) -> Iterator[bytes]:
    """Yield Sysmon-like events: process creation, network connection, DNS query, in equal parts."""
    for number in range(count):
        image = f"C:\\Windows\\System32\\tool{chance.randrange(500)}.exe"
        forms = (
            {"EventID": 1, "Image": image, "User": "CORP\\joe",
             "CommandLine": f'"{image}" /c copy \\\\files01\\share\\{number}.docx %TEMP% && net use',
             "ParentImage": "C:\\Windows\\explorer.exe", "ParentCommandLine": "C:\\Windows\\explorer.exe",
             "Hashes": f"SHA1={chance.getrandbits(160):040X},MD5={chance.getrandbits(128):032X},SHA256={chance.getrandbits(256):064X}"},
            {"EventID": 3, "Image": image, "SourceIp": "10.1.2.3", "DestinationIp": f"93.{number % 256}.4.{chance.randrange(256)}",
             "DestinationHostname": f"edge{number}.cdn.example", "User": "CORP\\joe"},
            {"EventID": 22, "Image": image,
             "QueryName": f"a{number}.b.example.net", "QueryResults": "type:  5 cdn.example;::ffff:93.184.216.34;"},
        )  # fmt: skip
        yield json.dumps(forms[number % 3]).encode()


def read_events(path: Path, count: int) -> Iterator[bytes]:
    """Yield the first events of a JSON Lines file."""
    with path.open("rb") as lines:
        for _, line in zip(range(count), lines, strict=False):
            yield line


class Values:
    """The values of many events that are worth probing, as the kernel is given them: folded, in one buffer."""

    def __init__(self, events: Iterator[bytes]) -> None:
        modes = observable_fields()
        data, rows, self.events = bytearray(), [], 0
        for event in events:
            self.events += 1
            for field, values in flatten(event).values.items():
                for value in values if field in modes else ():
                    if value.kind in (Kind.TEXT, Kind.NUMBER):
                        folded = fold(value.text).encode()
                        rows.append((len(data), len(data) + len(folded), int(modes[field])))
                        data += folded
        self.buffer = np.frombuffer(bytes(data), dtype=np.uint8)
        self.rows = np.array(rows, dtype=np.int64).reshape(-1, 3)


def probing(index: IndicatorIndex, values: Values) -> float:
    """Return nanoseconds an event, the best of some rounds; modes are narrowed to what the set can match."""
    import numba

    from kulla.detection.indicators.kernel import probe_value

    @numba.njit(nogil=True)
    def all_values(
        buffer: NDArray[np.uint8], rows: NDArray[np.int64], useful: int, table: NDArray[np.uint64], out: NDArray[np.int64]
    ) -> int:
        total = 0
        for row in range(rows.shape[0]):
            mode = rows[row, 2] & useful
            if mode:
                total += probe_value(buffer, rows[row, 0], rows[row, 1], mode, table, out, 0)
        return total

    useful = 0
    for mode in index.field_modes.values():
        useful |= mode
    out = np.zeros(64, dtype=np.int64)
    hits = all_values(values.buffer, values.rows, useful, index.table, out)
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.thread_time_ns()
        all_values(values.buffer, values.rows, useful, index.table, out)
        best = min(best, time.thread_time_ns() - start)
    print(f"    candidates {hits}", file=sys.stderr)
    return best / values.events


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events_file", nargs="?", type=Path)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000)
    arguments = parser.parse_args()
    chance = random.Random(7)
    values = Values(
        read_events(arguments.events_file, arguments.events) if arguments.events_file else made_events(arguments.events, chance)
    )
    print(f"{values.events} events, {len(values.rows)} values to probe, {len(values.buffer) / values.events:.0f} bytes of values an event")
    costs = []
    for count in (0, 1_000, arguments.count):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "list.txt"
            made_list(path, count, chance)
            start = time.process_time()
            problems = Problems()
            indicators = load_indicators([str(path)], problems)
        loaded = time.process_time()
        index = build_index(indicators)
        built = time.process_time()
        costs.append(probing(index, values))
        print(
            f"{len(indicators):>9} indicators: load {loaded - start:.2f} s, index {built - loaded:.2f} s, {index.nbytes / 2**20:.0f} MiB, "
            f"probe {costs[-1]:.0f} ns an event; {problems.total} problems"
        )
    print(f"a million against a thousand: {costs[2] / costs[1]:.2f} times the cost of probing")


if __name__ == "__main__":
    main()
