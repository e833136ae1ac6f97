"""Random log sources, events that belong to them, and small tables of log sources of our own."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from kulla.detection.eventclass import ANY, EventClass, Match, Probe
from kulla.detection.ir import Op, Predicate, Rule
from kulla.detection.logsource_tables import windows
from kulla.detection.logsources import Catalogue
from kulla.model.logsource import LogSource
from tests.detection.kernel.both_ways import small_catalogue
from tests.detection.strategies import _inner, predicates, strings, texts

KIND, CODE = Probe("kind", "code"), Probe("x")
_PAIR = Probe("a.b", "kind")

#: Exact pairs, open pairs, one value, any value; two classes that claim the same; aliases, crossed ones too.
CLASSES = (
    EventClass("p/1", (LogSource("p", "c1", "s"),), (Match(KIND, "Alpha", "1"),), (("Image", ("NewImage", "a.b")), ("x", ("Image",)))),
    EventClass("p/23", (LogSource("p", "c2"), LogSource("p", "c3")), (Match(KIND, "alpha", "2"), Match(KIND, "alpha", "3"))),
    EventClass("p", (LogSource("p", None, "s"),), (Match(KIND, "ALPHA"),), (("CommandLine", ("cmd", "kind")),)),
    EventClass("p/again", (LogSource("p", "c4"),), (Match(KIND, "alpha"), Match(KIND, "beta"))),
    EventClass("q", (LogSource("q"),), (Match(KIND, "gamma", ANY), Match(KIND, "İst", None)), (("tag", ("a.b", "x")),)),
    EventClass("r", (LogSource("r", "c1"),), (Match(CODE, "ab"),), requires=LogSource("r")),
    EventClass("t", (LogSource("t"),), (Match(_PAIR, ANY, ANY), Match(_PAIR, "1"))),
    EventClass("u", (LogSource("u"),), (Match(CODE, ANY),), (("kind", ("code",)),)),
)
SMALL: Catalogue = small_catalogue(CLASSES, (KIND, _PAIR, CODE))
#: Kulla's own table with a site's classes before it, which claim what Kulla knows already.
SITE = Catalogue(
    (
        EventClass(
            "site/security", (LogSource("site", "auth"),), (Match(windows.CHANNEL, "Security"),), (("User", ("TargetUserName",)),)
        ),
        EventClass("site/kind", (LogSource("site", "c1"),), (Match(KIND, "alpha", "1"),)),
    )
)  # fmt: skip

SMALL_SOURCES = (
    LogSource(), LogSource("p"), LogSource("p", "c1"), LogSource("p", "c2"), LogSource("p", None, "s"), LogSource("p", "c4"),
    LogSource("q"), LogSource("r"), LogSource("r", "c1"), LogSource("t"), LogSource("u"), LogSource("nowhere", "at", "all"),
    LogSource(None, "c1"),
)  # fmt: skip
REAL_SOURCES = (
    LogSource(), LogSource("windows"), LogSource("windows", "process_creation"), LogSource("windows", None, "security"),
    LogSource("windows", None, "sysmon"), LogSource("windows", "registry_add"), LogSource("windows", "registry_set"),
    LogSource("windows", None, "system"), LogSource("windows", None, "application"), LogSource("windows", "ps_script"),
    LogSource("linux"), LogSource("linux", None, "sshd"), LogSource(None, "process_creation"), LogSource("site", "auth"),
    LogSource("zeek", None, "dns"), LogSource("nowhere"),
)  # fmt: skip
SMALL_BASES = (LogSource(), LogSource("r"), LogSource("p", "c1"), LogSource("p", "c1", "s"), LogSource("nowhere", "at", "all"))
REAL_BASES = (LogSource(), LogSource("windows"), LogSource("linux"), LogSource("zeek", None, "dns"), LogSource("nowhere", "at", "all"))

SMALL_FIELDS = ("kind", "code", "Image", "NewImage", "CommandLine", "cmd", "x", "tag", "a.b", "Missing")
REAL_FIELDS = (
    "EventID", "Channel", "Provider_Name", "Image", "NewProcessName", "ParentImage", "CommandLine", "ProcessCommandLine", "User",
    "SubjectUserName", "TargetUserName", "process.executable", "process.command_line", "Data", "param1", "param2", "Message", "EventType",
    "TargetObject", "ScriptBlockText", "program", "Missing",
)  # fmt: skip

CHANNELS = (
    "Security", "security", "SECURITY", "System", "Application", "Microsoft-Windows-Sysmon/Operational", "Windows PowerShell",
    "Microsoft-Windows-PowerShell/Operational", "Unheard-Of/Operational",
)  # fmt: skip
PROVIDERS = ("Microsoft-Windows-Sysmon", "Microsoft-Windows-Security-Auditing", "Microsoft-Windows-Eventlog", "Linux-Sysmon", "Nobody")
IDS = (1, 3, 12, 13, 4624, 4688, 4104, 1102, 104, 7045, 0)


#: JSON of times around the windows that the tests ask for, and of none.
TIMES = (
    '"2022-07-15T09:14:03.12Z"', '"2022-07-15 11:14:04,5+02:00"', '"2022-07-15T09:14:02Z"', "1657876443.120", "1657876444",
    '"1657876443120"', '"1969-12-31T23:59:59.999999Z"', '"0001-01-01T00:00:00+12:00"', '"9999-12-31T23:59:60Z"',
    '"2022-07-15T09:14:03\\u005a"', '"soon"', "null", "[]", '[null, "2022-07-15T09:14:03Z", "2021-01-01T00:00:00Z"]',
    "9999999999999999999", "1e9", "true",
)  # fmt: skip


def _code(values: tuple[object, ...]) -> SearchStrategy[str]:
    """Return JSON of an id: a number, a text, several, none, an object with text."""
    one = st.sampled_from(values)
    return st.one_of(
        one.map(json.dumps),
        one.map(json.dumps),
        one.map(lambda value: json.dumps(str(value))),
        st.lists(one, max_size=3).map(json.dumps),
        one.map(lambda value: json.dumps({"#text": value, "Qualifiers": ""})),
        st.just("null"),
        one.map(lambda value: json.dumps([None, value, value])),
        one.map(lambda value: '"' + "".join(f"\\u{ord(char):04x}" for char in str(value)) + '"'),
    )


def _values() -> SearchStrategy[str]:
    short = st.one_of(strings(), texts().map(json.dumps), texts().map(json.dumps))
    return st.one_of(short, short, short, st.lists(short, max_size=3).map(lambda items: "[" + ",".join(items) + "]"), st.just("null"))


def _members(names_of: tuple[str, ...]) -> SearchStrategy[list[str]]:
    member = st.builds(lambda name, value: f"{json.dumps(name)}: {value}", st.sampled_from(names_of), _values())
    return st.lists(member, max_size=6)


def _joined(parts: list[str]) -> bytes:
    return ("{" + ", ".join(parts) + "}").encode()


def small_events() -> SearchStrategy[bytes]:
    """Return events of the classes of the small table."""
    kind = _code(("alpha", "ALPHA", "Beta", "gamma", "ist", "İST", "delta", "1")).map(lambda text: f'"kind": {text}')
    code = _code((1, 2, 3, 4, "ab")).map(lambda text: f'"code": {text}')
    some = st.builds(lambda *groups: [part for group in groups for part in group], st.lists(kind, max_size=1), st.lists(code, max_size=1))
    parts = st.builds(lambda known, members: [*known, *members], some, _members(SMALL_FIELDS)).flatmap(st.permutations)
    return parts.map(_joined)


def windows_events() -> SearchStrategy[bytes]:
    """Return Windows events in nested and flat form, their ids and channels repeated, empty and escaped at times."""
    system = st.fixed_dictionaries(
        {},
        optional={
            "EventID": _code(IDS),
            "Channel": _code(CHANNELS),
            "Provider": st.sampled_from(PROVIDERS).map(lambda name: json.dumps({"#attributes": {"Name": name}})),
            "Computer": strings(),
            "EventRecordID": st.sampled_from(("17", '"18"', "null", '"\\u0031"')),
            "TimeCreated": times().map(lambda text: '{"#attributes": {"SystemTime": ' + text + "}}"),
        },
    )
    return st.builds(_windows, system, _members(REAL_FIELDS[3:]), st.integers(0, 3))


def _windows(system: dict[str, str], data: list[str], form: int) -> bytes:
    members = [f"{json.dumps(name)}: {value}" for name, value in system.items()]
    if form == 0:
        return _joined([*members, *data])
    if form == 1:
        return _joined([*data, '"winlog": {' + ", ".join(members) + "}"])
    inner = f'"System": {{{", ".join(members)}}}, "EventData": {{{", ".join(data)}}}'
    return f'{{"Event": {{{inner}}}}}'.encode() if form == 2 else f"{{{inner}}}".encode()


def times() -> SearchStrategy[str]:
    """Return JSON of a time."""
    return st.sampled_from(TIMES)


def logsources(choices: tuple[LogSource, ...]) -> SearchStrategy[LogSource]:
    """Return log sources that rules want."""
    return st.sampled_from(choices)


@st.composite
def _about(draw: st.DrawFn, fields: tuple[str, ...], codes: dict[str, tuple[Any, ...]]) -> Predicate:
    """Return predicates about the fields by which classes are known, and about aliased ones."""
    chosen = draw(st.sampled_from((*codes, *codes, "")))
    if chosen:
        text = str(draw(st.sampled_from(codes[chosen])))
        op = draw(st.sampled_from((Op.EQUALS, Op.EQUALS, Op.CONTAINS, Op.STARTSWITH, Op.ENDSWITH, Op.EXISTS, Op.NULL, Op.WILDCARD, Op.GTE)))
        if op is Op.GTE and not text.isdigit():
            op = Op.EQUALS
        return Predicate(chosen, op, "" if op in (Op.EXISTS, Op.NULL) else text, cased=op is Op.EQUALS and draw(st.integers(0, 9)) == 0)
    made = draw(predicates())
    if made.field is None:
        return made
    field = draw(st.sampled_from(fields))
    other = draw(st.sampled_from(fields)) if made.op.name.startswith("FIELD_") else made.text
    return Predicate(field, made.op, other, made.cased, made.flags)


def rules(fields: tuple[str, ...], codes: dict[str, tuple[Any, ...]], sources: tuple[LogSource, ...]) -> SearchStrategy[list[Rule]]:
    """Return rules for log sources of a table, silent ones among them."""
    tree = st.recursive(_about(fields, codes), _inner, max_leaves=8)
    rule = st.builds(
        lambda source, one, silent: Rule("", "", source, one, silent=silent == 0), logsources(sources), tree, st.integers(0, 9)
    )
    return st.lists(rule, min_size=1, max_size=10)


SMALL_CODES: dict[str, tuple[Any, ...]] = {"kind": ("alpha", "Alpha", "beta", "gamma", "ist", "al"), "code": (1, 2, 3, 4), "x": ("ab", "a")}
REAL_CODES: dict[str, tuple[Any, ...]] = {"EventID": IDS, "Channel": CHANNELS[:4], "Provider_Name": PROVIDERS}
