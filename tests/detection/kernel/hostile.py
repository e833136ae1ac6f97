"""JSON as attackers and broken programs write it: cut, damaged, too deep, too large; always valid UTF-8, as readers make it."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from kulla.telemetry.fields import TRANSPARENT
from tests.detection.strategies import scalars, texts

#: Pieces that are put into events at random places.
PIECES = (
    b'"', b"\\", b"\\u", b"\\ud800", b"\\udc00", b"\\u0000", b"\\x", b"{", b"}", b"[", b"]", b",", b":", b"-", b"+", b".",
    b"0", b"00", b"1e", b"1e+", b"-0.", b"true", b"tru", b"nul", b"NaN", b"Infinity", b"-Infinity", b"//", b"'",
    b"\x00", b"\x0b", b"\x1f", b"\n", b"\x7f", b"\xc3\xa9", b"\xef\xbb\xbf", b"\xf0\x9f\x8f\xb0", b"\xe2\x80\xa8", b"\xc2\xa0",
    b'""', b'"":', b'"#text":1', b'"Event":{',
)  # fmt: skip

#: Keys that need care: escapes, blanks, dots, nothing, other cases, wrappers.
KEYS = (
    "", " ", "  a ", "A", "a", "b", "a.b", ".", "a.", ".a", "#text", "#TEXT", "# text",
    "\\u0061", "\\n", 'a\\"b', "\\ud800", "\\ud83c\\udff0", "é", "É", "日本", "\x7f", "a" * 300, "*",
    "Threat Name", "THREATNAME", "ProviderName", "Provider.#attributes.Name", "event_id", "Record ID",
    *sorted({part for way in TRANSPARENT for part in way if part != "*"}), "event", "EVENT", "winlog ", " System",
)  # fmt: skip


def _object(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    blank = st.sampled_from(("", "", "", " ", "\r\n\t "))
    member = st.builds(lambda key, gap, value: f'{gap}"{key}"{gap}:{gap}{value}{gap}', st.sampled_from(KEYS), blank, inner)
    return st.lists(member, max_size=5).map(lambda members: "{" + ",".join(members) + "}")


def _array(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    return st.lists(inner, max_size=4).map(lambda items: "[" + ",".join(items) + "]")


def odd_events() -> SearchStrategy[bytes]:
    """Return valid events with keys of every kind, wrappers within wrappers and lists among them."""
    value = st.recursive(scalars(), lambda inner: st.one_of(_object(inner), _object(inner), _array(inner)), max_leaves=12)
    return _object(value).map(lambda text: text.encode())


def wrapped_events() -> SearchStrategy[bytes]:
    """Return events inside of each transparent wrapper, directly, in lists, and one step off it."""
    return st.builds(_wrapped, st.sampled_from(TRANSPARENT), st.sampled_from(KEYS), _object(scalars()), st.integers(0, 3))


def _wrapped(way: tuple[str, ...], any_key: str, inner: str, style: int) -> bytes:
    text = inner if style else f"[{inner}, 1, [{inner}], null]"
    for place, key in enumerate(reversed(way)):
        name = any_key if key == "*" else key
        extra = ', "x": 1' if style == 2 and place % 2 else ""
        text = f'{{"{name}": {text}{extra}}}' if style != 3 else f'{{"y": [], "{name}" :[ {text} , {text}] }}'
    return text.encode()


def deep(depth: int, *, lists: bool) -> bytes:
    """Return an event nested to ``depth`` objects and lists."""
    opening, closing = ('{"a":', "}") if not lists else ("[", "]")
    return ('{"a":' + opening * (depth - 1) + "1" + closing * (depth - 1) + "}").encode()


@st.composite
def damaged(draw: st.DrawFn, sound: SearchStrategy[bytes]) -> bytes:
    """Return events with pieces inserted, bytes replaced and ends cut off."""
    event = draw(sound)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(event)))
        drop = draw(st.integers(0, 3))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.just(b""), texts().map(lambda text: text.encode("utf-8", "replace"))))
        event = event[:place] + piece + event[place + drop :]
    if draw(st.booleans()):
        event = event[: draw(st.integers(0, len(event)))]
    return event.decode("utf-8", "replace").encode()
