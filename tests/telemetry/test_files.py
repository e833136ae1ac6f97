"""From paths to batches: folders, links, globs, standard input, forced formats, files without a log, progress."""

from __future__ import annotations

import gzip
import io
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kulla.model.errors import UsageError
from kulla.model.problem import Problems
from kulla.telemetry import readers
from kulla.telemetry.files import Input, Other, inputs, read_path, total_bytes
from tests.shared_data import shared_data

LINES = b'{"EventID":1,"Channel":"Security"}\n' * 3


def found(*paths: str) -> tuple[list[str], Problems]:
    problems = Problems()
    return [entry.path for entry in inputs(paths, problems)], problems


def write(path: Path, content: bytes = LINES) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def test_folders_are_walked_in_the_order_of_names(tmp_path: Path) -> None:
    expected = [write(tmp_path / name) for name in ("a/1.log", "a/2/x.log", "a/3.log", "b.log", "B/c.log")]
    paths, problems = found(str(tmp_path))
    assert paths == sorted(expected)
    assert not len(problems)
    assert found(str(tmp_path), str(tmp_path / "a"), paths[0])[0] == paths


def test_loops_of_links_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a" / "x.log")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    paths, problems = found(str(tmp_path))
    assert paths == [path]
    assert [problem.kind for problem in problems] == ["unreadable-file"]


def test_a_tree_deeper_than_the_call_stack(tmp_path: Path) -> None:
    start, names = os.open(tmp_path, os.O_RDONLY), []
    folder = start
    for _ in range(600):
        os.mkdir("d", dir_fd=folder)
        names.append(folder)
        folder = os.open("d", os.O_RDONLY, dir_fd=folder)
    with os.fdopen(os.open("x.log", os.O_CREAT | os.O_WRONLY, dir_fd=folder), "wb") as file:
        file.write(LINES)
    for descriptor in (*names, folder):
        os.close(descriptor)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        paths, _ = found(str(tmp_path))
    finally:
        sys.setrecursionlimit(limit)
    assert len(paths) == 1


def test_globs(tmp_path: Path) -> None:
    one, two, three = (write(tmp_path / name) for name in ("a1.log", "b/a2.log", "[c].log"))
    assert found(str(tmp_path / "*.log"))[0] == sorted([one, three])
    assert found(str(tmp_path / "**" / "a*.log"))[0] == [one, two]
    assert found(three)[0] == [three]
    paths, problems = found(str(tmp_path / "*.none"), str(tmp_path / "none"))
    assert not paths
    assert [problem.kind for problem in problems] == ["unreadable-file"] * 2


