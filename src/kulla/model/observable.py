"""Observables: values that can be seen in an event and named by an indicator, each type with one normal form.

Types carry the names of STIX 2.1 cyber-observable objects (section 6), with the property where an object has
several (``file:name``). Two observables are the same when type and normal form are.

Every function here takes text that its caller has folded (``kulla.detection.folding.fold``), so paths of URLs
compare without regard to case as well; docs/reference/observables.md says what that costs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


class ObservableType(StrEnum):
    """The types of observables that Kulla extracts."""

    IPV4 = "ipv4-addr"
    IPV6 = "ipv6-addr"
    DOMAIN = "domain-name"
    URL = "url"
    EMAIL = "email-addr"
    MD5 = "file:hashes.MD5"
    SHA1 = "file:hashes.SHA-1"
    SHA256 = "file:hashes.SHA-256"
    SHA512 = "file:hashes.SHA-512"
    IMPHASH = "file:hashes.IMPHASH"
    FILE_NAME = "file:name"
    #: Not a STIX property: STIX says it with a name and a parent directory.
    FILE_PATH = "file:path"
    DIRECTORY = "directory"
    USER = "user-account"
    MUTEX = "mutex"
    REGISTRY_KEY = "windows-registry-key"
    COMMAND_LINE = "process:command_line"


@dataclass(frozen=True, slots=True)
class Observable:
    """One value in its normal form."""

    type: ObservableType
    value: str

    def to_dict(self) -> dict[str, str]:
        """Return the form of ``observable`` in kulla.detection/1."""
        return {"type": self.type.value, "value": self.value}


#: What is taken off both ends of a value before it is looked at: blanks and quotation marks.
EDGES = " \t\r\n\"'"
#: Longest normal form in bytes of UTF-8; what is longer is never equal to an indicator.
MAX_BYTES = 2048

#: Hexadecimal digits of a hash -> its type.
HASH_TYPES = {32: ObservableType.MD5, 40: ObservableType.SHA1, 64: ObservableType.SHA256, 128: ObservableType.SHA512}

_HEX = re.compile(r"[0-9a-f]+")
_PORT = re.compile(r":[0-9]{1,5}\Z")
_LABEL = r"[a-z0-9_\-\x80-\U0010ffff]{1,63}"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?:xn--[a-z0-9-]{{1,59}}|[a-z\x80-\U0010ffff]{{2,63}})")
_EMAIL = re.compile(r"[a-z0-9._+\-]{1,64}@(.+)")
_URL = re.compile(r"([a-z][a-z0-9+.\-]{0,30})://([^/?#]*)([^#]*)")
_NETWORK = re.compile(r"(.+)/[0-9]{1,3}")
_DEFAULT_PORTS = {"http": "80", "https": "443", "ftp": "21"}

#: Spellings of the roots of the registry, folded -> the short one. Users' hives by security identifier become HKCU.
REGISTRY_ROOTS: tuple[tuple[str, str], ...] = (
    ("hkey_local_machine\\", "hklm\\"),
    ("\\registry\\machine\\", "hklm\\"),
    ("hklm:\\", "hklm\\"),
    ("hkey_current_user\\", "hkcu\\"),
    ("hkcu:\\", "hkcu\\"),
    ("hkey_users\\", "hku\\"),
    ("\\registry\\user\\", "hku\\"),
    ("hkey_classes_root\\", "hkcr\\"),
)
_USERS = "hku\\"
_SID = "s-1-"


def address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that ``text`` names, an IPv4-mapped one as IPv4; None if it names none.

    A port (``192.0.2.1:443``, ``[2001:db8::1]:443``) and an IPv6 zone are left out. RFC 4291, 5952.
    """
    text = text.strip(EDGES)
    if text.startswith("["):
        text, closed, rest = text[1:].partition("]")
        if not closed or (rest and not _PORT.fullmatch(rest)):
            return None
    elif text.count(":") == 1:
        text = _PORT.sub("", text)
    if ":" in text:
        text = text.partition("%")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def domain(text: str) -> str | None:
    """Return a host name of two labels or more without port and final dot, None if it is none.

    Names in letters of other alphabets stay as they are (RFC 5890, U-labels).
    """
    text = _PORT.sub("", text.strip(EDGES)).removesuffix(".")
    return text if len(text) <= 253 and _DOMAIN.fullmatch(text) else None  # noqa: PLR2004 - RFC 1035, 2.3.4


@dataclass(frozen=True, slots=True)
class Url:
    """The parts of a URL that matter: its normal form and its host (brackets of IPv6 kept, no port)."""

    normal: str
    host: str


def url(text: str) -> Url | None:
    """Take a URL apart: no user, no default port, no fragment, ``/`` for an empty path. RFC 3986, 6.2.3."""
    found = _URL.match(text.strip(EDGES))
    if not found:
        return None
    scheme, authority, rest = found.groups()
    host, port = _host_and_port(authority.rpartition("@")[2])
    if not host:
        return None
    shown_port = "" if port in ("", _DEFAULT_PORTS.get(scheme)) else f":{port}"
    normal = f"{scheme}://{host}{shown_port}{'' if rest.startswith('/') else '/'}{rest}"
    return Url(normal, host)


