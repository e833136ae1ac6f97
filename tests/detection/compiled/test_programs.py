"""Jump code and anchors: the code says what the tree says, and a true rule always hits its anchor."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kulla.detection.compiled.programs import FAILS, HOLDS, Group, Leaves, Literal, best_anchor, normal_form, program
from kulla.detection.ir import And, Node, Not, Op, Or, Predicate

LETTERS = (*(Predicate(name, Op.EQUALS, "x") for name in "abcdef"), Predicate("g", Op.REGEX, "x"), Predicate("h", Op.NULL))


def small_trees() -> st.SearchStrategy[Node]:
    leaf: st.SearchStrategy[Node] = st.sampled_from(LETTERS)
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, max_size=4).map(lambda p: And(tuple(p))),
            st.lists(inner, max_size=4).map(lambda p: Or(tuple(p))),
        ),
        max_leaves=14,
    )


def truth(tree: Node, true: frozenset[Predicate]) -> bool:
    match tree:
        case Predicate():
            return tree in true
        case Not(part):
            return not truth(part, true)
        case And(parts):
            return all(truth(part, true) for part in parts)
        case Or(parts):
            return any(truth(part, true) for part in parts)


def run(form: Literal | Group, leaves: Leaves, hit: set[int]) -> bool:
    cost = dict.fromkeys(range(len(leaves.predicates)), 0.1)
    code = program(0, form, leaves, cost).code
    place = 0
    while place >= 0:
        literal, yes, no = code[place]
        held = any(leaf in hit for leaf in leaves.members(literal >> 1)) is not bool(literal & 1)
        following = yes if held else no
        assert following < 0 or following > place, "code only goes forward, so it ends"
        place = following
    assert place in (HOLDS, FAILS)
    return place == HOLDS


@settings(max_examples=400)
@given(small_trees(), st.sets(st.sampled_from(LETTERS)))
def test_code_equals_tree(tree: Node, true: set[Predicate]) -> None:
    leaves = Leaves()
    form = normal_form(tree, leaves)
    # A NULL leaf is hit when the field has a value: the other way round.
    hit = {leaves.leaf(p) for p in LETTERS if (p in true) is not (p.op is Op.NULL)}
    expected = truth(tree, frozenset(true))
    if isinstance(form, bool):
        assert form is expected
        return
    assert run(form, leaves, hit) is expected
    anchor = best_anchor(form, leaves, dict.fromkeys(range(len(leaves.predicates)), 0.1))
    if expected and anchor is not None:
        assert hit & set(anchor)


def test_alternatives_become_one_set() -> None:
    leaves = Leaves()
    form = normal_form(Or(LETTERS[:3]), leaves)
    assert isinstance(form, Literal)
    assert leaves.members(form.node) == (0, 1, 2)
    assert isinstance(normal_form(And(tuple(map(Not, LETTERS[:3]))), leaves), Literal)


def test_a_rule_of_negations_has_no_anchor() -> None:
    leaves = Leaves()
    form = normal_form(Not(LETTERS[0]), leaves)
    assert isinstance(form, Literal)
    assert best_anchor(form, leaves, {0: 0.1}) is None
