"""Elements of HTML built in Python; every text is escaped, so a page cannot be written unsafely by mistake."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from kulla.model.text import defanged, visible

#: Elements without an end tag (HTML Standard, "void elements").
_VOID = {"br", "hr", "meta"}


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | None | Iterable["Child"]
Attribute = str | float | None


def text(plain: str) -> Html:
    """Return text made harmless: invisible characters as escapes, addresses defanged, markup escaped."""
    return plain if isinstance(plain, Html) else Html(escape(defanged(visible(plain)), quote=True))


def join(children: Iterable[Child]) -> Html:
    """Return children one after the other; None is left out."""
    return Html("".join(_part(child) for child in children))


def _part(child: Child) -> str:
    if child is None:
        return ""
    return text(child) if isinstance(child, str) else join(child)


def el(tag: str, *children: Child, **attributes: Attribute) -> Html:
    """Return one element.

    Args:
        tag: its name, written by us.
        children: texts (escaped), elements, lists of them, None (left out).
        attributes: values are escaped; None leaves one out, "" gives the bare name. ``class_`` is ``class``,
            ``aria_label`` is ``aria-label``.

    Raises:
        ValueError: an attribute that could act or lead out of the page.
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items() if value is not None)
    return Html(f"<{tag}{written}>" if tag in _VOID else f"<{tag}{written}>{join(children)}</{tag}>")


def _attribute(name: str, value: Attribute) -> str:
    name = name.rstrip("_").replace("_", "-")
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    if name.startswith("on") or name in {"src", "style"} or (name == "href" and not shown.startswith("#")):
        raise ValueError(f"the report has no place for {name}={shown!r}")
    return f' {name}="{text(shown)}"' if shown else f" {name}"


def machine(value: str | None, **attributes: Attribute) -> Html:
    """Return a machine's value (address, hash, path, id) that keeps its direction in any text."""
    return el("bdi", value or "–", dir="ltr", **attributes)


def free(value: str, **attributes: Attribute) -> Html:
    """Return text that a person wrote in whatever language."""
    return el("span", value, dir="auto", **attributes)


def moment_of(clock: str, stamp: str | None) -> Html:
    """Return a time: ``clock`` for people, ``stamp`` (RFC 3339) for programs."""
    return machine(el("time", clock, datetime=stamp, class_="nowrap"))


def table(caption: Child, heads: Iterable[Child], rows: Iterable[Iterable[Child]], **attributes: Attribute) -> Html:
    """Return a table; the first cell of each row is its heading, a cell that is a ``td`` element stays as it is."""
    head = el("thead", el("tr", [el("th", cell, scope="col") for cell in heads]))
    return el("table", el("caption", caption), head, el("tbody", [_row(list(cells)) for cells in rows]), **attributes)


def _row(cells: list[Child]) -> Html:
    first, *rest = cells
    return el("tr", el("th", first, scope="row"), [cell if is_cell(cell) else el("td", cell) for cell in rest])


def is_cell(child: Child) -> bool:
    """Return whether ``child`` is a table cell already."""
    return isinstance(child, Html) and child.startswith("<td")


def figure_cell(value: str) -> Html:
    """Return a cell with a number, set to the end of its column."""
    return el("td", value, class_="figure")


def more(count: int, one: str, many: str) -> Html | None:
    """Return a sentence that says how many entries are not shown; None if none."""
    return el("p", f"… and {count:,} {one if count == 1 else many} more, not shown here.", class_="note") if count > 0 else None
