"""What name servers say about one query, in a log of their own or through syslog; names as in Sigma's category ``dns``."""

from __future__ import annotations

import re

# Linear: a fixed order of fields; each class excludes the character that ends it.
_BIND_QUERY = re.compile(
    r"client (?:@0x[0-9a-f]{1,16} )?([0-9A-Fa-f.:]{2,45})#(\d{1,5})(?: \([^)]{0,1100}\))?: (?:view [^:]{1,255}: )?"
    r"query: (\S{1,1100}) (\S{1,16}) (\S{1,16}) (\S{1,32})(?: \(([^)]{2,45})\))?\s*"
)
_DNSMASQ_QUERY = re.compile(r"(?:\d{1,10} [^ ]{1,64} )?query\[(\w{1,16})\] (\S{1,1100}) from (\S{2,45})\s*")
_DNSMASQ_REPLY = re.compile(r"(?:\d{1,10} [^ ]{1,64} )?(?:reply|cached) (\S{1,1100}) is (\S{1,4096})\s*")
_UNBOUND_QUERY = re.compile(r"\[[\d:]{1,20}\] (?:info|query): ([0-9A-Fa-f.:]{2,45}) (\S{1,1100}) (\S{1,16}) (\S{1,16})\s*")

Fields = dict[str, object]


def bind_query(message: str) -> dict[str, object] | None:
    """Return the fields of BIND's message about one query, None when it is another message."""
    match = _BIND_QUERY.fullmatch(message)
    if match is None:
        return None
    client, port, name, family, kind, flags, server = match.groups()
    fields = {"c-ip": client, "c-port": port, "query": name, "record_class": family, "record_type": kind, "flags": flags, "s-ip": server}
    return {key: value for key, value in fields.items() if value}


def dnsmasq_query(message: str) -> Fields | None:
    """Return the fields of dnsmasq's message about a query or an answer; None when it is another message."""
    asked = _DNSMASQ_QUERY.fullmatch(message)
    if asked:
        return {"c-ip": asked[3], "query": asked[2], "record_type": asked[1]}
    told = _DNSMASQ_REPLY.fullmatch(message)
    return {"query": told[1], "answer": told[2]} if told else None


def unbound_query(message: str) -> Fields | None:
    """Return the fields of Unbound's message about a query; None when it is another message."""
    match = _UNBOUND_QUERY.fullmatch(message)
    return {"c-ip": match[1], "query": match[2].rstrip("."), "record_type": match[3], "record_class": match[4]} if match else None


#: Program in syslog -> what understands its messages.
PROGRAMS = {"named": bind_query, "dnsmasq": dnsmasq_query, "unbound": unbound_query}
