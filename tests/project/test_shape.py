"""The shape gate itself, on small trees made for it, and then on Kulla."""

from pathlib import Path
from textwrap import dedent

import pytest

from tools.shape import LONG_FUNCTIONS, TESTS_FLOOR, TESTS_TARGET, Module, Shape, cycle_of, lines_under, measure, modules_of

ROOT = Path(__file__).resolve().parents[2]


def tree(folder: Path, **files: str) -> list[Module]:
    """Write a package ``p`` and read it back; ``a__b`` becomes ``p/a/b.py``, ``a__init`` becomes ``p/a/__init__.py``."""
    for name, text in files.items():
        path = folder / "p" / f"{name.replace('__', '/').replace('/init', '/__init__')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return modules_of(folder)


def function(name: str, lines: int) -> str:
    return f"def {name}() -> None:\n" + "    x = 1\n" * (lines - 1)


def breaches(modules: list[Module], test_lines: int = 10_000, **allowed: str) -> list[str]:
    return measure(modules, test_lines, allowed).breaches


def test_functions_are_found_with_their_lines_and_names(tmp_path: Path) -> None:
    source = '''
        class A:
            def m(self) -> None:
                """One line."""

                def inner(x):
                    return x

        async def f(a: int, *b: int, **c: int) -> int:
            return a
    '''
    (module,) = tree(tmp_path, one=source)
    found = {f.name: (f.lines, f.annotated) for f in module.functions}
    assert module.name == "p.one"
    assert found == {"A.m": (5, True), "A.m.inner": (2, False), "f": (2, True)}


@pytest.mark.parametrize(
    "signature", ["f(a)", "f(a) -> int", "f(a: int)", "f(*a) -> int", "f(**a) -> int", "f(*, a) -> int", "f(a, /) -> int"]
)
def test_a_missing_type_is_seen(tmp_path: Path, signature: str) -> None:
    (module,) = tree(tmp_path, one=f"def {signature}: return 1\n")
    assert [f.annotated for f in module.functions] == [False]
    assert breaches([module]) == ["0.0% of functions are annotated, 96% wanted"]


def test_a_long_function_is_named_unless_it_is_excepted(tmp_path: Path) -> None:
    short = "".join(function(f"s{n}", 6) for n in range(99))
    modules = tree(tmp_path, one=short + function("long", 101))
    assert breaches(modules) == ["p.one has 695 lines, under 500 wanted", "p.one:long (line 595) has 101 lines"][::-1]
    excepted = measure(modules, 10_000, {"p.one:long": "a compiled loop"}).breaches
    assert excepted == ["p.one has 695 lines, under 500 wanted"]


def test_an_exception_that_is_no_longer_needed_is_a_breach(tmp_path: Path) -> None:
    modules = tree(tmp_path, one=function("f", 100) + "".join(function(f"s{n}", 6) for n in range(50)))
    found = measure(modules, 10_000, {"p.one:f": "a compiled loop"}).breaches
    assert found == ["LONG_FUNCTIONS names p.one:f, which is not longer than 100 lines"]


def test_median_and_percentile(tmp_path: Path) -> None:
    modules = tree(tmp_path, one="".join(function(f"f{n}", 11) for n in range(9)) + function("g", 50))
    assert breaches(modules) == [
        "the median function has 11 lines, at most 10 wanted",
        "the 95th percentile of functions has 50 lines, under 50 wanted",
    ]


def test_fewer_lines_of_tests_than_the_floor(tmp_path: Path) -> None:
    modules = tree(tmp_path, one=function("f", 10) + function("g", 10))
    floor = round(20 * TESTS_FLOOR)
    assert breaches(modules, floor - 1) == [f"{floor - 1} lines of tests for 20 of product, at least {TESTS_FLOOR:g} for each wanted"]
    assert breaches(modules, floor) == []


def test_the_target_of_tests_is_shown_while_it_is_not_met(tmp_path: Path) -> None:
    shape = measure(tree(tmp_path, one=function("f", 20)), 15, {})
    assert shape.figures["tests"] == f"15 lines for 20 of product: 0.75, floor {TESTS_FLOOR:g}, target {TESTS_TARGET:g}"
    assert TESTS_FLOOR <= TESTS_TARGET


def test_a_cycle_is_found_even_in_lazy_imports(tmp_path: Path) -> None:
    modules = tree(tmp_path, a="from p import b\n", b="from p.c import x\n", c="def x() -> None:\n    import p.a\n")
    cycle = cycle_of(modules)
    assert set(cycle) == {"p.a", "p.b", "p.c"}
    assert breaches(modules)[-1].startswith("import cycle: p.")


def test_a_package_and_its_parts_are_no_cycle(tmp_path: Path) -> None:
    modules = tree(tmp_path, r__init="def get() -> None:\n    from p.r import one\n", r__one="import json\n", s="import p.r.one\n")
    assert {module.name for module in modules} == {"p.r", "p.r.one", "p.s"}
    assert cycle_of(modules) == []


def test_no_functions_at_all(tmp_path: Path) -> None:
    shape = measure(tree(tmp_path, one="X = 1\n"), 1, {})
    assert shape.figures["functions"] == "0, median 0, 95th percentile 0, longest 0 lines"


def kulla() -> Shape:
    return measure(modules_of(ROOT / "src"), lines_under(ROOT / "tests"), LONG_FUNCTIONS)


def test_kulla_keeps_its_shape() -> None:
    assert kulla().breaches == []


def test_each_exception_has_a_reason() -> None:
    assert all(len(reason) > 20 for reason in LONG_FUNCTIONS.values())
