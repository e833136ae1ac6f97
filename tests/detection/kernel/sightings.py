"""Indicators, and values of fields in which they are and are not."""

from __future__ import annotations

from kulla.detection.indicators.index import IndicatorIndex, build_index
from kulla.detection.indicators.indicator_set import PLAIN, IndicatorBuilder, Term
from kulla.model.observable import Observable, ObservableType
from kulla.model.problem import Problems

_SEED = 0xD1CEBEEF
OBSERVABLES = {
    ObservableType.IPV4: ("10.1.2.3", "192.168.0.1", "10.0.0.0/8", "198.51.100.23"),
    ObservableType.IPV6: ("fe80::1", "2001:db8::/32"),
    ObservableType.DOMAIN: ("evil.example", "a.evil.example", "xn--p1ai"),
    ObservableType.FILE_NAME: ("cmd.exe", "powershell"),
    ObservableType.USER: ("mallory",),
    ObservableType.MD5: ("ab" * 16,),
}
VALUES = (
    *(value for values in OBSERVABLES.values() for value in values), "10.1.2.3:80", "[fe80::1]:443", "::ffff:10.1.2.3",
    "b.a.EVIL.example.", "http://evil.example/x", "https://10.1.2.3/a?b", "C:\\Windows\\System32\\cmd.exe", "CORP\\Mallory",
    f"MD5={'AB' * 16},SHA1=0",
    "see evil.example and 10.1.2.3 (or mallory@evil.example)", "İ.evil.example", "", "x" * 5000, " 10.1.2.3 ",
)  # fmt: skip
NAMED = ("DestinationIp", "QueryName", "Image", "User", "Hashes", "Message", "CommandLine", "url", "query", "msg", "Nothing")


def index_of(chosen: list[tuple[ObservableType, str]]) -> IndicatorIndex:
    """Return the index of these indicators; every other domain stands for all names below it too."""
    builder = IndicatorBuilder(Problems())
    for place, (kind, value) in enumerate(chosen):
        builder.add(PLAIN, (Term(Observable(kind, value), tree=kind is ObservableType.DOMAIN and place % 2 == 0),), "x", "")
    return build_index(builder.finish(), seed=_SEED)
