"""A site's own log sources from TOML."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kulla.detection.logsource_file import MAX_BYTES
from kulla.detection.logsources import Catalogue, EventClass, Match, Probe, classify, load_logsources, reachable
from kulla.model.errors import UsageError
from kulla.model.logsource import LogSource
from kulla.telemetry.flatten import flatten

HEAD = 'schema = "kulla.logsources/1"\n'
WHOLE = (
    HEAD
    + """
[[class]]
name = "site/border-router"
sources = [{ product = "cisco", service = "aaa" }, { product = "cisco", service = "syslog" }]
match = [{ field = "Hostname", value = "br1" }, { field = "hostname", value = "br2" }]
requires = { product = "Linux" }

[[class]]
name = "site/firewall"
sources = [{ category = "firewall" }]
match = [{ field = "Device Vendor", value = "Acme", second_field = "type", second = "*" }]
[class.aliases]
dst_ip = "DestAddr"
src_ip = ["SrcAddr", "Src NAT"]
"""
)


def load(folder: Path, text: str | bytes) -> tuple[EventClass, ...]:
    path = folder / "logsources.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_logsources(path)


def test_a_whole_file(tmp_path: Path) -> None:
    router, firewall = load(tmp_path, WHOLE)
    assert router == EventClass(
        "site/border-router",
        (LogSource("cisco", None, "aaa"), LogSource("cisco", None, "syslog")),
        (Match(Probe("hostname"), "br1"), Match(Probe("hostname"), "br2")),
        requires=LogSource("linux"),
    )
    assert firewall.matches == (Match(Probe("devicevendor", "type"), "Acme", "*"),)
    assert firewall.answers("src_ip") == ("src_ip", "srcaddr", "srcnat")


def test_the_sites_classes_are_used(tmp_path: Path) -> None:
    catalogue = Catalogue(load(tmp_path, WHOLE))
    syslog = LogSource("linux", None, "syslog")
    assert classify(flatten(b'{"hostname": "BR1", "program": "sshd"}'), syslog, catalogue).name == "site/border-router"
    assert classify(flatten(b'{"hostname": "other", "program": "sshd"}'), syslog, catalogue).name == "linux/sshd"
    assert classify(flatten(b'{"DeviceVendor": "acme", "type": 3}'), LogSource(), catalogue).name == "site/firewall"
    assert classify(flatten(b'{"DeviceVendor": "acme"}'), LogSource(), catalogue).name == "unknown"


def test_a_log_source_becomes_reachable(tmp_path: Path) -> None:
    text = HEAD + '[[class]]\nname = "site/vpn"\nsources = [{ product = "paloalto", category = "appliance", service = "globalprotect" }]\n'
    wanted = LogSource("paloalto", "appliance", "globalprotect")
    assert not reachable(wanted)
    assert reachable(wanted, Catalogue(load(tmp_path, text)))


def test_an_empty_table_is_no_class(tmp_path: Path) -> None:
    assert load(tmp_path, HEAD) == ()


CLASS = HEAD + '[[class]]\nname = "a"\nsources = [{ product = "p" }]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "schema is not"),
        ('schema = "kulla.logsources/2"', "schema is not"),
        ("[[class", "is no TOML"),
        (b"\xff\xfe", "is no TOML"),
        (HEAD + "extra = 1", '"extra" is not known here'),
        (HEAD + "class = 1", "class is not a list of tables"),
        (HEAD + "[[class]]", "sources is missing"),
        (HEAD + '[[class]]\nsources = [{ product = "p" }]', "name is missing or no text"),
        (HEAD + '[[class]]\nname = "a"\nsources = [{}]', "at least one of product"),
        (HEAD + '[[class]]\nname = "a"\nsources = [{ produkt = "p" }]', '"produkt" is not known here'),
        (HEAD + '[[class]]\nname = "a"\nsources = [{ product = 1 }]', "product is missing or no text"),
        (CLASS + 'match = [{ value = "v" }]', "field is missing or no text"),
        (CLASS + 'match = [{ field = "f" }]', "value is missing or no text"),
        (CLASS + 'match = [{ field = "f", value = "v", second = "w" }]', "second without second_field"),
        (CLASS + 'match = [{ field = "f", value = "v", second_field = "w" }]', "second is missing or no text"),
        (CLASS + 'match = [{ field = "f", value = "*", second_field = "g", second = "w" }]', "wants"),
        (CLASS + 'match = "f"', "match is not a list of tables"),
        (CLASS + "aliases = 3", "aliases is a table"),
        (CLASS + "aliases = { a = [] }", 'alias of "a"'),
        (CLASS + "aliases = { a = [1] }", 'alias of "a"'),
        (CLASS + "requires = 3", "at least one of product"),
        (CLASS + CLASS.removeprefix(HEAD), 'two classes are called "a"'),
        ("#" * (MAX_BYTES + 1), "longer than"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("[", r"\[")) as caught:
        load(tmp_path, text)
    assert "logsources.toml" in caught.value.place
    assert caught.value.exit_code == 2


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_logsources(tmp_path / "none.toml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.sampled_from('[]{}="\n,.# abclsmtvn*1'), max_size=120))
def test_any_text_loads_or_is_a_usage_error(tmp_path: Path, text: str) -> None:
    with contextlib.suppress(UsageError):
        assert all(each.name and each.sources for each in load(tmp_path, HEAD + text))
