"""A file appears complete under its name, or not at all; standard output fails in the user's words."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from kulla.model.errors import KullaError, UsageError
from kulla.reporting.sink import OutputError, open_output


def fill(path: Path, data: bytes = b"result\n", *, force: bool = False, then: Callable[[], object] = lambda: None) -> None:
    """Write ``data``, then do something before the block ends."""
    with open_output(str(path), force=force) as sink:
        sink.write(data)
        then()


def raising(failure: BaseException) -> Callable[[], object]:
    def stop() -> object:
        raise failure

    return stop


def test_the_file_appears_only_when_complete(tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    with open_output(str(target)) as sink:
        sink.write(b"one\n")
        assert not target.exists()
        assert [entry.name.startswith(".out.jsonl.tmp-") for entry in tmp_path.iterdir()] == [True]
    assert target.read_bytes() == b"one\n"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit, UsageError])
def test_nothing_is_left_after_a_failure(tmp_path: Path, failure: type[BaseException]) -> None:
    with pytest.raises(failure):
        fill(tmp_path / "out", then=raising(failure("stop")))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_without_force(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    with pytest.raises(UsageError, match="--force"):
        fill(target)
    assert target.read_bytes() == b"old"
    fill(target, force=True)
    assert target.read_bytes() == b"result\n"


def test_the_old_file_stays_when_a_forced_run_fails(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        fill(target, force=True, then=raising(RuntimeError()))
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(UsageError, match="exists"):
        fill(target, then=lambda: target.write_bytes(b"somebody else's"))
    assert target.read_bytes() == b"somebody else's"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(("make", "told"), [(lambda p: p / "missing" / "out", "does not exist"), (lambda p: p, "folder")])
def test_a_wrong_place_is_a_usage_error(tmp_path: Path, make: Callable[[Path], Path], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        fill(make(tmp_path))


def test_a_link_keeps_pointing_to_the_new_file(tmp_path: Path) -> None:
    target, link = tmp_path / "real", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    fill(link, force=True)
    assert link.is_symlink()
    assert target.read_bytes() == b"result\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_is_written_and_stays_a_device() -> None:
    fill(Path(os.devnull))
    assert not Path(os.devnull).is_file()
    with pytest.raises(OutputError, match="no space left") as caught:
        fill(Path("/dev/full"), b"x" * 100_000)
    assert caught.value.exit_code == 1
    assert not Path("/dev/full").is_file()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_leaves_no_file(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let a file system be mounted")
    try:
        with pytest.raises(KullaError, match="no space left"):
            fill(tmp_path / "out", b"x" * 1_000_000)
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_file_over_the_size_limit_leaves_no_file(tmp_path: Path) -> None:
    """A full disk as every machine can have it: the process may not write files over 4 KiB."""
    done = run(
        f"""
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        with open_output({str(tmp_path / "out")!r}) as sink:
            sink.write(b"x" * 100_000)
        """
    )
    assert "no space left" in done.stderr
    assert list(tmp_path.iterdir()) == []


def run(program: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    code = "from kulla.reporting.sink import open_output\n" + textwrap.dedent(program)
    return subprocess.run([sys.executable, "-c", code], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


def test_standard_output() -> None:
    assert run('with open_output(None) as sink: sink.write(b"a\\n")').stdout == "a\n"
    assert run('with open_output("-") as sink: sink.write(b"a\\n")').stdout == "a\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_is_told_once() -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(
            """
            import sys
            from kulla.model.errors import KullaError
            try:
                with open_output(None) as sink: sink.write(b"a" * 10)
            except KullaError as error:
                print(error, file=sys.stderr)
                sys.exit(error.exit_code)
            """,
            stdout=full.fileno(),
        )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no space left" in done.stderr


def test_a_broken_pipe_is_quiet() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(
        """
        import sys
        try:
            with open_output(None) as sink: sink.write(b"a" * 100_000)
        except BrokenPipeError:
            sys.exit(0)
        """,
        stdout=writing,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