def _host_and_port(authority: str) -> tuple[str, str]:
    port = _PORT.search(authority)
    host = authority[: port.start()] if port else authority
    return host.removesuffix("."), port[0][1:] if port else ""


def email(text: str) -> str | None:
    """Return an address of electronic mail, None if it is none. RFC 5321 without quoted local parts."""
    text = text.strip(EDGES).removeprefix("mailto:").removeprefix("<").removesuffix(">")
    found = _EMAIL.fullmatch(text)
    return text if found and domain(found[1]) == found[1] else None


def file_hash(text: str) -> Observable | None:
    """Return the hash that ``text`` is, its type told by its length; None if it is none."""
    text = text.strip(EDGES)
    kind = HASH_TYPES.get(len(text))
    return Observable(kind, text) if kind and _HEX.fullmatch(text) else None


def file_path(text: str) -> str:
    """Return a path without quotation marks and without the prefixes of NT's object names (``\\??\\``, ``\\\\?\\``)."""
    return text.strip(EDGES).removeprefix("\\??\\").removeprefix("\\\\?\\")


def split_path(path: str) -> tuple[str, str]:
    """Return (parent directory, last component); separators are ``/`` and ``\\``. No separator: no parent."""
    cut = max(path.rfind("/"), path.rfind("\\"))
    return (path[:cut], path[cut + 1 :]) if cut >= 0 else ("", path)


def registry_key(text: str) -> str:
    """Return a key of the registry with its root in short form; a hive of a security identifier becomes HKCU."""
    text = text.strip(EDGES).rstrip("\\")
    for spelling, short in REGISTRY_ROOTS:
        if text.startswith(spelling):
            text = short + text[len(spelling) :]
            break
    if text.startswith(_USERS + _SID):
        _, found, rest = text[len(_USERS) :].partition("\\")
        text = "hkcu\\" + rest if found else text
    return text


def normal(kind: ObservableType, text: str) -> str | None:
    """Return the normal form of one value of a known type, None where it is not of that type.

    Args:
        kind: the type that the value is said to have.
        text: the value, folded. For addresses also a network (``192.0.2.0/24``), which keeps its prefix length.
    """
    return _NORMAL_FORMS[kind](text) or None


def _of_address(kind: ObservableType, text: str) -> str | None:
    found = _address_or_network(text)
    return found[1] if found and found[0] == kind else None


def _of_hash(kind: ObservableType, text: str) -> str | None:
    hashed = file_hash(text)
    return hashed.value if hashed and hashed.type == kind else None


def _of_url(text: str) -> str | None:
    parts = url(text)
    return parts.normal if parts else None


def _of_directory(text: str) -> str:
    return file_path(text).rstrip("\\/")


def _trimmed(text: str) -> str:
    return text.strip(EDGES)


def _address_or_network(text: str) -> tuple[ObservableType, str] | None:
    network = _NETWORK.fullmatch(text.strip(EDGES))
    if network and address(network[1]) is not None:
        return _network(network[0])
    found = address(text)
    return (address_type(found), str(found)) if found else None


def _network(text: str) -> tuple[ObservableType, str] | None:
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        return None
    if found.prefixlen == found.max_prefixlen:
        alone = address(str(found.network_address))
        return (address_type(alone), str(alone)) if alone else None
    return (ObservableType.IPV4 if found.version == 4 else ObservableType.IPV6), str(found)  # noqa: PLR2004 - IP version


def address_type(found: IPv4Address | IPv6Address) -> ObservableType:
    """Return the type of an address."""
    return ObservableType.IPV4 if isinstance(found, IPv4Address) else ObservableType.IPV6


_NORMAL_FORMS: dict[ObservableType, Callable[[str], str | None]] = {
    ObservableType.IPV4: partial(_of_address, ObservableType.IPV4),
    ObservableType.IPV6: partial(_of_address, ObservableType.IPV6),
    ObservableType.DOMAIN: domain,
    ObservableType.URL: _of_url,
    ObservableType.EMAIL: email,
    ObservableType.MD5: partial(_of_hash, ObservableType.MD5),
    ObservableType.SHA1: partial(_of_hash, ObservableType.SHA1),
    ObservableType.SHA256: partial(_of_hash, ObservableType.SHA256),
    ObservableType.SHA512: partial(_of_hash, ObservableType.SHA512),
    ObservableType.IMPHASH: partial(_of_hash, ObservableType.MD5),
    ObservableType.FILE_NAME: _trimmed,
    ObservableType.FILE_PATH: file_path,
    ObservableType.DIRECTORY: _of_directory,
    ObservableType.USER: _trimmed,
    ObservableType.MUTEX: _trimmed,
    ObservableType.REGISTRY_KEY: registry_key,
    ObservableType.COMMAND_LINE: _trimmed,
}
