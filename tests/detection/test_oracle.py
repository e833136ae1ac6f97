"""The oracle: trees, what matched, explanations, aliases, depth."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kulla.detection.ir import And, Node, Not, Op, Or, Predicate
from kulla.detection.oracle import EXPLAINED_VALUES, evaluate, explain, matched
from kulla.detection.predicates import NO_ALIASES, Aliases, holds_in, satisfying, values_of
from kulla.detection.simplify import FALSE, TRUE, simplify
from kulla.telemetry.flatten import Fields, Kind, Value, flatten
from tests.detection import strategies
from tests.detection.building import fields, tree

A = Predicate("A", Op.EQUALS, "1")
B = Predicate("B", Op.EQUALS, "1")
DEEP = 20_000


def by_definition(node: Node, event: Fields, aliases: Aliases) -> bool:
    """Evaluate a tree by the definition of "and", "or" and "not"."""
    match node:
        case Predicate():
            return holds_in(node, event, aliases)
        case Not(part):
            return not by_definition(part, event, aliases)
        case And(parts):
            return all(by_definition(part, event, aliases) for part in parts)
        case Or(parts):
            return any(by_definition(part, event, aliases) for part in parts)


@given(strategies.trees(), strategies.events(), strategies.aliases())
def test_a_tree_means_what_its_operators_mean(node: Node, event: bytes, aliases: Aliases):
    flat = flatten(event)
    expected = by_definition(node, flat, aliases)
    assert evaluate(node, flat, aliases) is expected
    assert explain(node, flat, aliases).result is expected


@given(strategies.trees(max_leaves=25), strategies.events())
def test_the_normal_form_means_the_same(node: Node, event: bytes):
    flat = flatten(event)
    normal = simplify(node)
    assert evaluate(normal, flat) is evaluate(node, flat)
    assert simplify(normal) == normal
    assert set(matched(normal, flat)) <= set(matched(node, flat))


@given(strategies.trees(max_leaves=25))
def test_the_normal_form_is_flat(node: Node):
    normal = simplify(node)
    stack = [normal]
    while stack:
        match stack.pop():
            case Not(part):
                assert not isinstance(part, Not)
                stack.append(part)
            case (And(parts) | Or(parts)) as joined:
                assert len(parts) > 1 or joined is normal
                assert len(set(parts)) == len(parts)
                assert not any(isinstance(part, type(joined)) for part in parts)
                stack.extend(parts)


def test_constants_decide_or_vanish():
    assert simplify(And((A, Or(())))) == FALSE
    assert simplify(Or((A, Not(Or(()))))) == TRUE
    assert simplify(And((A, And(()), Or((A, A))))) == A
    assert simplify(Or((And((A, B)), And((A, B)), Or((B, FALSE))))) == Or((And((A, B)), B))


def test_no_depth_is_too_deep():
    event = fields('{"A": 1}')
    negated: Node = A
    chained: Node = A
    for number in range(DEEP):
        negated = Not(negated)
        chained = And((chained, A)) if number % 2 else Or((B, chained))
    for node in (negated, chained):
        assert evaluate(node, event)
        assert evaluate(simplify(node), event)
        assert matched(node, event) == [("A", "1")]
        assert explain(node, event).result


def test_evaluation_stops_where_the_result_is_certain():
    bad = Predicate("A", Op.REGEX, "(")  # raises if it is ever evaluated
    event = fields('{"A": 1}')
    assert evaluate(Or((A, bad)), event)
    assert not evaluate(And((B, bad)), event)
    assert not evaluate(Not(Or((A, bad))), event)


def test_matched_gives_positive_predicates_in_the_rules_order():
    node = tree(
        """{s: {Image|endswith: x.exe, CommandLine|contains: [one, two, three]}, f: {User: bob}, k: [key],
            condition: s and not f and (k or not (not 1 of s*))}"""
    )
    event = fields('{"commandline": "two three", "m": ["no", "A KEY"], "Image": "X.exe", "User": "eve"}')
    assert evaluate(node, event)
    assert matched(node, event) == [("Image", "X.exe"), ("CommandLine", "two three"), ("m", "A KEY")]


def test_matched_gives_the_first_value_and_each_pair_once():
    node = tree("selection: {tag|contains|all: [a, b], Tag|contains: c}")
    assert matched(node, fields('{"tag": ["x", "ab", "b", "c"]}')) == [("tag", "ab"), ("Tag", "c")]


def test_matched_of_missing_existing_and_compared_fields():
    node = tree("selection: {Gone: null, Here|exists: true, Left|fieldref: Right, Size|gt: 5}")
    event = fields('{"Here": "h", "Left": ["x", "Y"], "Right": "y", "Size": 7}')
    assert matched(node, event) == [("Gone", ""), ("Here", "h"), ("Left", "Y"), ("Size", "7")]


def test_aliases_add_the_values_of_other_fields():
    node = tree("{s: {Image|endswith: cmd.exe}, f: {ParentImage: null}, condition: s and not f}")
    event = fields(r'{"NewProcessName": "C:\\cmd.exe", "ParentProcessName": "x"}')
    aliases = {"image": ("newprocessname",), "parentimage": ("parentprocessname",)}
    assert not evaluate(node, event)
    assert evaluate(node, event, aliases)
    assert matched(node, event, aliases) == [("Image", r"C:\cmd.exe")]


def test_the_fields_own_values_come_before_those_of_aliases():
    event = fields('{"b": "2", "a": "1", "c": "3"}')
    assert [value.text for value in values_of("A", event, {"a": ("c", "b", "gone")})] == ["1", "3", "2"]
    assert values_of("gone", event, NO_ALIASES) == []


def test_aliases_count_on_both_sides_of_a_field_reference():
    node = tree("selection: {A|fieldref: B}")
    assert evaluate(node, fields('{"x": "v", "y": "V"}'), {"a": ("x",), "b": ("y",)})


def test_an_explanation_shows_each_node_with_the_values_seen():
    event = fields('{"A": [1, 2], "C": null}')
    why = explain(And((A, Not(B), Predicate("C", Op.NULL), Predicate(None, Op.CONTAINS, "2"))), event)
    first, negation, null, keyword = why.parts
    assert why.result
    assert (first.result, first.match, [value.text for value in first.seen]) == (True, ("A", "1"), ["", "1", "2"])
    assert (negation.result, negation.parts[0].result, negation.parts[0].seen) == (True, False, ())
    assert (null.match, null.seen) == (("C", ""), (Value("", Kind.NULL),))
    assert (keyword.match, keyword.seen) == (("a", "2"), ())


def test_an_explanation_lists_few_values():
    event = Fields({"a": [Value(str(number), Kind.NUMBER) for number in range(1000)]})
    assert len(explain(A, event).seen) == EXPLAINED_VALUES


@given(strategies.predicates(), strategies.events(), st.just(NO_ALIASES))
def test_what_satisfies_a_predicate_is_in_the_event(predicate: Predicate, event: bytes, aliases: Aliases):
    flat = flatten(event)
    found = satisfying(predicate, flat, aliases)
    assert (found is not None) is holds_in(predicate, flat, aliases)
    if found is not None and predicate.op is not Op.NULL:
        name, text = found
        assert name == predicate.field or predicate.field is None
        assert text in [value.text for value in flat.get(name)]
