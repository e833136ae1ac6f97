"""Make the files that the benchmarks measure on: many nested events, a large event log, a long list of indicators.

    python benchmarks/make_events.py events EVTX... -o events.jsonl [--events 500000]
    python benchmarks/make_events.py evtx EVTX... -o large.evtx [--megabytes 1024]
    python benchmarks/make_events.py indicators -o list.txt [--count 1000000] [--seed 7]

``events`` reads Windows event logs and writes their records as nested JSON, one a line: one record of
each file in turn, then the next of each, and from the start again until there are enough; ``-o -`` writes to standard output. ``evtx``
puts the chunks of the given logs into one file behind one another, again and again. ``indicators`` writes addresses of the
documentation's ranges, names and URLs under domains that cannot exist, and hashes, in equal parts: none of them occurs in the events.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, cycle, islice, zip_longest
from pathlib import Path
from typing import BinaryIO

#: RFC 5737 and RFC 3849: never assigned, so a list of them hits nothing by accident.
_DOCUMENTATION_NETS = ("192.0.2", "198.51.100", "203.0.113")
#: RFC 2606 and RFC 6761.
_NO_DOMAINS = ("example", "invalid", "test")
#: A file header and a chunk of a Windows event log ([MS-EVEN6] 2.2).
_FILE_HEADER, _CHUNK = 4096, 65_536
_LINES_AT_ONCE = 4096


def records(paths: Iterable[str]) -> list[bytes]:
    """Return the records of event logs as nested JSON, one of each file in turn."""
    from kulla.model.problem import Problems
    from kulla.telemetry.files import inputs, read_path

    problems = Problems()
    files = [
        [batch.event(number) for batch in read_path(found.path, problems, format_in="evtx") for number in range(len(batch))]
        for found in inputs(list(paths), problems)
        if found.path.endswith(".evtx")
    ]
    return [record for record in chain.from_iterable(zip_longest(*files)) if record is not None]


def write_events(paths: Iterable[str], count: int, out: BinaryIO) -> int:
    """Write ``count`` events, one a line, and return the bytes written."""
    base = records(paths)
    if not base:
        raise SystemExit("no event in what was given: name .evtx files, or folders of them")
    lines, written = (record.replace(b"\n", b" ") + b"\n" for record in islice(cycle(base), count)), 0
    while block := b"".join(islice(lines, _LINES_AT_ONCE)):
        written += out.write(block)
    return written


def write_evtx(paths: Iterable[str], size: int, out: BinaryIO) -> int:
    """Write one event log of at least ``size`` bytes from the chunks of others, and return the bytes written."""
    files = sorted(file for path in map(Path, paths) for file in (path.rglob("*.evtx") if path.is_dir() else [path]))
    logs = [data for data in (file.read_bytes() for file in files) if len(data) >= _FILE_HEADER + _CHUNK]
    if not logs:
        raise SystemExit("no event in what was given: name .evtx files, or folders of them")
    written = out.write(logs[0][:_FILE_HEADER])
    chunks = (log[_FILE_HEADER : len(log) - (len(log) - _FILE_HEADER) % _CHUNK] for log in cycle(logs))
    while written < size:
        written += out.write(next(chunks))
    return written


def indicators(count: int, chance: random.Random) -> Iterator[str]:
    """Yield invented indicators that differ from each other: addresses, names, hashes, URLs."""
    for number in range(count):
        domain = f"h{number:x}.{chance.randrange(10**6)}.{chance.choice(_NO_DOMAINS)}"
        kind = number % 4
        if kind == 0:
            yield _address(number // 4)
        elif kind == 1:
            yield domain
        elif kind == 2:
            yield f"{chance.getrandbits(256):064x}"
        else:
            yield f"https://{domain}/{chance.getrandbits(40):x}/gate.php"


def _address(number: int) -> str:
    """Return the n-th address of the documentation's ranges: the 762 of version 4, then version 6."""
    net, host = divmod(number, 254)
    if net < len(_DOCUMENTATION_NETS):
        return f"{_DOCUMENTATION_NETS[net]}.{host + 1}"
    return f"2001:db8::{number >> 16:x}:{number & 0xFFFF:x}"


@contextlib.contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with Path(path).open("wb") as out:
        yield out


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    for name, option, default in (("events", "--events", 500_000), ("evtx", "--megabytes", 1024)):
        command = commands.add_parser(name)
        command.add_argument("paths", nargs="+", metavar="EVTX")
        command.add_argument(option, type=int, default=default, dest="count")
    command = commands.add_parser("indicators", aliases=["million-indicators"])
    command.add_argument("--count", type=int, default=1_000_000)
    command.add_argument("--seed", type=int, default=7)
    for command in commands.choices.values():
        if not any(action.dest == "output" for action in command._actions):  # noqa: SLF001 - an alias is listed twice
            command.add_argument("-o", "--output", required=True)
    return parser.parse_args()


def main() -> None:
    """Write what was asked for."""
    arguments = _arguments()
    with _opened(arguments.output) as out:
        if arguments.what == "events":
            written = write_events(arguments.paths, arguments.count, out)
        elif arguments.what == "evtx":
            written = write_evtx(arguments.paths, arguments.count * 1024 * 1024, out)
        else:
            text = (line.encode() + b"\n" for line in indicators(arguments.count, random.Random(arguments.seed)))
            written = sum(map(out.write, text))
    print(f"{written:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    # A reader that has enough ends the pipe; that is no failure.
    with contextlib.suppress(BrokenPipeError):
        main()
