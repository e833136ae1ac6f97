"""``kulla rules``: import, update, list, show, check, test and explain detection rules."""

from __future__ import annotations

import click

from kulla.cli.lazy import Lazy, LazyGroup

COMMANDS = {
    "import": Lazy("kulla.cli.rules_store:import_rules", "Store a rule set from a file or folder."),
    "update": Lazy("kulla.cli.rules_store:update", "Fetch a newer rule set and show what it changes."),
    "list": Lazy("kulla.cli.rules_show:list_rules", "List rules and whether they can be used."),
    "show": Lazy("kulla.cli.rules_show:show", "Show one rule in words."),
    "check": Lazy("kulla.cli.rules_show:check", "Find flaws in rules."),
    "test": Lazy("kulla.cli.rules_try:test_rules", "Run rules over their samples."),
    "explain": Lazy("kulla.cli.rules_try:explain", "Say why a rule matches an event or not."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def rules() -> None:
    """Import, check, test and explain detection rules.

    Where no rules are named, the imported sets and Kulla's own are meant.

    \b
    Examples:
      kulla rules update                        what a newer release of SigmaHQ's rules would change
      kulla rules import sigma_all_rules.zip    the same zip from a stick, without network
      kulla rules list --level high --tag attack.t1490
      kulla rules explain my_rule.yml sample.evtx
    """
