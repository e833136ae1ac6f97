"""The page of problems names every kind that the code uses, and says rightly which make a scan incomplete."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from kulla.model.summary import COMPLETE_KINDS

ROOT = Path(__file__).resolve().parents[2]
KIND = re.compile(r"[a-z]+(-[a-z0-9]+)+")
ROWS = re.findall(
    r"^\| `([a-z0-9-]+)` \| .+ \| (yes|no) \|$", (ROOT / "docs/reference/problems.md").read_text(encoding="utf-8"), re.MULTILINE
)


def kinds_of(tree: ast.AST) -> Iterator[str]:
    """Yield each kind that stands as a literal in a call that counts a problem."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and counts_a_problem(node.func):
            given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "kind")]
            yield from (
                arg.value for arg in given if isinstance(arg, ast.Constant) and isinstance(arg.value, str) and KIND.fullmatch(arg.value)
            )


def counts_a_problem(function: ast.expr) -> bool:
    return "problem" in ast.unparse(function).lower()


def trees() -> list[ast.Module]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "src/kulla").rglob("*.py")]


def test_kinds_are_found_in_code() -> None:
    code = "problems.add(path, 'one-kind', f'x'); Problem(p, '', 'two-kinds', 'a-b c')\nself.add('no-kind'); x.problem(kind='three-kinds')"
    assert list(kinds_of(ast.parse(code))) == ["one-kind", "two-kinds", "three-kinds"]


def test_every_kind_in_the_code_is_explained() -> None:
    used = {kind for tree in trees() for kind in kinds_of(tree)}
    assert len(used) > 20
    assert sorted(used - {kind for kind, _ in ROWS}) == []


def test_every_kind_explained_is_in_the_code() -> None:
    literals = {node.value for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert [kind for kind, _ in ROWS if kind not in literals] == []


def test_the_page_says_which_kinds_leave_the_input_complete() -> None:
    assert {kind for kind, incomplete in ROWS if incomplete == "no"} == set(COMPLETE_KINDS)


def test_no_kind_is_explained_twice() -> None:
    assert len(ROWS) == len(dict(ROWS))
