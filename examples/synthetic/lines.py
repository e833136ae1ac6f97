"""Logs that are text: IIS, Exchange message tracking, Zeek, syslog and auditd."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from examples.synthetic.world import MAIL, ZONE, Host, digest

IIS_FIELDS = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
    "sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken"
)
TRACKING_FIELDS = (
    "date-time,client-ip,client-hostname,server-ip,server-hostname,source,event-id,internal-message-id,message-id,"
    "recipient-address,total-bytes,recipient-count,message-subject,sender-address,return-path,directionality"
)
ZEEK = {
    "conn": (
        "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state",
        "time string addr port addr port enum string interval count count string",
    ),
    "dns": (
        "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto query qtype_name rcode_name answers",
        "time string addr port addr port enum string string string vector[string]",
    ),
    "ssl": (
        "ts uid id.orig_h id.orig_p id.resp_h id.resp_p version cipher server_name established",
        "time string addr port addr port string string string bool",
    ),
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a web server; ``size`` in bytes, ``sent`` to the client."""

    time: datetime
    client: str
    method: str
    path: str
    query: str = "-"
    user: str = "-"
    agent: str = "Mozilla/5.0+(Windows+NT+10.0;+Win64;+x64)"
    status: int = 200
    sent: int = 4210
    received: int = 612


def iis(requests: Iterable[Request], server: Host) -> str:
    """Return a W3C extended log file as IIS writes it, times in UTC."""
    ordered = sorted(requests, key=lambda request: request.time)
    head = [
        "#Software: Microsoft Internet Information Services 10.0",
        "#Version: 1.0",
        f"#Date: {ordered[0].time:%Y-%m-%d %H:%M:%S}",
        f"#Fields: {IIS_FIELDS}",
    ]
    return "".join(f"{line}\r\n" for line in [*head, *(_iis_line(request, server) for request in ordered)])


def _iis_line(request: Request, server: Host) -> str:
    r = request
    first = f"{r.time:%Y-%m-%d %H:%M:%S} {server.address} {r.method} {r.path} {r.query} 443 {r.user} {r.client} {r.agent} -"
    return f"{first} {r.status} 0 0 {r.sent} {r.received} {40 + r.sent % 97}"


@dataclass(frozen=True, slots=True)
class Message:
    """One mail on its way."""

    time: datetime
    client: str
    sender: str
    recipient: str
    subject: str
    size: int
    event: str = "RECEIVE"


def tracking(messages: Iterable[Message]) -> str:
    """Return a message tracking log of Exchange."""
    ordered = sorted(messages, key=lambda message: message.time)
    head = ["#Software: Microsoft Exchange Server", "#Version: 15.01.2507.006", "#Log-type: Message Tracking Log"]
    start = f"#Date: {ordered[0].time:%Y-%m-%dT%H:%M:%S.000Z}"
    return "".join(f"{line}\r\n" for line in [*head, start, f"#Fields: {TRACKING_FIELDS}", *map(_tracking_line, ordered)])


def _tracking_line(m: Message) -> str:
    number = int(digest(f"{m.time}{m.recipient}")[:6], 16)
    way = "Originating" if m.sender.endswith(ZONE) else "Incoming"
    time = f"{m.time:%Y-%m-%dT%H:%M:%S}.{m.time.microsecond // 1000:03d}Z"
    ends = f"{m.client},,{MAIL.address},{MAIL.short},SMTP,{m.event},{number},<{number:x}@{ZONE}>"
    return f'{time},{ends},{m.recipient},{m.size},1,"{m.subject}",{m.sender},{m.sender},{way}'


def zeek(path: str, rows: Iterable[tuple[datetime, Sequence[object]]]) -> str:
    """Return a Zeek log in tab-separated form; a row lacks ``ts`` and ``uid``, which are made here."""
    ordered = sorted(rows, key=lambda row: row[0])
    fields, types = (words.replace(" ", "\t") for words in ZEEK[path])
    head = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", f"#path\t{path}"]
    times = (f"#{word}\t{when:%Y-%m-%d-%H-%M-%S}" for word, when in (("open", ordered[0][0]), ("close", ordered[-1][0])))
    opened, closed = times
    lines = [*head, opened, f"#fields\t{fields}", f"#types\t{types}", *(_zeek_line(path, when, row) for when, row in ordered), closed]
    return "".join(f"{line}\n" for line in lines)


def _zeek_line(path: str, when: datetime, row: Sequence[object]) -> str:
    uid = f"C{digest(f'{path}{when}')[:17]}"
    return "\t".join(map(str, (f"{when.timestamp():.6f}", uid, *row)))


def syslog(lines: Iterable[tuple[datetime, str, int, str]], host: Host) -> str:
    """Return lines (time, program, its process id, text) in the form of RFC 5424, facility authpriv."""
    ordered = sorted(lines, key=lambda line: line[0])
    return "".join(
        f"<86>1 {when:%Y-%m-%dT%H:%M:%S.%fZ} {host.short} {program} {number} - - {text}\n" for when, program, number, text in ordered
    )


def auditd(commands: Iterable[tuple[datetime, str, Sequence[str]]]) -> str:
    """Return the records of started programs (time, user id, command) as the Linux audit daemon writes them."""
    ordered = enumerate(sorted(commands, key=lambda command: command[0]), 8801)
    return "".join(_audit_records(number, *command) for number, command in ordered)


def _audit_records(number: int, when: datetime, uid: str, command: Sequence[str]) -> str:
    stamp = f"msg=audit({when.timestamp():.3f}:{number}):"
    program = f"/usr/bin/{command[0]}"
    who = f"auid={uid} uid={uid} gid={uid} euid={uid}"
    words = " ".join(f'a{place}="{word}"' for place, word in enumerate(command))
    title = "\0".join(command).encode().hex().upper()
    return (
        f"type=SYSCALL {stamp} arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=2301 pid={2400 + number % 500} {who} "
        f'tty=pts0 ses=14 comm="{command[0]}" exe="{program}" key="programs"\n'
        f"type=EXECVE {stamp} argc={len(command)} {words}\n"
        f'type=CWD {stamp} cwd="/home/ops"\n'
        f'type=PATH {stamp} item=0 name="{program}" inode=131 dev=fd:00 mode=0100755 ouid=0 ogid=0 nametype=NORMAL\n'
        f"type=PROCTITLE {stamp} proctitle={title}\n"
    )
