"""Predicates to automata: each pattern is found by its rarest four bytes.

A value reaches the kernel folded and between two pairs of 0xFF, a byte that UTF-8 never
uses. "Equals" is then the pattern FF FF text FF FF, "starts with" is FF FF text, "ends with" text FF FF and
"contains" the text alone: one mechanism for all. Every pattern of four bytes or more
is listed under one of its four-byte pieces; the kernel slides over the value and looks only at
pieces that are listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from kulla.detection.compiled.literals import ANY_ONE, glob_pieces, regex_literal
from kulla.detection.folding import fold
from kulla.detection.ir import Op, Predicate

EDGE = b"\xff\xff"
#: Bytes that stand for ``*`` and ``?`` inside a stored glob; UTF-8 uses neither.
ANY_RUN, ANY_CHAR = 0xFE, 0xFD
GRAM = 4

# What to do when a pattern's bytes are found (kernel/match.py).
LITERAL, GLOB, ASK = 0, 1, 2
# Questions asked of every value of a field (kernel/match.py).
EXISTS, HAS_VALUE, COMPARE, NETWORK4, ASK_ALWAYS, NETWORK6, OTHER_SIDE = 0, 1, 2, 3, 4, 5, 6

#: Text that fills ordinary telemetry; its pieces are poor signs of anything. Our own selection.
_COMMON = (
    "c:\\windows\\system32\\ c:\\windows\\syswow64\\ c:\\program files (x86)\\ c:\\program files\\ c:\\programdata\\microsoft\\ "
    "c:\\users\\administrator\\appdata\\local\\temp\\ \\appdata\\roaming\\microsoft\\windows\\ "
    "\\device\\harddiskvolume \\registry\\machine\\ "
    "hklm\\software\\microsoft\\windows\\currentversion\\ hklm\\system\\currentcontrolset\\services\\ hku\\s-1-5-21- nt authority\\system "
    "svchost.exe explorer.exe powershell.exe cmd.exe rundll32.exe lsass.exe services.exe .exe .dll .dll| .ps1 .log .tmp .xml .sys "
    "microsoft corporation windows operating system s-1-5-18 s-1-5-21 0x00000 0x0000 00000000 -0000-0000-0000- "
    "{00000000 2020-2021-2022-2023-2024- "
    "true false http://www. https://www. .com .net .org /usr/bin/ /bin/ /etc/ /var/ /tmp/ /home/ mozilla/5.0 get post http/1.1 "
    "kernel32 ntdll.dll+ kernelbase.dll+ advapi32 user32 security subject: account name: account domain: logon id: process name: object "
    "information: the and ing ion ent ess tion "
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """What the kernel looks for on behalf of one leaf.

    Attributes:
        text: bytes that must occur in the framed, folded value; may be empty.
        kind: LITERAL (found is true), GLOB (then try ``glob``), ASK (found means unknown).
        glob: the stored glob, matched against the whole folded value; empty unless kind is GLOB.
    """

    text: bytes
    kind: int
    glob: bytes = b""


@dataclass(frozen=True, slots=True)
class Check:
    """A question asked of every value of a field: kind, and numbers whose meaning depends on it."""

    kind: int
    first: int = 0
    second: int = 0
    third: int = 0
    fourth: int = 0


def question(predicate: Predicate) -> Pattern | Check:
    """Return how the kernel answers a predicate."""
    literal = _TEXTS.get(predicate.op)
    if literal is not None:
        before, after = literal
        framed = before + fold(predicate.text).encode() + after
        return Pattern(framed, ASK if predicate.cased else LITERAL)
    match predicate.op:
        case Op.WILDCARD:
            return _glob(predicate)
        case Op.REGEX:
            return Pattern(regex_literal(predicate.text).encode(), ASK)
        case Op.EXISTS:
            return Check(EXISTS)
        case Op.NULL:
            return Check(HAS_VALUE)
        case Op.CIDR:
            return _network(predicate.text)
        case Op.LT | Op.LTE | Op.GT | Op.GTE:
            return _ordering(predicate)
    return Check(ASK_ALWAYS)


_TEXTS: dict[Op, tuple[bytes, bytes]] = {
    Op.EQUALS: (EDGE, EDGE),
    Op.STARTSWITH: (EDGE, b""),
    Op.ENDSWITH: (b"", EDGE),
    Op.CONTAINS: (b"", b""),
}


def _glob(predicate: Predicate) -> Pattern:
    pieces = glob_pieces(predicate.text)
    texts = [_piece_text(pieces, place) for place, piece in enumerate(pieces) if piece not in (None, ANY_ONE)]
    longest = max(texts, key=len, default=b"")
    if predicate.cased:
        return Pattern(longest, ASK)
    marks = {None: bytes([ANY_RUN]), ANY_ONE: bytes([ANY_CHAR])}
    stored = b"".join(marks[piece] if piece in marks else fold(piece or "").encode() for piece in pieces)
    return Pattern(longest, GLOB, stored)


def _piece_text(pieces: list[str | None], place: int) -> bytes:
    """Return a literal piece, framed where it stands at an end of the glob."""
    before = EDGE if place == 0 else b""
    after = EDGE if place == len(pieces) - 1 else b""
    return before + fold(pieces[place] or "").encode() + after


def _network(text: str) -> Check:
    import ipaddress

    network = ipaddress.ip_network(text, strict=False)
    if network.version == 6:  # noqa: PLR2004 - the protocol version
        address, mask = int(network.network_address), int(network.netmask)
        return Check(NETWORK6, *map(_signed, (address >> 64, address & _HALF, mask >> 64, mask & _HALF)))
    return Check(NETWORK4, int(network.network_address), int(network.netmask))


_HALF = (1 << 64) - 1
#: Digits of a whole number that the kernel compares exactly.
_EXACT_DIGITS = 15


def _signed(number: int) -> int:
    """Return a 64-bit pattern as a signed number."""
    return number - (1 << 64) if number >> 63 else number


def _ordering(predicate: Predicate) -> Check:
    """Compare in the kernel where the limit is a short whole number, else ask."""
    text = predicate.text
    plain = text.removeprefix("-")
    if not (plain.isascii() and plain.isdigit() and len(plain) <= _EXACT_DIGITS):
        return Check(ASK_ALWAYS)
    return Check(COMPARE, int(predicate.op), int(text))


@cache
def _common_grams() -> Counter[bytes]:
    framed = [EDGE + word.encode() + EDGE for word in _COMMON.split(" ")]
    text = _COMMON.encode()
    grams = Counter(text[i : i + GRAM] for i in range(len(text) - GRAM + 1))
    for word in framed:
        grams.update(word[i : i + GRAM] for i in range(len(word) - GRAM + 1))
    return grams


def gram_chooser(texts: Iterable[bytes]) -> Callable[[bytes], int]:
    """Return a function that says where in a pattern (four bytes or more) its rarest piece begins.

    Args:
        texts: all patterns; a piece that is frequent in patterns is frequent in data.
    """
    use = Counter(text[i : i + GRAM] for text in texts for i in range(len(text) - GRAM + 1))
    common = _common_grams()
    weights: dict[bytes, float] = {}

    def weight(gram: bytes) -> float:
        if gram not in weights:
            dull = sum(byte in b" 0123456789\\./-=\xff" for byte in gram)
            weights[gram] = 8.0 * common[gram] + use[gram] + 2.0 * dull
        return weights[gram]

    @cache
    def rarest(text: bytes) -> int:
        return min(range(len(text) - GRAM + 1), key=lambda place: (weight(text[place : place + GRAM]), place))

    return rarest


def expected_hits(predicate: Predicate) -> float:
    """Return a rough chance that an event of the right class satisfies a predicate; used to choose anchors and order.

    Long texts are rare, "equals" is rarer than "contains"; paths of everyday programs are not rare.
    """
    if predicate.op in (Op.EXISTS, Op.NULL):
        return 0.9
    if predicate.op in _TEXTS or predicate.op is Op.WILDCARD:
        text = fold(predicate.text)
        base = 0.5 ** min(len(text), 20)
        if predicate.field is not None and predicate.field.lower() in ("eventid", "channel", "provider_name"):
            return 0.3
        floor = 0.02 if any(word in text for word in _EVERYDAY) else 0.0
        return max(base, floor, 1e-6) * (4.0 if predicate.op is Op.CONTAINS else 1.0)
    if predicate.op is Op.REGEX:
        return max(0.5 ** min(len(regex_literal(predicate.text)), 12), 1e-3)
    return 0.2


_EVERYDAY = (
    "cmd.exe", "powershell.exe", "svchost.exe", "explorer.exe", "rundll32.exe", "services.exe", "lsass.exe", "\\windows\\", "\\system32\\",
    "\\program files", "c:\\", ".exe", ".dll", "\\currentversion\\", "hklm", "\\users\\", "\\appdata\\", "system", "pwsh.exe",
)  # fmt: skip
