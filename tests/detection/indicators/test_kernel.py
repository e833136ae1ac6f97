"""The compiled probe against the oracle, and the oracle's index against plain comparison."""

from __future__ import annotations

from ipaddress import ip_network

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kulla.detection.folding import fold
from kulla.detection.indicators.hashing import TREE, TYPES, address_key, address_keys, text_key, text_keys
from kulla.detection.indicators.index import IndicatorIndex, build_index
from kulla.detection.indicators.indicator_set import PLAIN, IndicatorBuilder, Term
from kulla.detection.indicators.matcher import confirm, match_value
from kulla.detection.observables import Mode, observables_in
from kulla.model.observable import Observable, ObservableType
from kulla.model.problem import Problems

T = ObservableType

#: Pieces from which values are put together: they collide with each other and with what stands around them.
PIECES = (
    "evil.example", "a.b.evil.example", "xn--mnchen-3ya.example", "münchen.example", "İSTANBUL.example", "192.0.2.7", "198.51.100.23",
    "::ffff:192.0.2.7", "::FFFF:c000:207", "2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:db8:5::2", "fe80::1%eth0", "1::2::3",
    "12:34:56", "http://", "https://", "ftp://", "hxxp://", "user:pw@", ":80", ":443", ":21", ":8080", "/a/b?c=d", "?q", "#frag", "/", "\\",
    "\\??\\", "\\\\?\\", "C:\\Temp\\", "evil.dll", "setup.exe", "README", ".", "..", ",", ";", " ", "\t", "\n", '"', "'", "(", ")", "[",
    "]",    "<", ">", "@", "+", "%", "=", ":", "-", "_", "joe", "CORP\\joe", "joe@evil.example", "x+y@münchen.example", "HKLM\\",
    "HKEY_LOCAL_MACHINE\\", "HKU\\", "S-1-5-21-7\\", "\\REGISTRY\\USER\\", "Software\\Run", "SHA1=", "IMPHASH=", "0" * 31, "f",
    "AB" * 16, "ab" * 20, "cd" * 32, "ef" * 64, "\u00e9", "\u0130", "\U0001f600", "\ufffd", "\0",
)  # fmt: skip
values = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=10).map("".join),
    st.text(alphabet="0123456789abcdef:.[]%/", max_size=50),
    st.text(alphabet='ab.@:/-+ \\"?#', max_size=40),
)
modes = st.integers(min_value=1, max_value=int(max(Mode)) * 2 - 1)


def index_of(*terms: tuple[ObservableType, str, bool], seed: int = 7) -> IndicatorIndex:
    builder = IndicatorBuilder(Problems())
    for number, (kind, value, tree) in enumerate(terms):
        builder.add(PLAIN, (Term(Observable(kind, value), tree),), "list.txt", f"line {number}")
    return build_index(builder.finish(), seed)


def probed(index: IndicatorIndex, text: str, mode: int, *, room: int = 256) -> list[int]:
    from kulla.detection.indicators.kernel import probe_value

    folded = fold(text).encode("utf-8")
    # Surrounded by other bytes, which must not be looked at.
    buffer = np.frombuffer(b"evil.exam" + folded + b"ple/evil", dtype=np.uint8)
    out = np.full(room, -1, dtype=np.int64)
    count = probe_value(buffer, 9, 9 + len(folded), mode, index.table, out, 0)
    assert (out[count:] == -1).all()
    return out[:count].tolist()


def compared(index: IndicatorIndex, text: str, mode: int) -> None:
    groups = probed(index, text, mode)
    assert len(groups) == len(set(groups))
    assert confirm(index, groups, text, mode) == match_value(index, text, mode)


@settings(max_examples=400, deadline=None)
@given(text=values, mode=modes, more=st.lists(values, max_size=4))
def test_kernel_finds_what_the_oracle_finds(text: str, mode: int, more: list[str]):
    seen = {one for other in (text, *more) for one in observables_in(other, Mode(mode))}
    terms = [(one.type, one.value, False) for one in sorted(seen, key=repr)]
    terms += [(one.type, one.value.partition(".")[2], True) for one in sorted(seen, key=repr) if one.type == T.DOMAIN]
    terms += [(one.type, network_of(one), False) for one in sorted(seen, key=repr) if one.type in (T.IPV4, T.IPV6)]
    index = index_of(*terms)
    compared(index, text, mode)


