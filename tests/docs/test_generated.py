"""The generated pages are what their programs write now."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tools import cli_reference, dependencies, rules_reference

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("page", "write"),
    [(cli_reference.PAGE, cli_reference.page), (rules_reference.PAGE, rules_reference.page)],
    ids=["cli.md", "content.md"],
)
def test_the_page_is_up_to_date(page: Path, write: Callable[[], str]) -> None:
    assert page.read_text(encoding="utf-8") == write(), f"run python -m tools.{write.__module__.rpartition('.')[2]}"


def test_every_command_has_examples_first_and_fits_a_screen() -> None:
    for context in cli_reference.commands(cli_reference.program()):
        text = context.command.get_help(context)
        if not isinstance(context.command, click.Group) or context.parent is None:
            assert "Examples:" in text, context.command_path
            assert text.index("Examples:") < text.index("Options:"), context.command_path
        assert len(text.splitlines()) <= 60, context.command_path


def test_hidden_commands_are_left_out() -> None:
    group = click.Group("g", commands=[click.Command("seen"), click.Command("not-seen", hidden=True)])
    found = [context.command_path for context in cli_reference.commands(click.Context(group, info_name="g"))]
    assert found == ["g", "g seen"]


def test_a_section_shows_usage_text_code_and_options() -> None:
    command = click.Command("c", help="Do.\n\n\b\nExamples:\n  c | d\n", params=[click.Option(["-f", "--form"], help="a | b")])
    text = cli_reference.section(click.Context(command, info_name="c"))
    assert text.startswith("## c\n\n```\nc [OPTIONS]\n```\n\nDo.\n\n```\nExamples:\n  c | d\n```\n\n| option | meaning |\n")
    assert "| `-f, --form TEXT` | a \\| b |" in text


def asked_for() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return {re.split(r"[<>=!~\[; ]", line)[0].lower() for line in lines}


def without_licences(page: str) -> list[list[str]]:
    return [[cell for place, cell in enumerate(line.split("|")) if place != 3] for line in page.splitlines()]


def test_dependencies_are_listed_with_version_and_reason() -> None:
    assert without_licences(dependencies.PAGE.read_text(encoding="utf-8")) == without_licences(dependencies.page())
    assert {dependencies.normal(name) for name in asked_for()} == set(dependencies.REASONS)


@pytest.mark.parametrize("name", sorted(dependencies.REASONS))
def test_every_licence_is_stated(name: str) -> None:
    (row,) = (line for line in dependencies.PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {name} |"))
    assert row.split("|")[3].strip() not in {"", "not stated", "UNKNOWN"}


def test_every_dependency_is_pinned_for_ci_and_nothing_names_a_host() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = dict(line.split("==") for line in text.splitlines() if not line.startswith("#"))
    assert asked_for() <= {name.lower() for name in pins}
    assert all(re.fullmatch(r"[\w.!+-]+", version) for version in pins.values())
    assert "://" not in text


def test_every_runtime_dependency_has_its_reason_in_the_decision() -> None:
    decision = (ROOT / "docs" / "adr" / "0002-dependencies.md").read_text(encoding="utf-8").lower()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["yara"]]
    assert [name for line in lines if (name := re.split(r"[<>=,]", line)[0]) not in decision] == []
