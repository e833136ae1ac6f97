"""What ``kulla scan`` costs, and what others cost on the same files in the same run: ratios first, absolute figures second.

    python benchmarks/scan.py --rules sigma_rules.zip --evtx FOLDER --flat windows-host.jsonl [--json figures.json]

Whole processes are measured, from start to end with detections written to a file, by what the kernel says of them
(wait4): processor seconds of user and system mode, peak resident memory, wall time. The first run of each kind is not
counted (it fills the caches of rules and compiled code), of the others the median is taken; where two commands of ours are
compared they run in turn, and the cheapest run of each is taken. Peers are measured where they are found: zargunlite in
the interpreter that ``--zargunlite-python`` names, the others on PATH.

Sections (``--only`` chooses): rate, rules, indicators, memory, threads, start.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import peers
from measuring import FailedError, Usage, environment, machine, median, quickest, run, spread

_HERE = Path(__file__).resolve().parent
MEBI = 1024 * 1024
#: The flat file is also measured this many times over, so that start-up weighs less.
_TIMES_OVER = 5


@dataclass(slots=True)
class Figures:
    """What was measured, in the order in which it is printed."""

    ratios: list[tuple[str, float, str]] = field(default_factory=list)
    measured: list[dict[str, object]] = field(default_factory=list)

    def ratio(self, name: str, value: float, meaning: str) -> None:
        """Keep a ratio."""
        self.ratios.append((name, value, meaning))
        print(f"  {name}: {value:.2f} ({meaning})", file=sys.stderr)

    def add(self, name: str, usage: Usage, events: int, note: str = "") -> None:
        """Keep what a run cost."""
        rate = events / usage.cpu
        self.measured.append({"name": name, "events": events, "events_per_cpu_second": rate, **usage.to_dict(), "note": note})
        print(f"  {name}: {usage.cpu:.2f} CPU s, {rate:,.0f} events/CPU s, peak {usage.peak / MEBI:.0f} MiB", file=sys.stderr)

    def to_dict(self, about: dict[str, object]) -> dict[str, object]:
        """Return everything for JSON."""
        ratios = [{"name": name, "value": value, "meaning": meaning} for name, value, meaning in self.ratios]
        return {"schema": "kulla.benchmark/1", "machine": about, "ratios": ratios, "measured": self.measured}

    def table(self, about: dict[str, object]) -> Iterator[str]:
        """Yield the lines for people."""
        yield ", ".join(f"{name} {value}" for name, value in about.items())
        yield ""
        for name, value, meaning in self.ratios:
            yield f"{value:>9.2f}  {name}: {meaning}"
        yield ""
        yield f"{'events':>10} {'CPU s':>8} {'events/CPU s':>13} {'wall s':>8} {'peak MiB':>9}"
        for each in self.measured:
            cells = f"{each['events']:>10,} {each['cpu']:>8.2f} {each['events_per_cpu_second']:>13,.0f}"
            note = f" ({each['note']})" if each["note"] else ""
            yield f"{cells} {each['wall']:>8.2f} {int(str(each['peak'])) // MEBI:>9} {each['name']}{note}"


@dataclass(slots=True)
class Bench:
    """The files and commands of one run of this program."""

    arguments: argparse.Namespace
    work: Path
    env: dict[str, str]
    figures: Figures = field(default_factory=Figures)

    def make(self, what: str, sources: Sequence[str], name: str, *options: str) -> Path:
        """Make a file by make_events.py unless it is there from an earlier run."""
        path = self.work / name
        if not path.exists():
            partial = path.with_suffix(".partial")
            run([sys.executable, str(_HERE / "make_events.py"), what, *sources, "-o", str(partial), *options], self.env)
            partial.rename(path)
        return path

    def scan(self, paths: Sequence[Path | str], *more: str, rules: Path | None = None) -> list[str]:
        """Return the command that scans, detections to a file."""
        out, summary = self.work / "detections.jsonl", self.work / "summary.json"
        rest = ["-f", "jsonl", "-o", str(out), "--summary", str(summary), "--force", "-q", *more]
        return [*self.kulla, "scan", *map(str, paths), "-r", str(rules or self.arguments.rules), "--no-content", *rest]

    @property
    def kulla(self) -> list[str]:
        """The command under test."""
        return [sys.executable, "-m", "kulla"]

    def measured(self, name: str, command: Sequence[str], choose: Callable[[Sequence[Usage]], Usage] = median) -> tuple[Usage, int]:
        """Measure a scan after one run that is not counted, keep its figures, return them with the number of events that it read."""
        runs = [run(command, self.env, good=(0, 3)) for _ in range(self.arguments.runs + 1)][1:]
        usage, events = choose(runs), self.events_read()
        self.figures.add(name, usage, events, f"{len(runs)} runs, spread {spread(runs):.0%}")
        return usage, events

    def compared(self, *named: tuple[str, Sequence[str]]) -> list[Usage]:
        """Measure commands in turn, so that what else the machine does strikes all of them, and return the cheapest run of each."""
        for _, command in named:
            run(command, self.env, good=(0, 3))
        rounds = [[(run(command, self.env, good=(0, 3)), self.events_read()) for _, command in named] for _ in range(self.arguments.runs)]
        best = []
        for place, (name, _) in enumerate(named):
            runs = [each[place][0] for each in rounds]
            best.append(min(runs, key=lambda each: each.cpu))
            self.figures.add(name, best[-1], rounds[0][place][1], f"cheapest of {len(runs)} runs in turn, spread {spread(runs):.0%}")
        return best

    def events_read(self) -> int:
        """Return how many events the last scan read."""
        return int(json.loads((self.work / "summary.json").read_text())["events"])

    def events_file(self) -> Path:
        """Return the replicated nested file."""
        count = self.arguments.events
        return self.make("events", [str(self.arguments.evtx)], f"nested-{count}.jsonl", "--events", str(count))

    def one_event(self) -> Path:
        """Return a file of a single event: scanning it is start-up and little else."""
        return self.make("events", [str(self.arguments.evtx)], "one.jsonl", "--events", "1")

    def warm(self) -> None:
        """Fill the caches of rules and compiled code; small input alone does not, where compiling costs more than it saves."""
        run(self.scan([self.events_file()]), self.env, good=(0, 3))

    def folder_of_copies(self) -> Path:
        """Return a folder with the flat file several times under different names."""
        folder = self.work / f"times-{_TIMES_OVER}"
        folder.mkdir(exist_ok=True)
        for number in range(_TIMES_OVER):
            link = folder / f"{number}.jsonl"
            if not link.exists():
                link.symlink_to(self.arguments.flat.resolve())
        return folder


def rate(bench: Bench) -> None:
    """Events per CPU second, ours and the peers'."""
    nested = bench.events_file()
    ours = {
        "nested": bench.measured("kulla, nested, replicated", bench.scan([nested])),
        "flat": bench.measured("kulla, flat, real", bench.scan([bench.arguments.flat])),
    }
    ours["flat, repeated"] = bench.measured(f"kulla, flat, {_TIMES_OVER} times over", bench.scan([bench.folder_of_copies()]))
    for peer in _peers(bench):
        for form, path in (("nested", nested), ("flat", bench.arguments.flat)):
            try:
                theirs = _against(bench, peer, form, path, ours[form])
            except FailedError as error:
                print(f"  {peer.name} on the {form} file: {error}", file=sys.stderr)
                continue
            # A peer whose start-up was taken off is also compared with ourselves where ours weighs little.
            if form == "flat" and peer.limit:
                usage, events = ours["flat, repeated"]
                name = f"rate against {peer.name}, flat, {_TIMES_OVER} times over"
                bench.figures.ratio(name, events / usage.cpu / theirs, "times its events per CPU second")


