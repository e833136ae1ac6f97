"""What people write in lists: defanged values made whole again, and the type told by the form."""

from __future__ import annotations

import re
from contextlib import suppress

from kulla.detection.folding import fold
from kulla.detection.indicators.indicator_set import Term
from kulla.detection.observables import EITHER_ENDINGS, FILE_ENDINGS
from kulla.model import observable as forms
from kulla.model.observable import EDGES, REGISTRY_ROOTS, Observable, ObservableType

T = ObservableType

#: Defanging in use: hxxp, meow, [.], (.), {.}, [dot], [.com, [at], (@), [:], [://], \\. and the like.
_DEFANGED = re.compile(
    r"^(?P<scheme>h[tx*]{2}p|meow)(?=s?[:\[({])"
    r"|[\[({]\s*(?:\.|dot|punkt)\s*[\])}]|(?P<half>\[\.|\.\])|(?P<dot>\\\.)"
    r"|(?P<at>[\[({]\s*(?:@|at)\s*[\])}])"
    r"|(?P<colon>[\[({]:[\])}])|(?P<slashes>[\[({]://[\])}])|(?P<slash>[\[({]/[\])}])",
    re.IGNORECASE,
)
_MEANT = {"scheme": "http", "at": "@", "colon": ":", "slashes": "://", "slash": "/"}
_SUSPECT = re.compile(r"[\[({\\*\]]")
_SUSPECT_STARTS = ("hx", "hX", "Hx", "HX", "meow", "MEOW")

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_ADDRESS = re.compile(r"[0-9a-f:.]*[0-9a-f:](?:/[0-9]{1,3})?|\[[0-9a-f:.]+\](?::[0-9]{1,5})?")
_PATH = re.compile(r"[a-z]:[\\/]|\\\\|/[^/]|%[a-z]+%\\|~/")
_KEY_ROOTS = (*(spelling for spelling, _ in REGISTRY_ROOTS), "hklm\\", "hkcu\\", "hku\\", "hkcr\\")
_LABEL = re.compile(r"[a-z0-9-]{2,63}")
_TREE_PREFIXES = ("*.", "||", ".")


def refang(text: str) -> str:
    """Return a value as it was before somebody made it harmless for display.

    ``\\.`` is left alone in what looks like a path.
    """
    text = text.strip(EDGES)
    if not _SUSPECT.search(text) and not text.startswith(_SUSPECT_STARTS):
        return text
    path = _PATH.match(text.lower()) is not None
    return _DEFANGED.sub(lambda found: found[0] if path and found["dot"] else _MEANT.get(found.lastgroup or "", "."), text)


def terms_by_form(text: str) -> tuple[Term, ...]:
    """Return the terms of a value whose type nobody told; empty where the form tells none.

    Domains stand for their subdomains too; a URL without scheme stands for http and https.
    """
    value = fold(refang(text))
    if _IPV4.fullmatch(value):  # in normal form already
        return (Term(Observable(T.IPV4, value)),)
    hashed = forms.file_hash(value)
    if hashed:
        return (Term(hashed),)
    found = _address_terms(value) if _ADDRESS.fullmatch(value) else ()
    if found:  # else a name of hexadecimal letters, perhaps with a port
        return found
    if "://" in value:
        return terms_by_type(T.URL, value)
    if value.startswith(_KEY_ROOTS):
        return terms_by_type(T.REGISTRY_KEY, value)
    if _PATH.match(value):
        return terms_by_type(T.FILE_PATH, value)
    if "@" in value:
        return terms_by_type(T.EMAIL, value)
    return _name_terms(value)


def _address_terms(value: str) -> tuple[Term, ...]:
    return terms_by_type(T.IPV4, value) or terms_by_type(T.IPV6, value)


def _name_terms(value: str) -> tuple[Term, ...]:
    for prefix in _TREE_PREFIXES:
        if value.startswith(prefix) and _LABEL.fullmatch(value, len(prefix)):
            return (Term(Observable(T.DOMAIN, value[len(prefix) :]), tree=True),)  # a whole top-level domain: too broad, and said so
        value = value.removeprefix(prefix)
    host, slash, path = value.removesuffix("^").partition("/")
    if slash and path and (forms.domain(host) or (forms.address(host) and not path.isdigit())):
        return (*terms_by_type(T.URL, f"http://{host}/{path}"), *terms_by_type(T.URL, f"https://{host}/{path}"))
    ending = host.rpartition(".")[2]
    if ending in FILE_ENDINGS and not slash:
        return terms_by_type(T.FILE_NAME, host)
    found = terms_by_type(T.DOMAIN, host, tree=True)
    if ending in EITHER_ENDINGS and not slash and found:
        return (*found, *terms_by_type(T.FILE_NAME, host))
    return found


