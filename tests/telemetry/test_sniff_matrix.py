"""No reader takes another's file: every sample against every reader."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from kulla.telemetry.readers import READERS, reader
from tests.shared_data import ROOT as SHARED
from tests.telemetry.golden_pairs import ROOT

TEXT_FORMATS = ("zeek", "iis", "exchange", "m365csv", "auditd", "weblog", "squid", "dns", "syslog", "csv")
SAMPLES = [(path.parent.name, path) for name in TEXT_FORMATS for path in sorted((ROOT / name).iterdir()) if path.suffix != ".jsonl"]
OTHERS = {
    "json lines": b'{"EventID": 1, "time": "2022-07-15T09:14:03Z", "message": "a=b, c=d"}\n' * 3,
    "json array": b'[{"EventID": 1, "b": 2},\n{"EventID": 2, "b": 3}]\n',
    "xml": b"<Event><System><EventID>1</EventID></System></Event>\n" * 3,
    "evtx": b"ElfFile\0" + b"\0" * 200,
    "prose": b"It was a dark and stormy night; the rain fell in torrents,\nexcept at occasional intervals.\n" * 3,
    "shell": b"#!/bin/sh\nset -e\nfor x in 1 2 3; do echo $x | cat; done\n",
    "python": b'"""A module."""\nimport os, sys\n\ndef f(a, b):\n    return a | b\n',
    "html": b"<!DOCTYPE html>\n<html><head><title>x, y</title></head></html>\n",
    "yaml": b"title: a\nlogsource:\n  product: windows\ndetection:\n  a: b\n",
    "application log": b"2022-07-15 09:14:03,120 INFO main started, all well\n2022-07-15 09:14:04,000 ERROR x: y\n" * 3,
}


@pytest.mark.parametrize(("name", "path"), SAMPLES, ids=lambda value: value if isinstance(value, str) else value.name)
def test_each_sample_has_one_reader(name: str, path: Path) -> None:
    head = path.read_bytes()[:65536]
    answers = {other: reader(other).sniff(head) for other in READERS}
    best = max(READERS, key=lambda other: answers[other])
    assert best == name, answers
    assert all(answer < answers[name] for other, answer in answers.items() if other != name), answers


@pytest.mark.parametrize("head", OTHERS.values(), ids=OTHERS)
def test_other_files_are_not_claimed(head: bytes) -> None:
    answers = {name: reader(name).sniff(head) for name in TEXT_FORMATS}
    assert max(answers.values()) < 50, answers


@pytest.mark.parametrize("path", sorted(SHARED.glob("zeek/*.gz")) + sorted(SHARED.glob("webserver/*.gz")), ids=lambda path: path.name)
def test_real_files(path: Path) -> None:
    with gzip.open(path) as stream:
        head = stream.read(65536)
    expected = "weblog" if path.parent.name == "webserver" else "zeek" if path.name.endswith(".log.gz") else "json"
    answers = {name: reader(name).sniff(head) for name in TEXT_FORMATS}
    assert (max(answers, key=lambda name: answers[name]) if max(answers.values()) >= 50 else "json") == expected, answers