def network_of(observable: Observable) -> str:
    return str(ip_network(f"{observable.value}/{20 if observable.type == T.IPV4 else 45}", strict=False))


@settings(max_examples=300, deadline=None)
@given(text=values, mode=modes)
def test_every_extracted_observable_is_found_by_itself(text: str, mode: int):
    for one in observables_in(text, Mode(mode)):
        index = index_of((one.type, one.value, False))
        if index.indicators.terms:
            assert [match.observable for match in confirm(index, probed(index, text, mode), text, mode)] == [one]


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), mode=modes)
def test_any_bytes_are_probed_without_harm(data: bytes, mode: int):
    from kulla.detection.indicators.kernel import probe_value

    index = index_of((T.IPV4, "192.0.2.7", False), (T.DOMAIN, "evil.example", True), (T.URL, "http://evil.example/", False))
    out = np.zeros(4, dtype=np.int64)
    assert probe_value(np.frombuffer(data + b"\0", dtype=np.uint8), 0, len(data), mode, index.table, out, 0) >= 0


def test_more_hits_than_room_are_counted_and_not_written():
    index = index_of(*((T.IPV4, f"192.0.2.{last}", False) for last in range(20)))
    text = " ".join(f"192.0.2.{last}" for last in range(20))
    from kulla.detection.indicators.kernel import probe_value

    buffer = np.frombuffer(text.encode(), dtype=np.uint8)
    out = np.full(8, -1, dtype=np.int64)
    assert probe_value(buffer, 0, len(buffer), int(Mode.SCAN), index.table, out, 3) == 23
    assert (out[:3] == -1).all()
    assert len(set(out[3:].tolist())) == 5


def test_hits_of_an_earlier_value_stay_and_may_come_again():
    index = index_of((T.IPV4, "192.0.2.7", False))
    from kulla.detection.indicators.kernel import probe_value

    buffer = np.frombuffer(b"192.0.2.7", dtype=np.uint8)
    out = np.full(4, -1, dtype=np.int64)
    count = probe_value(buffer, 0, 9, int(Mode.IP), index.table, out, 0)
    assert probe_value(buffer, 0, 9, int(Mode.IP), index.table, out, count) == 2
    assert out.tolist() == [0, 0, -1, -1]


@pytest.mark.parametrize("piece", ["http://", "a@", "::", "a.b", "1.2.3.4:", "\\\\?\\", "ab" * 16, "HKU\\S-1-"])
def test_a_long_hostile_value_is_probed(piece: str):
    index = index_of((T.DOMAIN, "evil.example", True), (T.URL, "http://evil.example/", False), (T.EMAIL, "a@evil.example", False))
    text = piece * (200_000 // len(piece)) + " joe evil.example"
    for mode in Mode:
        assert len(probed(index, text, int(mode))) <= 1


@given(
    seed=st.integers(min_value=0, max_value=2**64 - 1),
    texts=st.lists(st.tuples(st.integers(min_value=0, max_value=TREE), st.binary(max_size=40)), max_size=20),
    backward=st.booleans(),
)
def test_columns_and_single_texts_have_the_same_keys(seed: int, texts: list[tuple[int, bytes]], backward: bool):
    sizes = np.array([len(text) for _, text in texts], dtype=np.int64)
    ends = np.cumsum(sizes)
    numbers = np.array([number for number, _ in texts], dtype=np.uint8)
    data = np.frombuffer(b"".join(text for _, text in texts), dtype=np.uint8)
    keys = text_keys(seed, numbers, data, ends - sizes, ends, backward=backward)
    assert keys.tolist() == [text_key(seed, number, text[::-1] if backward else text) for number, text in texts]


@given(
    seed=st.integers(min_value=0, max_value=2**64 - 1),
    rows=st.lists(st.tuples(*[st.integers(min_value=0, max_value=2**64 - 1)] * 2, st.integers(min_value=0, max_value=128)), max_size=10),
)
def test_columns_and_single_addresses_have_the_same_keys(seed: int, rows: list[tuple[int, int, int]]):
    columns = [np.array(column, dtype=np.uint64) for column in (zip(*rows, strict=True) if rows else ([], [], []))]
    keys = address_keys(seed, 1, *columns)
    assert keys.tolist() == [address_key(seed, 1, *row) for row in rows]


def test_types_are_numbered_below_63_so_that_they_fit_the_bits_of_present():
    assert len(TYPES) == TREE < 63
