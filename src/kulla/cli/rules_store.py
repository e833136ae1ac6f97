"""``kulla rules import`` and ``kulla rules update``: rule sets into the store of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from kulla.cli.output import OutputOptions, output_options
from kulla.cli.rules_common import say, write_json, write_lines
from kulla.model.errors import PolicyError
from kulla.reporting.columns import shown
from kulla.reporting.words import counted, number

if TYPE_CHECKING:
    from kulla.node.rulestore import Difference, Draft, RuleStore

#: Rules that are named in a preview, of each kind; ``-v`` names all.
_NAMED = 15


@click.command("import")
@click.argument("source", metavar="ZIP|FOLDER", type=click.Path())
@click.option("--name", default="sigmahq", show_default=True, help="Which set it replaces; sets of other names stay.")
@click.option("--sha256", metavar="HEX", help="Refuse any other file.")
@output_options("text", "json")
def import_rules(source: str, name: str, sha256: str | None, output: OutputOptions) -> None:
    """Store a rule set from a file or folder.

    ZIP is SigmaHQ's release zip as it is; a folder or a single rule file is packed first. The set is read, and takes
    the place of the one before only if that worked. What it was, and what it changes, is told.

    \b
    Examples:
      kulla rules import /media/stick/sigma_all_rules.zip --sha256 1f3a...
      kulla rules import our-rules/ --name ours
    """
    from kulla.node.rulestore import RuleStore, copy_archive, parsed_sha256

    store = RuleStore()
    expected = None if sha256 is None else parsed_sha256(sha256)
    with store.draft(name) as archive:
        copy_archive(Path(source), archive)
        draft = store.examine(name, archive, source, expected)
        _finish(store, draft, output, keep=True)


@click.command
@click.option("--name", default="sigmahq", show_default=True, help="Which set.")
@click.option(
    "--from", "address", metavar="URL", help="Where from (KULLA_RULES_URL; rules.url in kulla.toml; default: SigmaHQ's newest release)."
)
@click.option("--sha256", metavar="HEX", help="Refuse any other file.")
@click.option("--checksum-url", metavar="URL", help="File with the SHA-256 (KULLA_RULES_CHECKSUM_URL; rules.checksum_url).")
@click.option("--yes", is_flag=True, help="Store it; without this nothing is changed.")
@click.option("--offline", is_flag=True, help="No network (KULLA_OFFLINE).")
@output_options("text", "json")
def update(
    name: str, address: str | None, sha256: str | None, checksum_url: str | None, yes: bool, offline: bool, output: OutputOptions
) -> None:
    """Fetch a newer rule set and show what it changes.

    Nothing is stored without --yes. https only, except from this machine itself.

    \b
    Examples:
      kulla rules update                        what would change
      kulla rules update --yes                  and store it
      kulla rules update --from https://mirror.example/sigma.zip --checksum-url https://mirror.example/SHA256SUMS
    """
    from kulla.node.download import fetch
    from kulla.node.rulestore import DEFAULT_URL, RuleStore
    from kulla.node.settings import setting, switched_on

    if offline or switched_on("KULLA_OFFLINE"):
        raise PolicyError("the network is not to be used", fix="fetch the zip elsewhere and use kulla rules import")
    where = setting(address, "KULLA_RULES_URL", "rules.url", DEFAULT_URL)
    store = RuleStore()
    with store.draft(name) as archive:
        say(f"Fetching {where.value} ({where.origin})", quiet=output.quiet)
        expected = _expected(where.value, sha256, checksum_url)
        fetch(where.value, archive)
        if expected is None:
            say("No checksum was given; the server is trusted.", quiet=output.quiet)
        _finish(store, store.examine(name, archive, where.value, expected), output, keep=yes)


def _expected(address: str, sha256: str | None, checksum_url: str | None) -> str | None:
    """Return the checksum that the file must have, None where nobody gives one."""
    from kulla.node.download import fetch_checksum
    from kulla.node.rulestore import parsed_sha256
    from kulla.node.settings import setting

    if sha256 is not None:
        return parsed_sha256(sha256)
    where = setting(checksum_url, "KULLA_RULES_CHECKSUM_URL", "rules.checksum_url", "").value
    return fetch_checksum(where, urlsplit(address).path.rpartition("/")[2]) if where else None


def _finish(store: RuleStore, draft: Draft, output: OutputOptions, *, keep: bool) -> None:
    """Tell what a draft is and changes, and store it if that is wanted."""
    difference = store.difference(draft)
    if keep:
        store.keep(draft)
    if output.format == "json":
        write_json(output, _report(draft, difference, stored=keep))
    else:
        write_lines(output, _lines(draft, difference, stored=keep, every=output.verbose > 0))
    if not keep and not difference.empty:
        say("Nothing was stored. Add --yes to store it.", quiet=output.quiet)


def _report(draft: Draft, difference: Difference, *, stored: bool) -> dict[str, Any]:
    listed = {name: [{"id": key, "title": title} for key, title in getattr(difference, name)] for name in ("added", "removed", "changed")}
    rejected = [
        {"id": one.id, "title": one.title, "path": _inside(draft, one.path), "line": one.line, "reason": one.reason}
        for one in draft.rule_set.rejected
    ]
    about = {key: value for key, value in draft.stored.to_dict().items() if key not in ("schema", "rejected")}
    return {"schema": "kulla.rule-import/1", **about, **listed, "rejected": rejected, "stored": stored}


def _lines(draft: Draft, difference: Difference, *, stored: bool, every: bool) -> Iterator[str]:
    one = draft.stored
    rules = f"{counted(one.rules, 'rule', 'rules')} and {counted(one.correlations, 'correlation', 'correlations')}"
    yield f"{'Stored' if stored else 'Read'}: {shown(one.name)} {one.version} from {shown(one.source)}: {rules}"
    yield f"SHA-256: {one.sha256}"
    yield from ["Changes: none before it"] if difference.first else _changes(difference, every=every)
    if draft.rule_set.rejected:
        yield f"Cannot be used: {number(len(draft.rule_set.rejected))}"
        flaws = [f"  ! {shown(_inside(draft, flaw.path))}:{flaw.line}: {shown(flaw.reason)}" for flaw in draft.rule_set.rejected]
        yield from _named(flaws, every=every)


def _inside(draft: Draft, path: str) -> str:
    """Return the path of a rule inside the archive."""
    return path.removeprefix(f"{draft.stored.path}!")


def _changes(difference: Difference, *, every: bool) -> Iterator[str]:
    yield f"Changes: {_counts(difference)}"
    for sign, pairs in (("+", difference.added), ("-", difference.removed), ("~", difference.changed)):
        yield from _named([f"  {sign} {shown(title)} ({shown(key)})" for key, title in pairs], every=every)


def _counts(difference: Difference) -> str:
    if difference.empty:
        return "none"
    return f"{number(len(difference.added))} added, {number(len(difference.removed))} removed, {number(len(difference.changed))} changed"


def _named(lines: list[str], *, every: bool) -> Iterator[str]:
    shown_lines = lines if every else lines[:_NAMED]
    yield from shown_lines
    if len(lines) > len(shown_lines):
        yield f"    and {number(len(lines) - len(shown_lines))} more (-v names all)"
