"""Windows events: what each kind holds, and two of the forms in which they are exported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from examples.synthetic.world import DOMAIN, Host, digest, guid, sid

SYSMON = ("Microsoft-Windows-Sysmon", "Microsoft-Windows-Sysmon/Operational")
SECURITY = ("Microsoft-Windows-Security-Auditing", "Security")
EVENTLOG = ("Microsoft-Windows-Eventlog", "Security")
POWERSHELL = ("Microsoft-Windows-PowerShell", "Microsoft-Windows-PowerShell/Operational")
EXCHANGE = ("MSExchange CmdletLogs", "MSExchange Management")

#: The GUIDs under which Windows registers the providers; Exchange's writes to a classic log and has none.
PROVIDER_GUIDS = {
    "Microsoft-Windows-Sysmon": "5770385F-C22A-43E0-BF4C-06F5698FFBD9",
    "Microsoft-Windows-Security-Auditing": "54849625-5478-4994-A5BA-3E3B0328C30D",
    "Microsoft-Windows-Eventlog": "FC65DDD8-D6EF-4962-83D5-6E5CFE9CE148",
    "Microsoft-Windows-PowerShell": "A0C1853B-5C40-4B15-8766-3CF1C58F985A",
}

SYSTEM32 = "C:\\Windows\\System32\\"
W3WP = "C:\\Windows\\System32\\inetsrv\\w3wp.exe"
SYSTEM = "NT AUTHORITY\\SYSTEM"


@dataclass(frozen=True, slots=True)
class WindowsEvent:
    """One record of a Windows event log, free of its form."""

    time: datetime
    host: Host
    source: tuple[str, str]
    id: int
    data: Mapping[str, Any]


def process(time: datetime, host: Host, user: str, parent: str, image: str, command: str) -> WindowsEvent:
    """Sysmon 1: a process was created; images without a folder are in System32."""
    image, parent = (path if "\\" in path else SYSTEM32 + path for path in (image, parent))
    name = image.rpartition("\\")[2]
    data = {
        **_about(time, host, image, user),
        "OriginalFileName": name,
        "CommandLine": command,
        "CurrentDirectory": SYSTEM32,
        "IntegrityLevel": "High",
        "Hashes": f"SHA256={digest(name).upper()}",
        "ParentProcessGuid": f"{{{guid(f'{host.name}{parent}')}}}",
        "ParentImage": parent,
        "ParentCommandLine": parent,
    }
    return WindowsEvent(time, host, SYSMON, 1, data)


def connection(time: datetime, host: Host, user: str, image: str, target: str, port: int) -> WindowsEvent:
    """Sysmon 3: a process opened a connection."""
    ends = {
        "Protocol": "tcp",
        "Initiated": "true",
        "SourceIp": host.address,
        "SourcePort": 49152 + int(digest(f"{time}")[:3], 16),
        "DestinationIp": target,
        "DestinationPort": port,
    }
    return WindowsEvent(time, host, SYSMON, 3, {**_about(time, host, image, user), **ends})


def driver(time: datetime, host: Host, path: str) -> WindowsEvent:
    """Sysmon 6: a driver was loaded."""
    hashes = f"SHA256={digest(path.rpartition(chr(92))[2]).upper()}"
    data = {"UtcTime": _utc(time), "ImageLoaded": path, "Hashes": hashes, "Signed": "true", "SignatureStatus": "Valid"}
    return WindowsEvent(time, host, SYSMON, 6, data)


def process_access(time: datetime, host: Host, image: str, target: str, access: str) -> WindowsEvent:
    """Sysmon 10: a process opened another."""
    data = {"UtcTime": _utc(time), "SourceImage": image, "TargetImage": SYSTEM32 + target, "GrantedAccess": access}
    return WindowsEvent(time, host, SYSMON, 10, data)


def file_created(time: datetime, host: Host, user: str, image: str, path: str) -> WindowsEvent:
    """Sysmon 11: a file was created or written over."""
    return WindowsEvent(time, host, SYSMON, 11, {**_about(time, host, image, user), "TargetFilename": path, "CreationUtcTime": _utc(time)})


def registry_set(time: datetime, host: Host, user: str, image: str, key: str, value: str) -> WindowsEvent:
    """Sysmon 13: a registry value was set."""
    about = _about(time, host, image, user)
    return WindowsEvent(time, host, SYSMON, 13, {**about, "EventType": "SetValue", "TargetObject": key, "Details": value})


def script(time: datetime, host: Host, text: str) -> WindowsEvent:
    """PowerShell 4104: a script block was compiled."""
    data = {"MessageNumber": 1, "MessageTotal": 1, "ScriptBlockText": text, "ScriptBlockId": guid(text).lower(), "Path": ""}
    return WindowsEvent(time, host, POWERSHELL, 4104, data)


def logon(time: datetime, host: Host, user: str, address: str, kind: int = 3) -> WindowsEvent:
    """Security 4624: somebody logged on; kind 3 over the network, 10 by remote desktop."""
    data = {
        "SubjectUserSid": "S-1-5-18",
        "TargetUserSid": sid(user),
        "TargetUserName": user,
        "TargetDomainName": DOMAIN,
        "LogonType": kind,
        "LogonProcessName": "User32 " if kind == 10 else "Kerberos",
        "IpAddress": address,
        "IpPort": "0",
    }
    return WindowsEvent(time, host, SECURITY, 4624, data)


def failed_logon(time: datetime, host: Host, user: str, address: str) -> WindowsEvent:
    """Security 4625: a log-on failed for a wrong password."""
    about = {"TargetUserName": user, "TargetDomainName": DOMAIN, "LogonType": 3, "IpAddress": address}
    return WindowsEvent(time, host, SECURITY, 4625, {**about, "Status": "0xc000006d", "SubStatus": "0xc000006a"})


def account_created(time: datetime, host: Host, user: str, by: str) -> WindowsEvent:
    """Security 4720: a user account was created."""
    about = {"TargetUserName": user, "TargetDomainName": DOMAIN, "TargetSid": sid(user)}
    return WindowsEvent(time, host, SECURITY, 4720, {**about, **_subject(by), "SamAccountName": user})


def member_added(time: datetime, host: Host, member: str, group: str, group_sid: str, by: str) -> WindowsEvent:
    """Security 4728: somebody became a member of a global group."""
    about = {"MemberName": f"CN={member},CN=Users,DC=ministry,DC=example", "MemberSid": sid(member)}
    return WindowsEvent(time, host, SECURITY, 4728, {**about, "TargetUserName": group, "TargetSid": group_sid, **_subject(by)})


def log_cleared(time: datetime, host: Host, by: str) -> WindowsEvent:
    """Eventlog 1102: the Security log was cleared."""
    return WindowsEvent(time, host, EVENTLOG, 1102, _subject(by))


def cmdlet(time: datetime, host: Host, by: str, name: str, parameters: str) -> WindowsEvent:
    """MSExchange Management 1: a cmdlet was run; the data have no names."""
    data = [
        name,
        parameters,
        f"{DOMAIN}/Users/{by}",
        sid(by),
        "Remote-PowerShell-Unknown",
        "0",
        "-",
        "ServerRemoteHost",
        "w3wp#MSExchangePowerShell",
    ]
    return WindowsEvent(time, host, EXCHANGE, 1, {"Data": data})


def _about(time: datetime, host: Host, image: str, user: str) -> dict[str, Any]:
    """Return what most Sysmon events begin with."""
    identity = f"{host.name}{image}{time:%d%H%M}"
    number = 1000 + int(digest(identity)[:3], 16)
    return {
        "RuleName": "-",
        "UtcTime": _utc(time),
        "ProcessGuid": f"{{{guid(identity)}}}",
        "ProcessId": number,
        "Image": image,
        "User": user,
    }


def _subject(by: str) -> dict[str, str]:
    return {"SubjectUserSid": sid(by), "SubjectUserName": by, "SubjectDomainName": DOMAIN, "SubjectLogonId": "0x3e7a1"}


def _utc(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03d}"


def nested(events: Iterable[WindowsEvent], first: int) -> str:
    """Return events as EVTX tools dump them: one ``{"Event": {"System": ..., "EventData": ...}}`` a line."""
    ordered = enumerate(sorted(events, key=lambda event: event.time), first)
    return "".join(json.dumps(_nest(event, record)) + "\n" for record, event in ordered)


def _nest(event: WindowsEvent, record: int) -> dict[str, Any]:
    provider, channel = event.source
    system = {
        "Provider": {"#attributes": {"Name": provider, **({"Guid": known} if (known := PROVIDER_GUIDS.get(provider)) else {})}},
        "EventID": event.id,
        "Version": 1,
        "Level": 4,
        "TimeCreated": {"#attributes": {"SystemTime": f"{event.time:%Y-%m-%dT%H:%M:%S.%fZ}"}},
        "EventRecordID": record,
        "Execution": {"#attributes": {"ProcessID": 2212, "ThreadID": 3104}},
        "Channel": channel,
        "Computer": event.host.name,
    }
    part = "UserData" if event.id == 1102 else "EventData"
    data = {"LogFileCleared": event.data} if event.id == 1102 else event.data
    return {"Event": {"#attributes": {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"}, "System": system, part: data}}


def flat(events: Iterable[WindowsEvent], first: int) -> str:
    """Return events as NXLog writes them: one flat object a line, every value of the data as text."""
    ordered = enumerate(sorted(events, key=lambda event: event.time), first)
    return "".join(json.dumps(_flatten(event, record)) + "\n" for record, event in ordered)


def _flatten(event: WindowsEvent, record: int) -> dict[str, Any]:
    provider, channel = event.source
    return {
        "EventTime": f"{event.time:%Y-%m-%d %H:%M:%S}",
        "Hostname": event.host.name,
        "EventType": "INFO",
        "Severity": "INFO",
        "EventID": event.id,
        "SourceName": provider,
        "ProviderGuid": f"{{{PROVIDER_GUIDS[provider]}}}",
        "RecordNumber": record,
        "Channel": channel,
        **{key: str(value) for key, value in event.data.items()},
        "EventReceivedTime": f"{event.time + timedelta(seconds=1):%Y-%m-%d %H:%M:%S}",
        "SourceModuleName": "eventlog",
        "SourceModuleType": "im_msvistalog",
    }