def _against(bench: Bench, peer: peers.Peer, form: str, path: Path, ours: tuple[Usage, int]) -> float:
    """Measure a peer on a file, keep the ratio, and return its events per CPU second."""
    usage, events = ours
    count = min(peer.limit or events, events)
    command = peer.command(path, count, form == "nested")
    runs = [run(command, bench.env) for _ in range(max(1, bench.arguments.runs - 1))]
    theirs = median(runs)
    if peer.limit:
        start = run(peer.command(path, 1, form == "nested"), bench.env)
        theirs = Usage(theirs.user - start.user, theirs.system - start.system, theirs.wall - start.wall, theirs.peak)
    bench.figures.add(f"{peer.name}, {form}", theirs, count, peer.note)
    ratio = (events / usage.cpu) / (count / theirs.cpu)
    bench.figures.ratio(f"rate against {peer.name}, {form}", ratio, "times its events per CPU second")
    return count / theirs.cpu


def _peers(bench: Bench) -> Iterator[peers.Peer]:
    folder = bench.work / "rules"
    if not folder.exists():
        with zipfile.ZipFile(bench.arguments.rules) as archive:
            archive.extractall(folder)
    arguments = bench.arguments
    found = {
        "zargunlite": peers.zargunlite(arguments.zargunlite_python, folder, bench.work, arguments.peer_events),
        "rsigma": peers.rsigma(None, folder, bench.work),
        "hayabusa": peers.hayabusa(),
        "chainsaw": peers.chainsaw(folder),
        "zircolite": peers.zircolite(folder, bench.work),
    }
    absent = [name for name, peer in found.items() if peer is None]
    if absent:
        print(f"  not on this machine: {', '.join(absent)}", file=sys.stderr)
    yield from (peer for peer in found.values() if peer)


