"""Which observables stand in which field of which log, and how they are taken out: the declared table and its slow oracle.

The fast way (``kulla.detection.indicators.kernel``) finds at least what ``observables_in`` finds;
what it finds beyond is thrown away by asking ``observables_in`` again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntFlag
from functools import cache

from kulla.detection.folding import fold
from kulla.model import observable as forms
from kulla.model.observable import EDGES, MAX_BYTES, Observable, ObservableType
from kulla.telemetry.fields import name_key
from kulla.telemetry.flatten import Fields, Kind


class Mode(IntFlag):
    """How observables are taken out of a value; several may apply to one field."""

    IP = 1  # the value is an address, perhaps with a port
    DOMAIN = 2  # the value is a host name, perhaps with a port
    URL = 4  # the value is a URL (also gives its host) or host:port
    EMAIL = 8  # addresses of electronic mail anywhere in the value
    PATH = 16  # the value is a path or a file name: whole, last component, parent directory
    HASHES = 32  # hashes anywhere in the value ("SHA1=...,MD5=...")
    IMPHASH = 64  # the value is an import hash
    USER = 128  # an account, perhaps after a domain and a backslash
    REGISTRY = 256  # a key of the registry, or a key and a value's name
    MUTEX = 512  # the value is the name of a mutex
    COMMAND = 1024  # the value is a command line
    SCAN = 2048  # free text: addresses, domains, URLs, mail addresses, hashes and file names anywhere in it


_HOST = Mode.IP | Mode.DOMAIN
_NAME = Mode.USER | Mode.EMAIL

#: How each field is searched. A field that is not here is not searched.
TABLE: dict[Mode, tuple[str, ...]] = {
    Mode.IP: (
        # Windows, Sysmon
        "SourceIp", "DestinationIp", "IpAddress", "ClientAddress", "SourceAddress", "DestAddress", "SourceNetworkAddress",
        "CallingStationID", "ClientIP", "RemoteIP", "RemoteAddress",
        # Zeek, Suricata
        "id.orig_h", "id.resp_h", "tx_hosts", "rx_hosts", "src_ip", "dest_ip", "dst_ip", "client_addr", "assigned_addr", "requested_addr",
        "server_addr", "dns.answers.rdata", "dns.grouped.A", "dns.grouped.AAAA", "flow.src_ip", "flow.dest_ip", "http.xff",
        # web servers, Exchange, M365, Entra ID, firewalls
        "c-ip", "s-ip", "client-ip", "server-ip", "original-client-ip", "original-server-ip", "ClientIPAddress", "ActorIpAddress",
        "callerIpAddress", "X-Forwarded-For", "remote_addr", "srcip", "dstip", "src", "dst",
        # Elastic Common Schema
        "source.ip", "destination.ip", "client.ip", "server.ip", "host.ip", "related.ip", "dns.resolved_ip", "source.nat.ip",
        "destination.nat.ip",
    ),
    _HOST: (
        "DestinationHostname", "SourceHostname", "QueryName", "query", "answers", "host", "server_name", "sourceIPAddress", "cs-host",
        "r-dns", "client-hostname", "server-hostname", "Workstation", "WorkstationName", "TargetServerName", "addr", "hostname", "rhost",
        "dns.rrname", "dns.queries.rrname", "dns.answers.rrname", "dns.query.rrname", "http.hostname", "tls.sni", "quic.sni", "ssh.host",
        "dns.question.name", "dns.answers.name", "dns.answers.data", "url.domain", "url.registered_domain", "destination.domain",
        "source.domain", "server.domain", "client.domain", "tls.client.server_name", "related.hosts", "destination.address",
        "source.address", "remote_host", "san.dns", "subject_alt_name", "RemoteName",
    ),
    Mode.URL: (
        "Url", "uri", "cs-uri", "cs-uri-stem", "cs-uri-query", "cs-referer", "cs-referrer", "cs(Referer)", "referrer", "referer", "c-uri",
        "RemoteUrl", "http.url", "http.http_refer", "http.redirect", "url.full", "url.original", "http.request.referrer", "ReferrerUrl",
        "HostUrl", "SiteUrl", "request",
    ),
    Mode.EMAIL: (
        "sender-address", "recipient-address", "return-path", "mailfrom", "rcptto", "from", "to", "cc", "bcc", "reply_to", "email.from",
        "email.to", "email.cc", "smtp.mail_from", "smtp.rcpt_to", "email.from.address", "email.to.address", "email.cc.address",
        "email.sender.address", "SenderAddress", "RecipientAddress", "P1Sender", "P2Sender", "Recipients", "ForwardTo", "RedirectTo",
        "ForwardingSmtpAddress", "requestParameters.userName",
    ),
    Mode.PATH: (
        "Image", "ParentImage", "SourceImage", "TargetImage", "TargetFilename", "ImageLoaded", "OriginalFileName", "ImagePath",
        "ServiceFileName", "NewProcessName", "ParentProcessName", "ProcessName", "FileName", "ApplicationName", "Application",
        "RelativeTargetName", "ObjectName", "ProcessPath", "path", "exe", "fileinfo.filename", "SourceFileName",
        "DestinationFileName", "smb.filename", "file.path", "file.name", "process.executable", "process.name", "process.parent.executable",
        "process.parent.name", "dll.path", "dll.name", "FilePath", "ImageFileName", "Device", "CurrentDirectory", "cwd", "Destination",
        "requestParameters.key", "PipeName",
    ),
    Mode.HASHES: (
        "Hashes", "Hash", "md5", "sha1", "sha256", "sha512", "FileHash", "Sha1Hash", "Sha256Hash", "fileinfo.md5", "fileinfo.sha1",
        "fileinfo.sha256", "file.hash.md5", "file.hash.sha1", "file.hash.sha256", "file.hash.sha512", "process.hash.md5",
        "process.hash.sha1", "process.hash.sha256", "dll.hash.md5", "dll.hash.sha1", "dll.hash.sha256", "related.hash", "Fqbn",
    ),
    Mode.IMPHASH: ("Imphash", "process.pe.imphash", "file.pe.imphash", "dll.pe.imphash"),
    _NAME: (
        "User", "ParentUser", "SourceUser", "TargetUser", "TargetUserName", "SubjectUserName", "TargetOutboundUserName", "AccountName",
        "SamAccountName", "MemberName", "UserName", "UserId", "UserKey", "userIdentity.userName", "userIdentity.principalId",
        "MailboxOwnerUPN", "LogonUserSid", "cs-username", "acct", "auid", "user.name", "user.email", "source.user.name",
        "destination.user.name", "related.user", "client", "Actor.ID", "Mailbox", "Caller", "Param1",
    ),
    Mode.REGISTRY: ("TargetObject", "ObjectName", "registry.path", "registry.key", "NewName", "ObjectPath"),
    Mode.MUTEX: ("MutexName", "Mutant", "ObjectName"),
    Mode.COMMAND | Mode.SCAN: (
        "CommandLine", "ParentCommandLine", "ProcessCommandLine", "process.command_line", "process.parent.command_line", "proctitle",
        "cmdline",
    ),
    Mode.SCAN: (
        "QueryResults", "QueryResult", "message", "msg",
        "ScriptBlockText", "Payload", "HostApplication", "Details", "Contents", "Query", "Data",
        "TaskContent", "ServiceArguments", "Arguments", "message-subject", "subject", "custom-data", "source-context", "cs-user-agent",
        "http.http_user_agent", "user_agent", "user_agent.original", "userAgent", "cs(User-Agent)", "Parameters", "CmdletParameters",
        "cmdlet", "payload_printable", "alert.signature", "http_request_body", "Detail", "ContextInfo", "Modified Properties",
        "ModifiedProperties.NewValue", "requestParameters.policyDocument", "responseElements.errorMessage", "a0", "a1", "a2", "a3",
        "content", "event.original", "dns.answers.txt", "dns.grouped.TXT", "dns.grouped.CNAME", "Consumer", "Destination", "jobTitle",
        "RemoteName", "uri_vars", "Parameters.Value", "OperationProperties.Value",
    ),
}  # fmt: skip


@cache
def observable_fields() -> dict[str, Mode]:
    """Return ``name_key`` of each declared field -> how it is searched; a field declared twice is searched both ways."""
    modes: dict[str, Mode] = {}
    for mode, names in TABLE.items():
        for name in names:
            key = name_key(name)
            modes[key] = modes.get(key, Mode(0)) | mode
    return modes


#: Characters of words in free text. Letters of other alphabets count, so that U-labels stay whole.
_WORD = r"a-z0-9._\-\x80-\U0010ffff"
_ATOM = re.compile(rf"[{_WORD}]+")
_MAIL = re.compile(rf"(?<![a-z0-9._+\-])[a-z0-9._+\-]{{1,64}}@[{_WORD}]+")
_ADDRESS6 = re.compile(rf"(?<![{_WORD}:])[0-9a-f:.]+(?![{_WORD}:])")
#: A URL in free text ends at a blank, a control character, a quotation mark, a bracket that is not square, or one of ``|^`;\``.
_LINK = re.compile(rf"(?<![{_WORD}])[a-z][a-z0-9]{{1,15}}://[^\x00-\x20\x7f\"'<>`|^{{}}\\();]*")
_LINK_TAIL = ".,:!?]"
_DOTTED = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")
_IMPORTS = "imphash="
#: Longest text that can be an IPv6 address (RFC 4291, with an IPv4 tail).
_ADDRESS6_LENGTH = 45

#: Endings that make a word of free text a file name, and never a domain.
FILE_ENDINGS = frozenset((
    "7z", "aspx", "ashx", "asmx", "bat", "bin", "cfg", "chm", "cmd", "cpl", "csv", "dat", "dll", "dmp", "doc", "docm", "docx", "drv",
    "dump", "exe", "gz", "hta", "htm", "html", "inf", "ini", "iso", "jar", "jpg", "js", "jse", "json", "jsp", "jspx", "kirbi", "lnk",
    "log", "msc", "msi", "msp", "ocx", "odt", "pdf", "php", "png", "ppt", "pptx", "ps1", "psd1", "psm1", "pyc", "rar", "reg", "rtf",
    "scr", "sct", "sys", "tar", "tgz", "tmp", "txt", "vbe", "vbs", "vhd", "vhdx", "vmdk", "wsf", "wsh", "xls", "xlsm", "xlsx", "xml",
    "xsl", "yml", "yaml",
))  # fmt: skip
#: Endings that are both a file's and a top-level domain: the word is taken as either.
EITHER_ENDINGS = frozenset(("cab", "pl", "py", "sh", "so", "zip"))


def observables_in(text: str, mode: Mode) -> list[Observable]:
    """Return the observables in one value, each once, in order of the modes.

    Args:
        text: the value as the event has it.
        mode: how to search it.
    """
    folded = fold(text)
    found = dict.fromkeys(_found(folded, mode))
    return [one for one in found if len(one.value.encode("utf-8", "surrogatepass")) <= MAX_BYTES]


def _found(text: str, mode: Mode) -> Iterator[Observable]:
    yield from _in_host(text, mode)
    if mode & Mode.URL:
        yield from _in_url(text)
    if mode & Mode.PATH:
        yield from _in_path(text)
    yield from _whole(text, mode)
    if mode & Mode.REGISTRY:
        yield from _in_registry(text)
    if mode & (Mode.HASHES | Mode.SCAN):
        yield from _hashes(text)
    if mode & (Mode.EMAIL | Mode.SCAN):
        yield from _mails(text)
    if mode & Mode.SCAN:
        yield from _scan(text)


def _in_host(text: str, mode: Mode) -> Iterator[Observable]:
    found = forms.address(text) if mode & Mode.IP else None
    if found is not None:
        yield Observable(forms.address_type(found), str(found))
    name = forms.domain(text) if mode & Mode.DOMAIN else None
    if name:
        yield Observable(ObservableType.DOMAIN, name)


def _in_url(text: str) -> Iterator[Observable]:
    parts = forms.url(text)
    if parts:
        yield Observable(ObservableType.URL, parts.normal)
        yield from _in_host(parts.host, _HOST)
    else:
        yield from _in_host(text, _HOST)


def _in_path(text: str) -> Iterator[Observable]:
    path = forms.file_path(text)
    parent, name = forms.split_path(path)
    if name:
        yield Observable(ObservableType.FILE_NAME, name)
    if name != path:
        yield Observable(ObservableType.FILE_PATH, path)
    if parent := parent.rstrip("\\/"):
        yield Observable(ObservableType.DIRECTORY, parent)


def _whole(text: str, mode: Mode) -> Iterator[Observable]:
    value = text.strip(EDGES)
    if mode & Mode.USER and value:
        yield Observable(ObservableType.USER, value)
        _, domain, name = value.rpartition("\\")
        if domain and name:
            yield Observable(ObservableType.USER, name)
    if mode & Mode.MUTEX and value:
        yield Observable(ObservableType.MUTEX, value)
    if mode & Mode.COMMAND and value:
        yield Observable(ObservableType.COMMAND_LINE, value)
    hashed = forms.file_hash(value) if mode & Mode.IMPHASH else None
    if hashed and hashed.type == ObservableType.MD5:
        yield Observable(ObservableType.IMPHASH, hashed.value)


def _in_registry(text: str) -> Iterator[Observable]:
    key = forms.registry_key(text)
    parent = key.rpartition("\\")[0]
    if parent:
        yield Observable(ObservableType.REGISTRY_KEY, key)
        yield Observable(ObservableType.REGISTRY_KEY, parent)


def _hashes(text: str) -> Iterator[Observable]:
    for word in _ATOM.finditer(text):
        found = forms.file_hash(word[0].strip(".-"))
        if found and found.type == ObservableType.MD5 and text.endswith(_IMPORTS, 0, word.start()):
            yield Observable(ObservableType.IMPHASH, found.value)
        elif found:
            yield found


def _mails(text: str) -> Iterator[Observable]:
    for word in _MAIL.finditer(text) if "@" in text else ():
        found = forms.email(word[0].rstrip(".-"))
        if found:
            yield Observable(ObservableType.EMAIL, found)


def _scan(text: str) -> Iterator[Observable]:
    for word in _ATOM.finditer(text):
        if "." in word[0]:
            yield from _in_word(word[0].strip(".-"))
    if ":" in text:
        yield from _addresses6(text)
        for link in _LINK.finditer(text):
            yield from _in_link(link[0].rstrip(_LINK_TAIL))


def _in_word(word: str) -> Iterator[Observable]:
    if _DOTTED.fullmatch(word):
        yield from _in_host(word, Mode.IP)
        return
    stem, _, ending = word.rpartition(".")
    if stem and (ending in FILE_ENDINGS or ending in EITHER_ENDINGS):
        yield Observable(ObservableType.FILE_NAME, word)
    if ending not in FILE_ENDINGS and forms.domain(word) == word:
        yield Observable(ObservableType.DOMAIN, word)


def _addresses6(text: str) -> Iterator[Observable]:
    for run in _ADDRESS6.finditer(text):
        value = run[0].rstrip(".")
        if value.endswith(":") and not value.endswith("::"):
            value = value[:-1]
        if value.count(":") > 1 and len(value) <= _ADDRESS6_LENGTH:
            yield from _in_host(value, Mode.IP)


def _in_link(link: str) -> Iterator[Observable]:
    parts = forms.url(link)
    if parts:
        yield Observable(ObservableType.URL, parts.normal)
        yield from _in_host(parts.host, _HOST)


def extract(fields: Fields) -> list[tuple[str, Observable]]:
    """Return (field, observable) for every declared field of an event, the field's name as ``name_key`` has it."""
    modes = observable_fields()
    found: dict[tuple[str, Observable], None] = {}
    for field, values in fields.values.items():
        mode = modes.get(field)
        for value in values if mode else ():
            if mode and value.kind in (Kind.TEXT, Kind.NUMBER):
                found.update(dict.fromkeys((field, one) for one in observables_in(value.text, mode)))
    return list(found)
