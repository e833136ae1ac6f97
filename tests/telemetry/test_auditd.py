"""The Linux audit log."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.telemetry import audit
from kulla.telemetry.readers.auditd import AuditdReader
from kulla.telemetry.syscalls import syscall_name
from tests.telemetry.golden_pairs import check_golden, inputs
from tests.telemetry.reader_contract import Reading, Sample, check_form, check_reader, read_all


def test_contract() -> None:
    check_reader(AuditdReader(), Sample(body=_execve(1, "ls", "x" * 3000) + _execve(2, "id")))


@pytest.mark.parametrize("source", inputs("auditd"), ids=lambda path: path.name)
def test_golden(source: Path) -> None:
    check_golden(AuditdReader(), source)


def _execve(serial: int, *arguments: str) -> bytes:
    stamp = f"1657876443.{serial % 1000:03}:{serial}"
    given = " ".join(f"a{index}={argument.encode().hex().upper()}" for index, argument in enumerate(arguments))
    return (
        f'type=SYSCALL msg=audit({stamp}): arch=c000003e syscall=59 a0=1 a1=2 a2=3 a3=4 pid=7 uid=0 exe="/usr/bin/x" key="k"\n'
        f"type=EXECVE msg=audit({stamp}): argc={len(arguments)} {given}\n"
        f'type=CWD msg=audit({stamp}): cwd="/"\n'
    ).encode()


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=6))
def test_arguments_come_back(arguments: list[str]) -> None:
    (event,) = read_all(AuditdReader(), _execve(1, *arguments)).objects
    assert [event[f"a{index}"] for index in range(len(arguments))] == arguments
    assert event["CommandLine"] == " ".join(arguments)
    assert event["syscall_a0"] == "1"
    assert event["SYSCALL"] == "execve"
    assert event["type"] == ["SYSCALL", "EXECVE", "CWD"]


@given(st.permutations([line for serial in (1, 2, 3) for line in _execve(serial, "id", str(serial)).splitlines(keepends=True)]))
def test_interleaving_changes_no_event(lines: list[bytes]) -> None:
    reading = read_all(AuditdReader(), b"".join(lines))
    assert not reading.problems
    assert sorted(str(event["a1"]) for event in reading.objects) == ["1", "2", "3"]
    assert all(event["exe"] == "/usr/bin/x" and event["cwd"] == "/" for event in reading.objects)


def _window(reading: Reading) -> list[object]:
    return [event["serial"] for event in reading.objects]


def test_a_record_that_comes_too_late_is_an_event_of_its_own_and_counted() -> None:
    others = b"".join(_execve(serial, "id") for serial in range(10, 12 + audit.WAITING_EVENTS))
    first, *late = _execve(1, "id").splitlines(keepends=True)
    reading = read_all(AuditdReader(), first + others + b"".join(late))
    assert reading.count("late-record") == 1
    assert _window(reading)[0] == _window(reading)[-1] == "1"
    assert len(reading.events) == audit.WAITING_EVENTS + 4


def test_one_event_without_end_is_cut() -> None:
    path = b'type=PATH msg=audit(1657876443.120:1): item=0 name="/etc/%d" nametype=NORMAL\n'
    reading = read_all(AuditdReader(), b"".join(path % index for index in range(90_000)))
    assert sum(len(event["name"]) for event in reading.objects if isinstance(event["name"], list)) == 90_000
    assert reading.count("late-record") == len(reading.events) - 1 > 0


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_counted(noise: bytes) -> None:
    head = b"type=SYSCALL msg=audit(1657876443.120:1): "
    for data in (noise, head + noise, head.replace(b"SYSCALL", b"EXECVE") + b"a0=" + noise, head.replace(b"SYSCALL", b"SOCKADDR") + noise):
        check_form(read_all(AuditdReader(), data))


@given(st.text("0123456789ABCDEF", max_size=80))
def test_any_socket_address(saddr: str) -> None:
    check_form(read_all(AuditdReader(), f"type=SOCKADDR msg=audit(1657876443.120:1): saddr={saddr}\n".encode()))


def test_a_socket_address_of_ipv6() -> None:
    saddr = "0A0001BB00000000" + "20010DB8000000000000000000000017" + "00000000"
    (event,) = read_all(AuditdReader(), f"type=SOCKADDR msg=audit(1657876443.120:1): saddr={saddr}\n".encode()).objects
    assert (event["DestinationIp"], event["DestinationPort"]) == ("2001:db8::17", "443")


def test_hostile_lines_take_linear_time() -> None:
    for piece in ("a=", '"', "'", "a" * 9, "avc:  denied { ", "=", "[1]", " "):
        audit.parse("type=EXECVE msg=audit(1657876443.120:1): " + piece * 100_000)
        audit.parse("type=EXECVE msg=audit(" + piece * 100_000)


@pytest.mark.parametrize(
    ("arch", "number", "name"),
    [
        ("c000003e", "59", "execve"),
        ("C000003E", "435", "clone3"),
        ("c00000b7", "221", "execve"),
        ("c00000b7", "249", None),
        ("x", "1", None),
    ],
)
def test_system_calls(arch: str, number: str, name: str | None) -> None:
    assert syscall_name(arch, number) == name
