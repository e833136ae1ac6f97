"""The shape gate: functions, modules, types, imports and tests measured against CONTRIBUTING.md.

Run as ``python tools/shape.py``: it prints the figures and each thing that breaks a limit, and ends with 1 if there is one.

A function's length is its lines from ``def`` to its last line, docstring included; a function inside another counts
in both.
"""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median

MEDIAN_LINES = 10
P95_LINES = 50  # the 95th percentile stays under it
FUNCTION_LINES = 100
MODULE_LINES = 500  # a module stays under it
ANNOTATED = 0.96
#: Lines of tests for each line of product. The target is the rule; the floor is a ratchet, what holds today, rounded down to a
#: twentieth. It goes up when the tests do, never down, and falls away when the target is reached.
TESTS_TARGET = 1.0
TESTS_FLOOR = 0.55

#: Functions that may be longer than FUNCTION_LINES: ``module:qualified name`` -> why. Only compiled loops qualify.
LONG_FUNCTIONS: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Function:
    """One function: where it is, how long it is in lines, and whether all of it is annotated."""

    module: str
    name: str
    line: int
    lines: int
    annotated: bool


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its dotted name, its lines, its functions and every module that it imports, lazily or not."""

    name: str
    lines: int
    functions: tuple[Function, ...]
    imports: frozenset[str]


@dataclass(frozen=True, slots=True)
class Shape:
    """The figures of a tree, and each breach of a limit as one sentence."""

    figures: dict[str, str]
    breaches: list[str] = field(default_factory=list)


def modules_of(source: Path) -> list[Module]:
    """Read every module under ``source`` (the folder that holds the package)."""
    return [_module(path, _dotted(path.relative_to(source))) for path in sorted(source.rglob("*.py"))]


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _module(path: Path, name: str) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, str(path))
    return Module(name, len(text.splitlines()), tuple(_functions(tree, name, "")), frozenset(_imports(tree)))


def _functions(node: ast.AST, module: str, prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        name = f"{prefix}{child.name}" if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else ""
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(module, name, child.lineno, (child.end_lineno or child.lineno) - child.lineno + 1, _annotated(child))
        yield from _functions(child, module, f"{name}." if name else prefix)


def _annotated(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether the result and every parameter but ``self`` or ``cls`` has a type."""
    spec = function.args
    named = [*spec.posonlyargs, *spec.args]
    if named and named[0].arg in {"self", "cls"}:
        named = named[1:]
    rest = [arg for arg in (spec.vararg, spec.kwarg) if arg]
    return function.returns is not None and all(arg.annotation for arg in [*named, *spec.kwonlyargs, *rest])


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def cycle_of(modules: Iterable[Module]) -> list[str]:
    """Return one import cycle as the names along it, empty when there is none."""
    graph = {module.name: module.imports for module in modules}
    known = {name: {target for target in imports if target in graph and target != name} for name, imports in graph.items()}
    try:
        TopologicalSorter(_without_parents(known)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _without_parents(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Drop the package that only lends its name: ``from a.b import c`` needs ``a.b.c`` when that is a module."""
    return {
        name: {target for target in targets if not any(other.startswith(f"{target}.") for other in targets)}
        for name, targets in graph.items()
    }


def measure(product: list[Module], test_lines: int, long_functions: dict[str, str]) -> Shape:
    """Compare a product and the number of lines of its tests with the limits."""
    functions = [function for module in product for function in module.functions]
    lengths = sorted(function.lines for function in functions) or [0]
    product_lines = sum(module.lines for module in product)
    tested = test_lines / max(product_lines, 1)
    share = sum(function.annotated for function in functions) / max(len(functions), 1)
    p95 = lengths[math.ceil(0.95 * len(lengths)) - 1]
    figures = {
        "modules": f"{len(product)}, longest {max((module.lines for module in product), default=0)} lines",
        "functions": f"{len(functions)}, median {median(lengths):g}, 95th percentile {p95}, longest {lengths[-1]} lines",
        "annotated": f"{share:.1%}",
        "tests": f"{test_lines} lines for {product_lines} of product: {tested:.2f}, floor {TESTS_FLOOR:g}, target {TESTS_TARGET:g}",
    }
    breaches = [
        *_when(median(lengths) > MEDIAN_LINES, f"the median function has {median(lengths):g} lines, at most {MEDIAN_LINES} wanted"),
        *_when(p95 >= P95_LINES, f"the 95th percentile of functions has {p95} lines, under {P95_LINES} wanted"),
        *_when(share < ANNOTATED, f"{share:.1%} of functions are annotated, {ANNOTATED:.0%} wanted"),
        *_when(
            tested < TESTS_FLOOR, f"{test_lines} lines of tests for {product_lines} of product, at least {TESTS_FLOOR:g} for each wanted"
        ),
        *_long_functions(functions, long_functions),
        *(f"{module.name} has {module.lines} lines, under {MODULE_LINES} wanted" for module in product if module.lines >= MODULE_LINES),
        *_when(bool(cycle := cycle_of(product)), f"import cycle: {' -> '.join(cycle)}"),
    ]
    return Shape(figures, breaches)


def _when(broken: bool, sentence: str) -> list[str]:
    return [sentence] if broken else []


def _long_functions(functions: list[Function], allowed: dict[str, str]) -> list[str]:
    """Name the functions that are too long, and the exceptions that are no longer needed."""
    long = {f"{function.module}:{function.name}": function for function in functions if function.lines > FUNCTION_LINES}
    return [
        *(f"{name} (line {found.line}) has {found.lines} lines" for name, found in long.items() if name not in allowed),
        *(f"LONG_FUNCTIONS names {name}, which is not longer than {FUNCTION_LINES} lines" for name in allowed if name not in long),
    ]


def lines_under(folder: Path) -> int:
    """Count the lines of all Python files under a folder."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py"))


def main() -> int:
    """Measure the repository that this file is part of and print what was found."""
    root = Path(__file__).resolve().parent.parent
    shape = measure(modules_of(root / "src"), lines_under(root / "tests"), LONG_FUNCTIONS)
    for name, figure in shape.figures.items():
        print(f"{name}: {figure}")
    for breach in shape.breaches:
        print(f"BREACH {breach}")
    return 1 if shape.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