def rules(bench: Bench) -> None:
    """What twice as many rules cost."""
    half = bench.work / "half.zip"
    if not half.exists():
        _write_half(bench.arguments.rules, half)
    for form, path in (("nested", bench.events_file()), ("flat", bench.folder_of_copies())):
        some, everything = bench.compared(
            (f"kulla, every second rule, {form}", bench.scan([path], rules=half)),
            (f"kulla, all rules, {form}", bench.scan([path])),
        )
        bench.figures.ratio(f"cost of twice the rules, {form}", everything.cpu / some.cpu, "CPU, whole process; wanted under 1.20")


def _write_half(source: Path, target: Path) -> None:
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for name in [name for name in sorted(archive.namelist()) if name.endswith(".yml")][::2]:
            out.writestr(name, archive.read(name))


def indicators(bench: Bench) -> None:
    """What a million indicators cost: loading apart from looking for them."""
    count = bench.arguments.indicators
    known = bench.make("indicators", [], f"indicators-{count}.txt", "--count", str(count))
    start, loading = bench.compared(
        ("kulla, one event", bench.scan([bench.one_event()])),
        (f"kulla, one event, {count:,} indicators", bench.scan([bench.one_event()], "-i", str(known))),
    )
    bench.figures.ratio("loading the indicators", loading.cpu - start.cpu, "CPU seconds, once a run")
    for form, path in (("nested", bench.events_file()), ("flat", bench.folder_of_copies())):
        without, with_them = bench.compared(
            (f"kulla, no indicators, {form}", bench.scan([path])),
            (f"kulla, {count:,} indicators, {form}", bench.scan([path], "-i", str(known))),
        )
        ratio = (with_them.cpu - loading.cpu) / (without.cpu - start.cpu)
        bench.figures.ratio(f"cost of the indicators, {form}", ratio, "CPU an event, start-up and loading taken off; wanted under 1.20")


def memory(bench: Bench) -> None:
    """Peak memory on input that is much larger than memory should be."""
    arguments = bench.arguments
    feed = [sys.executable, str(_HERE / "make_events.py"), "events", str(arguments.evtx), "-o", "-", "--events", str(arguments.stream)]
    piped = run(bench.scan(["-"]), bench.env, feed=feed, good=(0, 3))
    bench.figures.add("kulla, nested, from a pipe", piped, bench.events_read(), "generated while it was read; 1 run")
    large = bench.make("evtx", [str(arguments.evtx)], f"large-{arguments.megabytes}.evtx", "--megabytes", str(arguments.megabytes))
    log = run(bench.scan([large]), bench.env, good=(0, 3))
    bench.figures.add(f"kulla, one event log of {arguments.megabytes} MiB", log, bench.events_read(), "1 run")
    for name, usage in (("events from a pipe", piped), ("event log", log)):
        bench.figures.ratio(f"peak memory, {name}", usage.peak / (1024 * MEBI), "of 1 GiB; wanted under 1.00")


