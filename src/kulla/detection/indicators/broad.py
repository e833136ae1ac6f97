"""Indicators that would match half of every log: they are not used, and the user is told.

This is the last line of defence against a careless feed, not a warning list: only what no log is
without (loopback, "everything", the empty file, whole top-level domains) stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Network, ip_network

from kulla.model.observable import Observable, ObservableType

#: Shortest prefixes that are used: an eighth of IPv4 is no indicator, nor is a regional registry's IPv6 block.
SHORTEST_IPV4, SHORTEST_IPV6 = 8, 20
#: Shortest name of a file that is used ("a.exe").
SHORTEST_NAME = 5
#: Shortest command line that is used.
SHORTEST_COMMAND = 8
#: Components a path of a directory or a key needs below its root ("c:\\users" has one).
FEWEST_COMPONENTS = 2

#: MD5, SHA-1, SHA-256 and SHA-512 of no bytes.
EMPTY_FILE = frozenset((
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
))  # fmt: skip
#: Accounts that every system has.
COMMON_USERS = frozenset((
    "system", "nt authority\\system", "local service", "nt authority\\local service", "network service",
    "nt authority\\network service", "anonymous logon", "administrator", "admin", "guest", "root", "-",
))  # fmt: skip
_SECOND_LEVEL = frozenset(("ac", "co", "com", "edu", "gov", "mil", "net", "org"))
#: Letters of a country's top-level domain.
_COUNTRY = 2
_LOCAL_NETWORKS = tuple(ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "255.255.255.255/32", "::/127"))


def too_broad(observable: Observable) -> str:
    """Return why an indicator of this observable is not used; "" for one that is."""
    check = _CHECKS.get(observable.type)
    return check(observable.value) if check else ""


def _near_root(value: str) -> str:
    return f"{value!r} is too near to the root" if _components(value) < FEWEST_COMPONENTS else ""


def _short(shortest: int, value: str) -> str:
    return f"{value!r} is very short" if len(value) < shortest else ""


def _common_user(value: str) -> str:
    return f"every system has an account {value!r}" if value in COMMON_USERS else ""


def _empty_file(value: str) -> str:
    return "the hash of the empty file" if value in EMPTY_FILE else ""


def _broad_address(value: str) -> str:
    # Most addresses are IPv4 and plainly public: that is decided without making objects of a million of them.
    if "/" not in value and ":" not in value and not value.startswith(("0.", "127.", "255.")):
        return ""
    network = ip_network(value)
    if network.prefixlen < (SHORTEST_IPV4 if isinstance(network, IPv4Network) else SHORTEST_IPV6):
        return f"{value} is a large part of the Internet"
    if any(network.version == local.version and network.subnet_of(local) for local in _LOCAL_NETWORKS):  # type: ignore[arg-type]
        return f"{value} is the host itself, or nobody"
    return ""


def _broad_domain(value: str) -> str:
    parent, _, top = value.rpartition(".")
    if value == "localhost.localdomain" or not parent:
        return f"{value!r} is no name on the Internet"
    public = parent in _SECOND_LEVEL and len(top) == _COUNTRY
    return f"all names below {value!r} would match" if public else ""


def _components(path: str) -> int:
    return sum(1 for part in path.replace("/", "\\").split("\\")[1:] if part)


_CHECKS: dict[ObservableType, Callable[[str], str]] = {
    ObservableType.IPV4: _broad_address,
    ObservableType.IPV6: _broad_address,
    ObservableType.DOMAIN: _broad_domain,
    ObservableType.FILE_NAME: partial(_short, SHORTEST_NAME),
    ObservableType.COMMAND_LINE: partial(_short, SHORTEST_COMMAND),
    ObservableType.MUTEX: partial(_short, SHORTEST_NAME),
    ObservableType.DIRECTORY: _near_root,
    ObservableType.REGISTRY_KEY: _near_root,
    ObservableType.FILE_PATH: _near_root,
    ObservableType.USER: _common_user,
    **{kind: _empty_file for kind in ObservableType if kind.startswith("file:hashes")},
}
