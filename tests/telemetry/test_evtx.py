"""EVTX: real files whole, then cut, flipped, with damaged headers, chunks and records."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kulla.exercise.evtx_writer import write_evtx
from kulla.model.logsource import LogSource
from kulla.telemetry.readers.evtx import EvtxReader
from kulla.telemetry.readers.evtx_chunk import CHUNK_BYTES, FIRST_RECORD, mend
from tests.shared_data import shared_data
from tests.telemetry.reader_contract import Reading, Sample, check_form, check_reader, read_all

HEADER = 4096
CHUNK = 65_536


def read(data: bytes) -> Reading:
    reading = read_all(EvtxReader(), data)
    check_form(reading, passes_on=True)
    return reading


def alone(path: Path) -> list[str]:
    """Return what the parser says of a file without our help."""
    from evtx import PyEvtxParser

    records: Iterator[dict[str, str]] = PyEvtxParser(str(path)).records_json()  # type: ignore[assignment]
    return [record["data"] for record in records]


def synthetic(count: int) -> bytes:
    """Return a log of our own making."""
    stream = io.BytesIO()
    write_evtx(stream, (event(number) for number in range(count)))
    return stream.getvalue()


def event(number: int) -> dict[str, Any]:
    system = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
        "EventID": 1,
        "TimeCreated": {"#attributes": {"SystemTime": f"2022-07-15T09:{number // 60 % 60:02}:{number % 60:02}.000000Z"}},
        "EventRecordID": 5000 + number,
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Computer": "PRINT01",
    }
    data = {"Image": "C:\\Windows\\System32\\cmd.exe", "CommandLine": f"cmd.exe /c echo {number} përshëndetje", "ProcessId": number}
    return {"Event": {"System": system, "EventData": data}}


@pytest.fixture(params=["synthetic", "real"])
def sample(request: pytest.FixtureRequest) -> bytes:
    """Return a log of several full chunks: without templates our own, with templates one of the shared samples."""
    if request.param == "synthetic":
        return synthetic(260)
    return shared_data("evtx/AutomatedTestingTools/panache_sysmon_vs_EDRTestingScript.evtx").read_bytes()


def used(data: bytes | bytearray) -> list[int]:
    """Return the offsets of the chunks in use."""
    return [at for at in range(HEADER, len(data), CHUNK) if data[at : at + 8] == b"ElfChnk\0"]


def test_contract() -> None:
    check_reader(EvtxReader(), Sample(body=synthetic(5), sniffed=100, grows=False, passes_on=True))


def test_our_own_log_is_read_as_it_was_written() -> None:
    reading = read(synthetic(260))
    assert [each["Event"]["EventData"] for each in reading.objects] == [event(number)["Event"]["EventData"] for number in range(260)]  # type: ignore[index]


def test_every_shared_sample_is_read_as_the_parser_alone_reads_it() -> None:
    paths = sorted(shared_data("evtx").rglob("*.evtx")) + sorted(shared_data("sigma/regression").rglob("*.evtx"))
    assert len(paths) > 250
    for path in paths:
        reading = read(path.read_bytes())
        assert [event.decode() for event in reading.events] == alone(path), path
        assert reading.numbers == list(range(len(reading.events)))
        assert not reading.problems
        assert {batch.source.logsource for batch in reading.batches} == {LogSource("windows")}


def test_short_reads_make_no_difference(sample: bytes) -> None:
    data = sample
    assert read_all(EvtxReader(), data, dribble=True).events == read(data).events


@pytest.mark.parametrize("header", [bytes(HEADER), b"\xff" * HEADER, random.Random(3).randbytes(HEADER), b""])
def test_a_damaged_or_missing_file_header_costs_nothing(sample: bytes, header: bytes) -> None:
    data = sample
    damaged = header + data[HEADER:]
    assert EvtxReader().sniff(damaged[:65536]) >= 60
    reading = read(damaged)
    assert reading.events == read(data).events
    assert [problem.kind for problem in reading.problems] == ["corrupt-header"]


def test_a_damaged_chunk_costs_no_other_chunk(sample: bytes) -> None:
    data = bytearray(sample)
    whole = read(bytes(data))
    victim = used(data)[1]
    data[victim : victim + CHUNK] = random.Random(4).randbytes(CHUNK)
    reading = read(bytes(data))
    assert set(reading.events) < set(whole.events)
    assert reading.events[0] == whole.events[0]
    assert reading.events[-1] == whole.events[-1]
    assert [(problem.kind, problem.place) for problem in reading.problems] == [("corrupt-chunk", "chunk 1")]


def test_a_chunk_header_can_be_lost(sample: bytes) -> None:
    data = bytearray(sample)
    whole = read(bytes(data))
    victim = used(data)[1]
    data[victim : victim + FIRST_RECORD] = bytes(FIRST_RECORD)
    reading = read(bytes(data))
    assert reading.events == whole.events
    assert [(problem.kind, problem.place) for problem in reading.problems] == [("corrupt-chunk", "chunk 1")]


def test_bytes_lost_between_chunks(sample: bytes) -> None:
    data = sample
    cut = used(data)[1] + 1000
    reading = read(data[:cut] + data[cut + 512 * 3 + 7 :])
    whole = read(data)
    assert reading.events[-1] == whole.events[-1]
    assert len(reading.events) > len(whole.events) * 0.6
    assert reading.problems


@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.5, 0.77, 0.999])
def test_a_log_that_ends_early_gives_what_is_there(sample: bytes, fraction: float) -> None:
    data = sample
    data = data[: used(data)[-1] + CHUNK]
    whole = read(data)
    cut = read(data[: int(len(data) * fraction)])
    assert cut.events == whole.events[: len(cut.events)]
    assert len(cut.events) >= len(whole.events) * (fraction - 0.06) * 0.9
    assert cut.count("truncated-file") == 1


def test_a_damaged_record_costs_only_itself(sample: bytes) -> None:
    data = bytearray(sample)
    whole = read(bytes(data))
    chunk = mend(bytes(data[HEADER : HEADER + CHUNK]))
    assert chunk is not None
    victim = HEADER + chunk.offsets[4]
    data[victim + 24] = 0xFF  # the first token of the record's content
    reading = read(bytes(data))
    assert reading.events == whole.events[:4] + whole.events[5:]
    assert reading.numbers == [number for number in range(len(whole.events)) if number != 4]
    assert [(problem.kind, problem.place) for problem in reading.problems] == [
        ("unreadable-record", f"chunk 0, record 4, offset {chunk.offsets[4]}")
    ]


@pytest.mark.parametrize("size", [0, 27, 70_000, 2**32 - 1, 4096])
def test_a_wrong_size_costs_at_most_one_record(sample: bytes, size: int) -> None:
    data = bytearray(sample)
    whole = read(bytes(data))
    chunk = mend(bytes(data[HEADER : HEADER + CHUNK]))
    assert chunk is not None
    struct.pack_into("<I", data, HEADER + chunk.offsets[4] + 4, size)
    reading = read(bytes(data))
    assert len(reading.events) >= len(whole.events) - 1
    assert reading.numbers[-1] == len(whole.events) - 1


def test_a_time_that_is_none_costs_no_record(sample: bytes) -> None:
    data = bytearray(sample)
    chunk = mend(bytes(data[HEADER : HEADER + CHUNK]))
    assert chunk is not None
    struct.pack_into("<Q", data, HEADER + chunk.offsets[4] + 16, 2**64 - 1)
    assert read(bytes(data)).events == read(sample).events


def test_a_stale_chunk_header_hides_no_record(sample: bytes) -> None:
    data = bytearray(sample)
    whole = read(bytes(data))
    chunk = mend(bytes(data[HEADER : HEADER + CHUNK]))
    assert chunk is not None
    struct.pack_into("<QQQQIII", data, HEADER + 8, 1, 3, 1, 3, 128, chunk.offsets[2], chunk.offsets[3])
    assert read(bytes(data)).events == whole.events


def test_remains_of_a_cleared_log_are_not_taken_for_its_records() -> None:
    path = shared_data("evtx")
    for name in ("sysmon_1_exec_via_sql_xpcmdshell.evtx", "PrivEsc_NetSvc_SessionToken_Retrival_via_localSMB_Auth_5145.evtx"):
        assert len(read(next(path.rglob(name)).read_bytes()).events) == 1


def test_a_circle_in_the_string_table_ends(sample: bytes) -> None:
    data = bytearray(sample)
    chunk = HEADER
    offsets = [at for at in struct.unpack_from("<64I", data, chunk + 128) if at]
    struct.pack_into("<I", data, chunk + offsets[0], offsets[1])
    struct.pack_into("<I", data, chunk + offsets[1], offsets[0])
    assert len(read(bytes(data)).events) >= len(read(sample).events) - 2


def test_flipped_bits_never_stop_the_reading(sample: bytes) -> None:
    data = sample
    data = data[: used(data)[1] + CHUNK]
    whole, dice = read(data), random.Random(6)
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(dice.choice((1, 5, 50))):
            damaged[dice.randrange(HEADER, len(damaged))] ^= 1 << dice.randrange(8)
        reading = read(bytes(damaged))
        lost = reading.count("unreadable-record") + 100 * reading.count("corrupt-chunk")
        assert len(reading.events) + lost >= len(whole.events)


def test_noise_is_not_claimed_and_gives_problems() -> None:
    dice = random.Random(8)
    assert EvtxReader().sniff(b"") == EvtxReader().sniff(dice.randbytes(65536)) == EvtxReader().sniff(b"ElfFil\0") == 0
    for size in (1, 100, 5000, 70_000, 140_000):
        reading = read(dice.randbytes(size))
        assert not reading.events
        assert reading.problems
    assert not read(b"").problems


def test_memory_is_that_of_one_batch(sample: bytes, tmp_path: Path) -> None:
    import tracemalloc

    from kulla.model.problem import Problems
    from kulla.telemetry.reader import Origin

    data = sample
    path = tmp_path / "long.evtx"
    chunks = b"".join(data[at : at + CHUNK] for at in used(data))
    with path.open("wb") as file:
        file.write(data[:HEADER])
        for _ in range(40):
            file.write(chunks)
    tracemalloc.start()
    with path.open("rb", buffering=0) as file:
        events = sum(len(batch) for batch in EvtxReader().read(file, Origin("long", Problems())))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert events == 40 * len(read(data).events)
    assert peak < 16 * 1024 * 1024


def test_a_chunk_of_zeros_is_none() -> None:
    assert mend(bytes(CHUNK_BYTES)) is None