def threads(bench: Bench) -> None:
    """What the second processor gives; needs a machine that does nothing else."""
    for form, path in (("nested", bench.events_file()), ("flat", bench.folder_of_copies())):
        one, _ = bench.measured(f"kulla, 1 thread, {form}", bench.scan([path], "--threads", "1"), quickest)
        two, _ = bench.measured(f"kulla, 2 threads, {form}", bench.scan([path], "--threads", "2"), quickest)
        bench.figures.ratio(f"two threads, {form}", one.wall / two.wall, f"times one by the clock; wanted 1.70; load {machine()['load']}")


def start(bench: Bench) -> None:
    """How long the short commands take."""
    runs = [run([*bench.kulla, "--help"], bench.env) for _ in range(10)][1:]
    bench.figures.ratio("kulla --help", median(runs).cpu * 1000, f"CPU ms ({median(runs).wall * 1000:.0f} by the clock); wanted under 150")
    logs = bench.arguments.evtx.rglob("*.evtx") if bench.arguments.evtx.is_dir() else [bench.arguments.evtx]
    small = min(logs, key=lambda path: path.stat().st_size)
    usage, _ = bench.measured("kulla, one small event log", bench.scan([small]))
    meaning = f"seconds by the clock ({usage.cpu:.2f} CPU s), caches warm; wanted under 2"
    bench.figures.ratio("one small event log, all rules", usage.wall, meaning)


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "rate": rate,
    "rules": rules,
    "indicators": indicators,
    "memory": memory,
    "threads": threads,
    "start": start,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=Path, required=True, help="zip of Sigma rules")
    parser.add_argument("--evtx", type=Path, required=True, help="event log, or folder of them, to make the nested file from")
    parser.add_argument("--flat", type=Path, required=True, help="JSON Lines of flat Windows events; .zst is decompressed first")
    parser.add_argument("--events", type=int, default=500_000, help="events of the nested file")
    parser.add_argument("--stream", type=int, default=5_000_000, help="events of the pipe")
    parser.add_argument("--megabytes", type=int, default=1024, help="size of the large event log")
    parser.add_argument("--indicators", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3, help="runs that count")
    parser.add_argument("--peer-events", type=int, default=5_000, help="events for peers that are slow")
    parser.add_argument("--zargunlite-python", default=sys.executable, help="interpreter that has zargunlite and pySigma's SQLite backend")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="sections to run")
    parser.add_argument("--work", type=Path, help="folder for made files, kept for the next run")
    parser.add_argument("--json", type=Path, help="write everything there too")
    return parser.parse_args()


def _decompressed(path: Path, work: Path) -> Path:
    if path.suffix != ".zst":
        return path
    target = work / path.stem
    if not target.exists():
        # Not in this process: what it occupied would count as the children's.
        code = "import shutil, sys, zstandard; zstandard.ZstdDecompressor().copy_stream(open(sys.argv[1], 'rb'), open(sys.argv[2], 'wb'))"
        run([sys.executable, "-c", code, str(path), str(target)], environment(BENCHMARK_FOLDER=str(work)))
    return target


def main() -> None:
    """Run the sections."""
    arguments = _arguments()
    work = (arguments.work or Path(tempfile.mkdtemp(prefix="kulla-benchmark-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    try:
        arguments.flat = _decompressed(arguments.flat, work)
        env = environment(BENCHMARK_FOLDER=str(work), KULLA_HOME=str(work / "home"))
        bench = Bench(arguments, work, env)
        about = machine()
        bench.warm()
        for name in arguments.only or SECTIONS:
            print(f"{name}:", file=sys.stderr)
            SECTIONS[name](bench)
        print("\n".join(bench.figures.table(about)))
        if arguments.json:
            arguments.json.write_text(json.dumps(bench.figures.to_dict(about), indent=2) + "\n", encoding="utf-8")
    finally:
        if not arguments.work:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
