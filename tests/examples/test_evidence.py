"""The synthetic evidence is what its program makes, harmless, and labelled."""

import gzip
import ipaddress
import json
import re
from pathlib import Path

import pytest

from examples.make_evidence import damaged, evidence, gzipped, write

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DOCUMENTATION = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "127.0.0.0/8")]
FILES = {**{f"evidence/{path}": content for path, content in evidence().items()}}
ADDRESS = re.compile(rb"(?<![\d./])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")


def on_disk(folder: str) -> dict[str, bytes]:
    root = EXAMPLES / folder
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_evidence_in_the_repository_is_what_the_program_makes() -> None:
    assert on_disk("evidence") == evidence()


def test_the_damaged_files_are_what_the_program_makes() -> None:
    assert on_disk("damaged") == damaged()


def test_the_gzip_file_before_it_is_cut_is_whole() -> None:
    content = evidence()["FILES01/nxlog.jsonl"]
    assert gzip.decompress(gzipped(content)) == content
    with pytest.raises(EOFError):
        gzip.decompress(damaged()["FILES01/nxlog.jsonl.gz"])


def test_the_program_writes_over_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "DC01").mkdir()
    (tmp_path / "DC01/security.jsonl").write_text("older")
    write(evidence(), tmp_path)
    assert (tmp_path / "DC01/security.jsonl").read_bytes() == evidence()["DC01/security.jsonl"]


def test_it_is_small_and_has_some_hundred_records() -> None:
    files = evidence()
    assert sum(map(len, files.values())) < 1_000_000
    records = sum(line[:1] != b"#" for content in files.values() for line in content.splitlines())
    assert 500 <= records <= 800


@pytest.mark.parametrize("path", FILES)
def test_every_address_is_one_for_documentation(path: str) -> None:
    texts = re.sub(rb"(?:Chrome|Microsoft\+Office|requests|Client)/[\d.]+|#Version: [\d.]+", b"", FILES[path])
    for found in ADDRESS.findall(texts):
        assert any(ipaddress.ip_address(found.decode()) in net for net in DOCUMENTATION), found


@pytest.mark.parametrize("path", FILES)
def test_every_domain_is_one_for_documentation(path: str) -> None:
    named = re.findall(rb"(?<=@)[\w.-]+|\b[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|io|al|ir|gov)\b", FILES[path].lower())
    known = re.compile(rb"(.*\.)?(example|example\.(org|net)|microsoft\.net|asp\.net)|schemas\.microsoft\.com")
    assert [name for name in named if not known.fullmatch(name)] == []


@pytest.mark.parametrize("path", [path for path in FILES if path.endswith(".jsonl")])
def test_every_line_is_one_json_object(path: str) -> None:
    events = [json.loads(line) for line in FILES[path].splitlines()]
    assert all(isinstance(event, dict) for event in events)


def test_it_is_labelled() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert "synthetic" in readme.splitlines()[0].lower()
    assert all(f"`{folder.name}/" in readme for folder in (EXAMPLES / "evidence").iterdir())
