"""The example indicators are valid STIX 2.1, marked, and stand in the evidence where they say so."""

import json
import warnings
from pathlib import Path

import pytest

from examples.make_evidence import evidence

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # stix2 and what it imports are not ours
    import stix2

INDICATORS = Path(__file__).resolve().parents[2] / "examples" / "indicators"
BUNDLE = json.loads((INDICATORS / "ally.stix.json").read_text(encoding="utf-8"))
PATTERNS = {item["name"]: item["pattern"] for item in BUNDLE["objects"] if item["type"] == "indicator"}
EVERYTHING = b"".join(evidence().values()).lower()
UNSEEN = {"Network of the operator"}


def test_the_bundle_is_valid_stix() -> None:
    parsed = stix2.parse(BUNDLE, allow_custom=False)
    assert len(parsed.objects) == len(BUNDLE["objects"])


def test_everything_carries_its_marking() -> None:
    (marking,) = (item for item in BUNDLE["objects"] if item["type"] == "marking-definition")
    assert marking["name"] == "TLP:GREEN"
    assert all(item["object_marking_refs"] == [marking["id"]] for item in BUNDLE["objects"] if item is not marking)


@pytest.mark.parametrize("name", sorted(PATTERNS.keys() - UNSEEN))
def test_what_is_said_to_be_seen_is_in_the_evidence(name: str) -> None:
    value = PATTERNS[name].split("= ")[1].strip("'[]")
    assert value.lower().encode() in EVERYTHING


def test_what_is_said_not_to_be_seen_is_not() -> None:
    assert not any(f"203.0.113.{number}".encode() in EVERYTHING for number in range(64, 128))


def test_the_list_is_defanged_and_hits_the_evidence() -> None:
    lines = (INDICATORS / "list.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert all("[" in line or len(line) == 64 for line in lines)
    plain = [line.replace("[", "").replace("]", "").replace("hxxp", "http") for line in lines]
    assert [value for value in plain if value.encode() not in EVERYTHING] == ["https://cdn-sync.example/update/relay.dll"]
