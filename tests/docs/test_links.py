"""Links between the pages lead somewhere, and every page is reachable from the index."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS, ROOT / "examples" / "README.md"]
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def targets(page: Path) -> list[Path]:
    """Return the files that a page links to inside the repository."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    inside = (target.partition("#")[0] for target in LINK.findall(text) if not re.match(r"[a-z]+:", target))
    return [(page.parent / target).resolve() for target in inside if target]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_of_the_repository(page: Path) -> None:
    assert [str(target) for target in targets(page) if not target.exists()] == []
    assert all(target.is_relative_to(ROOT) for target in targets(page))


def test_every_page_is_reachable_from_the_index() -> None:
    found, ahead = set[Path](), [ROOT / "docs" / "index.md"]
    while ahead:
        page = ahead.pop()
        if page not in found:
            found.add(page)
            ahead += [target for target in targets(page) if target.suffix == ".md"]
    assert [str(page) for page in DOCS if page not in found] == []


def test_every_decision_says_context_decision_and_cost() -> None:
    for page in (ROOT / "docs" / "adr").glob("0*.md"):
        text = page.read_text(encoding="utf-8")
        assert re.match(rf"# {int(page.name[:4])}\. ", text), page.name
        assert all(f"\n## {part}\n" in text for part in ("Context", "Decision", "Cost")), page.name
        assert len(text.splitlines()) <= 60, page.name


def test_no_page_is_too_wide_or_ends_badly() -> None:
    for page in PAGES:
        assert page.read_text(encoding="utf-8").endswith("\n"), page