def test_pipes_inside_a_folder_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    paths, problems = found(str(tmp_path))
    assert not paths
    assert len(problems) == 1
    assert found(str(tmp_path / "pipe"))[0] == [str(tmp_path / "pipe")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_counted(tmp_path: Path) -> None:
    path = Path(write(tmp_path / "x.log"))
    path.chmod(0)
    (tmp_path / "closed").mkdir(mode=0)
    paths, problems = found(str(tmp_path))
    assert not list(read_path(paths[0], problems))
    assert [problem.kind for problem in problems] == ["unreadable-file"] * 2
    (tmp_path / "closed").chmod(stat.S_IRWXU)


def test_a_file_that_vanished_or_is_no_name_is_counted(tmp_path: Path) -> None:
    for path in (str(tmp_path / "gone"), "nul\0byte", str(tmp_path)):
        problems = Problems()
        assert not list(read_path(path, problems))
        assert [problem.kind for problem in problems] == ["unreadable-file"]
    assert len(found("nul\0byte")[1]) == 1


def test_total_and_progress_agree(tmp_path: Path) -> None:
    write(tmp_path / "a.log", LINES * 9000)
    write(tmp_path / "b.gz", gzip.compress(LINES))
    write(tmp_path / "c.txt", b"no log")
    problems = Problems()
    steps: list[int] = []
    entries = list(inputs([str(tmp_path)], problems))
    events = sum(len(batch) for entry in entries for batch in read_path(entry.path, problems, on_bytes=steps.append))
    assert events == 27_003
    assert sum(steps) == total_bytes(entries) == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert total_bytes([*entries, Input("-")]) is None


def test_formats_are_recognised_by_content_inside_an_archive(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("events.txt", LINES)
        archive.writestr("trail.log", b'{"Records":[{"eventSource":"s","eventName":"n","awsRegion":"r"}]}')
        archive.writestr("notes.json", b"not a log at all")
    path = write(tmp_path / "evidence.bin", buffer.getvalue())
    problems = Problems()
    batches = list(read_path(path, problems))
    assert [(batch.source.path, batch.source.format, len(batch)) for batch in batches] == [
        (f"{path}!events.txt", "windows-json", 3),
        (f"{path}!trail.log", "cloudtrail", 1),
    ]
    assert [(problem.path, problem.kind) for problem in problems] == [(f"{path}!notes.json", "unknown-format")]


def test_other_files_are_handed_on_whole(tmp_path: Path) -> None:
    content = b"MZ" + bytes(200_000)
    path = write(tmp_path / "x.exe", content)
    taken: list[tuple[str, bytes, bytes]] = []
    problems = Problems()

    def take(other: Other) -> None:
        taken.append((other.path, other.head, other.content(1_000_000)))

    assert not list(read_path(path, problems, on_other=take))
    assert taken == [(path, content[:65536], content)]
    assert not len(problems)


def test_an_archive_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    problems = Problems()
    list(read_path(write(tmp_path / "x", b"7z\xbc\xaf\x27\x1c" + bytes(100)), problems))
    assert "7-Zip" in next(iter(problems)).message


def test_an_empty_file_is_no_problem(tmp_path: Path) -> None:
    problems = Problems()
    assert not list(read_path(write(tmp_path / "empty", b""), problems))
    assert not len(problems)


def test_a_format_can_be_forced(tmp_path: Path) -> None:
    path = write(tmp_path / "x", b"\n\nnot json\n" + LINES)
    batches = list(read_path(path, Problems(), format_in="jsonl"))
    assert sum(map(len, batches)) == 4
    with pytest.raises(UsageError, match="no input format is called 'jsonx'"):
        list(read_path(path, Problems(), format_in="jsonx"))


def test_standard_input() -> None:
    program = (
        "from kulla.model.problem import Problems; from kulla.telemetry.files import read_path, inputs\n"
        "p = Problems(); print([(b.source.path, b.source.format, len(b)) for i in inputs(['-'], p) for b in read_path(i.path, p)], list(p))"
    )
    result = subprocess.run([sys.executable, "-c", program], input=gzip.compress(LINES), capture_output=True, check=True)
    assert result.stdout.decode().strip() == "[('-', 'windows-json', 3)] []"


def test_a_failing_disk_ends_the_file_and_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(io.RawIOBase):
        """A file whose second read fails, as a bad sector makes it."""

        def __init__(self) -> None:
            self._reads = 0

        def fileno(self) -> int:
            return real.fileno()

        def read(self, size: int = -1, /) -> bytes:
            self._reads += 1
            if self._reads > 1:
                raise OSError(5, "Input/output error")
            return LINES

    with Path(write(tmp_path / "x")).open("rb") as real:
        monkeypatch.setattr("builtins.open", lambda *_, **__: Failing())
        problems = Problems()
        batches = list(read_path("x", problems))
    assert sum(map(len, batches)) == 3
    assert [(problem.kind, problem.place, problem.count) for problem in problems] == [("unreadable-file", f"offset {len(LINES)}", 1)]


def test_every_registered_reader_says_its_own_name() -> None:
    loaded, missing = readers.available()
    assert not missing
    assert [each.name for each in loaded] == list(readers.READERS)


def test_a_reader_that_cannot_be_loaded_is_named_in_the_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(readers.READERS, "odd", "no_such_module:OddReader")
    readers.available.cache_clear()
    try:
        problems = Problems()
        list(read_path(write(tmp_path / "x", b"???"), problems))
        assert "odd is not available" in next(iter(problems)).message
    finally:
        readers.available.cache_clear()


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("cloudtrail/cloudtrail.zip", "cloudtrail"),
        ("zeek/dns.log.gz", "zeek"),
        ("zeek/rdp.json.gz", "zeek-json"),
        ("webserver/apache-w3af.log.gz", "weblog"),
        ("otrf/windows-host.jsonl.zst", "windows-json"),
        ("evtx/UACME_59_Sysmon.evtx", "evtx"),
        ("sigma/regression", "evtx"),
    ],
)
def test_shared_data_are_recognised(name: str, reader: str) -> None:
    problems = Problems()
    entries = [entry for entry in inputs([str(shared_data(name))], problems) if not entry.path.endswith((".yml", ".json"))]
    formats = {batch.source.format for entry in entries[:20] for batch in read_path(entry.path, problems)}
    assert formats == {reader}
    assert not [problem for problem in problems if problem.kind != "unknown-format"]


def test_a_rule_archive_is_walked_without_a_crash() -> None:
    problems, others = Problems(), []
    list(read_path(str(shared_data("sigma/sigma_rules.zip")), problems, on_other=lambda other: others.append(other.path)))
    assert len(others) > 3000