def terms_by_type(kind: ObservableType, text: str, *, tree: bool = False) -> tuple[Term, ...]:
    """Return the terms of a value of a known type; empty where it is not of that type.

    Args:
        kind: the type; a file's name with a directory becomes a path.
        text: the value, refanged; need not be folded.
        tree: a domain that stands for its subdomains too.
    """
    value = fold(text)
    if kind == T.FILE_NAME and forms.split_path(forms.file_path(value))[0]:
        kind = T.FILE_PATH
    normal = forms.normal(kind, value)
    if normal is None and kind in (T.IPV4, T.IPV6):  # an IPv4-mapped address is IPv4 whatever it is called
        other = T.IPV6 if kind == T.IPV4 else T.IPV4
        kind, normal = other, forms.normal(other, value)
    if normal is None:
        return ()
    if kind == T.DOMAIN and (not normal.isascii() or "xn--" in normal):
        return tuple(Term(Observable(kind, name), tree) for name in _spellings(normal))
    return (Term(Observable(kind, normal), tree and kind == T.DOMAIN),)


def _spellings(name: str) -> list[str]:
    """Return an internationalised name as letters and as ``xn--`` (RFC 3490): logs have either."""
    names = [name]
    with suppress(UnicodeError):
        names.append(name.encode("idna").decode("ascii").lower() if not name.isascii() else fold(name.encode("ascii").decode("idna")))
    return list(dict.fromkeys(names))


#: Names of types in CSV headers, MISP attributes and feeds, folded, blanks and underscores as hyphens -> type.
TYPE_WORDS: dict[str, ObservableType] = {
    **dict.fromkeys(("domain", "domain-name", "domainname", "hostname", "host", "fqdn", "host-name", "dns"), T.DOMAIN),
    **dict.fromkeys(("url", "uri", "link", "urls"), T.URL),
    **dict.fromkeys(("email", "email-addr", "email-address", "email-src", "email-dst", "email-reply-to", "mail", "sender"), T.EMAIL),
    **dict.fromkeys(("md5", "filehash-md5", "hash-md5", "md5-hash", "file-md5"), T.MD5),
    **dict.fromkeys(("sha1", "sha-1", "filehash-sha1", "hash-sha1", "sha1-hash", "file-sha1"), T.SHA1),
    **dict.fromkeys(("sha256", "sha-256", "filehash-sha256", "hash-sha256", "sha256-hash", "file-sha256"), T.SHA256),
    **dict.fromkeys(("sha512", "sha-512", "filehash-sha512", "hash-sha512", "sha512-hash"), T.SHA512),
    **dict.fromkeys(("imphash", "filehash-imphash"), T.IMPHASH),
    **dict.fromkeys(("filename", "file-name", "file:name", "file"), T.FILE_NAME),
    **dict.fromkeys(("filepath", "file-path", "path", "full-path"), T.FILE_PATH),
    **dict.fromkeys(("directory", "folder"), T.DIRECTORY),
    **dict.fromkeys(("user-account", "account", "username", "user"), T.USER),
    **dict.fromkeys(("mutex", "mutant"), T.MUTEX),
    **dict.fromkeys(("regkey", "registry", "registry-key", "windows-registry-key"), T.REGISTRY_KEY),
    **dict.fromkeys(("command-line", "commandline", "cmdline", "process:command-line"), T.COMMAND_LINE),
    **{kind.value: kind for kind in ObservableType},
}
#: Words that say "address" or "hash" and leave the rest to the form.
ADDRESS_WORDS = frozenset(("ip", "ips", "ipv4", "ipv6", "ip-address", "ipaddress", "ip-src", "ip-dst", "ip-addr", "cidr", "subnet",
                           "netblock",                            "ipv4-addr", "ipv6-addr", "src-ip", "dst-ip", "ipv4-cidr"))  # fmt: skip
HASH_WORDS = frozenset(("hash", "filehash", "file-hash", "checksum", "hashes"))


def type_word(text: str) -> str:
    """Return the form in which names of types are looked up."""
    return fold(text).strip(EDGES).replace("_", "-").replace(" ", "-")


def is_type_word(word: str) -> bool:
    """Return whether a word, as ``type_word`` gives it, names a type."""
    return word in TYPE_WORDS or word in ADDRESS_WORDS or word in HASH_WORDS


def terms_by_word(word: str, text: str, *, tree: bool = False) -> tuple[Term, ...]:
    """Return the terms of a value whose type a word tells; empty where the word or the value is not understood."""
    value = refang(text)
    if word in ADDRESS_WORDS:
        return _address_terms(fold(value))
    if word in HASH_WORDS:
        hashed = forms.file_hash(fold(value))
        return (Term(hashed),) if hashed else ()
    kind = TYPE_WORDS.get(word)
    if kind == T.URL and "://" not in value:
        return terms_by_form(value)
    if kind == T.DOMAIN and value.startswith("*."):
        value, tree = value[2:], True
    return terms_by_type(kind, value, tree=tree) if kind else ()
