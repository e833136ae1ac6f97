"""The tables that the compiler makes and the kernel reads: named tuples of numpy arrays, nothing else.

``compiled.build`` fills them, ``compiled.cache`` keeps them as one file, ``kernel.*`` reads them. All numbers that
one table holds about another are row numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
U64 = NDArray[np.uint64]


class Names(NamedTuple):
    """Field names: hash of the joined path -> field id. Ids below the number of roles have a role, see Roles."""

    seed: U64
    keys: U64
    values: I32


class Ways(NamedTuple):
    """Transparent wrappers: hash of (way, key) -> next way; ``any_child[way]`` for ``*``, -1 for none."""

    keys: U64
    values: I32
    any_child: I32


class Roles(NamedTuple):
    """Which field ids mean time, host, record id, channel; each list best first."""

    times: I32
    hosts: I32
    ids: I32
    channel: I32


class Classes(NamedTuple):
    """How an event finds its class.

    ``probes[p] = (field, second field or -1)``; hash of (probe, group, value, second value) -> class. ``groups[base, probe]`` tells
    apart what a probe knows for different readers; ``plain[class]`` is the same class without anything known of its values;
    ``fallback[base]`` is the class when no probe knows.
    """

    probes: I32
    groups: I32
    keys: U64
    values: I32
    plain: I32
    fallback: I32


class Folding(NamedTuple):
    """Case folding: of ASCII bytes, and of code points by pages of 256."""

    lower: U8
    pages: I32
    folds: I32


class Automata(NamedTuple):
    """Patterns by class and field.

    ``route[class, field]`` and ``keyword[class]`` (fields no rule names) give an automaton or -1. Columns of ``heads``: see
    ``match.py``. ``anchored[entry or check]`` ranges point into ``programs``.
    """

    route: I32
    keyword: I32
    heads: I64
    bitmap: U8
    gram_keys: NDArray[np.uint32]
    gram_ranges: I32
    entries: I32
    text: U8
    checks: I64
    programs: I32


class Programs(NamedTuple):
    """Jump code: ``ranges[program] = (start, end, rule)``; ``code`` rows (literal, if true, if false).

    ``always`` lists the programs that have no anchor, ``always_range[class]`` a class's share.
    ``members[member_range[class]]`` are all programs of a class. ``leaf_sets[leaf_set_range[leaf]]`` are the sets (numbered
    behind the leaves) a leaf belongs to.
    """

    ranges: I32
    code: I32
    always: I32
    always_range: I32
    members: I32
    member_range: I32
    leaf_sets: I32
    leaf_set_range: I32


class Texts(NamedTuple):
    """Ready-made pieces of JSON. ``rules[rule] = (start, end, source start, source end, first leaf, last leaf, silent, slow)``.

    ``leaves[i] = (leaf, start, end of its field's name)`` lists a rule's positive leaves in the rule's order.
    """

    blob: U8
    rules: I32
    leaves: I32


class Settling(NamedTuple):
    """How leaves that matching leaves open are settled.

    ``ways[leaf]`` is OUTSIDE, an automaton (number + 1), or minus the number of a comparison with another field. Rows of
    ``heads``: where the byte classes, the rows and the verdicts of an automaton begin, and how many columns a row has.
    """

    ways: I32
    heads: I32
    classes: U8
    following: NDArray[np.uint16]
    verdicts: U8


class Tables(NamedTuple):
    """Everything compiled from one set of rules."""

    names: Names
    ways: Ways
    roles: Roles
    classes: Classes
    folding: Folding
    automata: Automata
    programs: Programs
    settling: Settling
    texts: Texts
