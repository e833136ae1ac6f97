"""The runner of console examples, and then every page with such examples."""

from pathlib import Path

import pytest

from tests.docs.console import ROOT, Step, matches, run, steps, workplace

PAGES = [
    path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if "```console\n" in path.read_text(encoding="utf-8")
]

PAGE = """# Title

```console
$ echo one
one
$ printf '%s\\n' \\
    a b
a
b
$ cat <<'END'
> c
>
> END
c

```

```sh
$ not run
```

```console
$ true
```
"""


def test_steps_are_found_with_their_lines() -> None:
    assert list(steps(PAGE)) == [
        Step("echo one", "one", 4),
        Step("printf '%s\\n' \\\n    a b", "a\nb", 6),
        Step("cat <<'END'\nc\n\nEND", "c\n", 10),
        Step("true", "", 23),
    ]


def test_a_block_without_a_command_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 2: a console block begins with a command"):
        list(steps("```console\nfoo\n```\n"))


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("", "", True),
        ("", "x", False),
        ("a", "a\n", True),
        ("a", "b", False),
        ("a ... c", "a b c", True),
        ("a ... c", "a b\nc", False),
        ("a\n...", "a\nb\nc", True),
        ("a\n...", "a", True),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("a\n...\nd", "a\nd", True),
        ("...\nd", "a\nb\nd", True),
        ("...\nd", "d", True),
        ("...", "", True),
        ("...", "a\nb", True),
        ("a.c", "abc", False),
        ("a", "a\nb", False),
        ("...\nb\n...", "a\nb\nc", True),
        ("...\nx\n...", "a\nb\nc", False),
    ],
)
def test_what_matches(expected: str, printed: str, same: bool) -> None:
    assert matches(expected, printed) is same


def test_a_command_runs_beside_the_examples_and_both_streams_are_seen(tmp_path: Path) -> None:
    step = Step("ls -d examples/evidence; echo out; echo err >&2; exit 3", "", 1)
    assert run(step, workplace(tmp_path)) == "examples/evidence\nout\nerr\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_the_documentation(page: Path, tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    for step in steps(page.read_text(encoding="utf-8")):
        printed = run(step, folder)
        assert matches(step.expected, printed), f"{page.name} line {step.line}: $ {step.command}\nprinted:\n{printed}"


def test_there_are_examples_to_test() -> None:
    assert PAGES
