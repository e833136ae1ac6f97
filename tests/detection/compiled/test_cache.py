"""The compiled form on disk: the same tables come back, and a damaged file is no file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kulla.detection.compiled import cache
from kulla.detection.compiled.build import Compiled, build
from kulla.detection.eventclass import Probe
from kulla.detection.ir import And, Not, Op, Predicate, Rule
from kulla.detection.logsources import builtin
from kulla.model.logsource import LogSource

RULES = (
    Rule("one", "One", LogSource("windows", "process_creation"), Predicate("Image", Op.ENDSWITH, "\\cmd.exe")),
    Rule("two", "Two", LogSource("linux"), And((Predicate("message", Op.REGEX, "a+b"), Not(Predicate("x", Op.EXISTS))))),
)
BASES = (LogSource("windows"), LogSource("linux"), LogSource())


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    catalogue = builtin()
    return build(RULES, catalogue.classes_for(BASES), catalogue.probes, BASES, ["image"], seed=1)


@pytest.fixture
def kept(compiled: Compiled, tmp_path: Path) -> Path:
    path = tmp_path / "rules.compiled"
    cache.save(path, compiled, {"rules": RULES}, {"note": ["kept"]})
    return path


def test_comes_back(compiled: Compiled, kept: Path) -> None:
    found = cache.load(kept)
    assert found is not None
    loaded, shelves, meta = found
    assert tuple(shelves["rules"]) == RULES
    assert shelves["rules"][-1] == RULES[-1]
    assert meta == {"note": ["kept"]}
    assert (loaded.fields, loaded.classes, loaded.bases, loaded.asked_fields) == (
        compiled.fields,
        compiled.classes,
        compiled.bases,
        compiled.asked_fields,
    )
    assert tuple(loaded.leaves) == tuple(compiled.leaves)
    for (name, mine), (other, theirs) in zip(cache._arrays(compiled.tables), cache._arrays(loaded.tables), strict=True):
        assert name == other
        assert mine.dtype == theirs.dtype
        assert np.array_equal(mine, theirs)


def test_nothing_half_written(compiled: Compiled, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        cache.save(tmp_path / "rules.compiled", compiled, {"rules": [object()]}, {})
    assert list(tmp_path.iterdir()) == []


def test_missing_file(tmp_path: Path) -> None:
    assert cache.load(tmp_path / "none") is None


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_file_is_no_file_or_whole(kept: Path, data: st.DataObject) -> None:
    whole = kept.read_bytes()
    size = data.draw(st.integers(0, len(whole) - 1))
    short = kept.with_name("short")
    short.write_bytes(whole[:size])
    found = cache.load(short)
    # Only the padding behind the last section may be missing without harm.
    assert found is None or size >= len(whole) - 64


def test_shelf_bounds(kept: Path) -> None:
    found = cache.load(kept)
    assert found is not None
    shelf = found[1]["rules"]
    assert list(shelf[0:1]) == [RULES[0]]
    with pytest.raises(IndexError):
        shelf[2]


def test_base_number_falls_to_the_closest_wider(compiled: Compiled) -> None:
    assert compiled.base_number(LogSource("windows", None, "security")) == 0
    assert compiled.base_number(LogSource("other")) == 2
    assert compiled.class_number("no such class") == len(compiled.classes) - 1


def test_probes_are_in_the_tables(compiled: Compiled) -> None:
    assert len(compiled.tables.classes.probes) == len(builtin().probes)
    assert all(isinstance(probe, Probe) for probe in builtin().probes)
