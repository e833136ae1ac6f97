"""What happens on every day in the invented network: the background against which the attack must be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from random import Random

from examples.synthetic import windows as win
from examples.synthetic.lines import Message, Request
from examples.synthetic.windows import SYSTEM, W3WP, WindowsEvent
from examples.synthetic.world import DC, MAIL, PORTAL, STAFF, WORKSTATIONS, ZONE, Host, office_hours

PAGES = ("/", "/pages/news.aspx", "/pages/forms.aspx", "/_layouts/15/start.aspx", "/style/site.css", "/docs/budget.pdf", "/search.aspx")
NAMES = ("www.ministry.example", "mail.ministry.example", "time.example", "updates.example", "news.example.org", "docs.example.net")
#: (parent, image, command) of programs that servers start by themselves or for their operators.
PROGRAMS = (
    ("services.exe", "svchost.exe", "C:\\Windows\\System32\\svchost.exe -k netsvcs -p -s Schedule"),
    ("svchost.exe", "taskhostw.exe", "taskhostw.exe"),
    ("services.exe", "spoolsv.exe", "C:\\Windows\\System32\\spoolsv.exe"),
    ("svchost.exe", "wuauclt.exe", "wuauclt.exe /ResetAuthorization"),
    ("cmd.exe", "ipconfig.exe", "ipconfig /flushdns"),
    ("svchost.exe", "defrag.exe", "defrag.exe C: /O"),
    ("cmd.exe", "vssadmin.exe", "vssadmin.exe list shadows"),
)
#: Commands of the operators of the jump host.
COMMANDS: tuple[Sequence[str], ...] = (
    ("ls", "-l", "/var/log"),
    ("uptime",),
    ("df", "-h"),
    ("tail", "-n", "50", "/var/log/syslog"),
    ("systemctl", "status", "ssh"),
)


def requests(random: Random, count: int) -> Iterator[Request]:
    """Read pages: a working day's visitors, each with the pages' usual sizes."""
    for _ in range(count):
        page, status = random.choice(PAGES), random.choice((200, 200, 200, 200, 304, 404))
        client = random.choice(WORKSTATIONS).address
        yield Request(office_hours(random, random.randint(1, 5)), client, "GET", page, status=status, sent=random.randint(300, 60_000))


def mail_clients(random: Random, count: int) -> Iterator[Request]:
    """Open mailboxes: mail programs ask the same web services that the attack uses, but each only now and then."""
    for _ in range(count):
        who, place = random.choice(STAFF), random.choice(WORKSTATIONS).address
        when = office_hours(random, random.randint(1, 5))
        agent = "Microsoft+Office/16.0"
        yield Request(when, place, "POST", "/ews/exchange.asmx", user=f"MINISTRY\\{who}", agent=agent, sent=random.randint(900, 9000))


def messages(random: Random, count: int) -> Iterator[Message]:
    """Write mails: within the house, with subjects of an office."""
    for number in range(count):
        sender, recipient = random.sample(STAFF, 2)
        subject = random.choice(("Minutes of Monday", "Budget 2026, second draft", "Re: visit", "Leave request"))
        when, client = office_hours(random, 1 + number % 5), random.choice(WORKSTATIONS).address
        yield Message(when, client, f"{sender}@{ZONE}", f"{recipient}@{ZONE}", subject, random.randint(3000, 90_000))


def programs(random: Random, host: Host, count: int) -> Iterator[WindowsEvent]:
    """Start programs, as every server does."""
    for _ in range(count):
        yield win.process(office_hours(random, random.randint(1, 5)), host, SYSTEM, *random.choice(PROGRAMS))


def portal_work(random: Random, count: int) -> Iterator[WindowsEvent]:
    """Let the web server do its work: page compilation and the data base, none of which is an attack."""
    for number in range(count):
        when = office_hours(random, random.randint(1, 5))
        if number % 2:
            yield win.connection(when, PORTAL, "IIS APPPOOL\\SharePoint - 443", W3WP, "192.0.2.60", 1433)
        else:
            temporary = f"C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\Temporary ASP.NET Files\\root\\{number:04x}.compiled"
            yield win.file_created(when, PORTAL, "IIS APPPOOL\\SharePoint - 443", W3WP, temporary)


def logons(random: Random, host: Host, count: int) -> Iterator[WindowsEvent]:
    """Log on; now and then somebody types a wrong password first."""
    for number in range(count):
        when, who, place = office_hours(random, random.randint(1, 5)), random.choice(STAFF), random.choice(WORKSTATIONS).address
        if number % 9 == 0:
            yield win.failed_logon(when.replace(microsecond=0), host, who, place)
        yield win.logon(when, host, who, place)


def mail_administration(random: Random, count: int) -> Iterator[WindowsEvent]:
    """Administer mailboxes as the mail team does."""
    for _ in range(count):
        name, text = random.choice(
            (("Get-Mailbox", "-ResultSize 100"), ("Set-Mailbox", "-Identity drita -MaxSendSize 20MB"), ("Get-Queue", ""))
        )
        yield win.cmdlet(office_hours(random, random.randint(1, 5)), MAIL, "mail-admin", name, text)


def saved_files(random: Random, host: Host, count: int) -> Iterator[WindowsEvent]:
    """Save documents on a share."""
    for number in range(count):
        path = f"D:\\Shares\\finance\\report-{number:03d}.docx"
        yield win.file_created(office_hours(random, random.randint(1, 4)), host, f"MINISTRY\\{random.choice(STAFF)}", "System", path)


def connections(random: Random, count: int) -> Iterator[tuple[datetime, Sequence[object]]]:
    """Talk to servers: rows of Zeek's conn.log."""
    for _ in range(count):
        host, port, service = random.choice(((PORTAL, 443, "ssl"), (MAIL, 443, "ssl"), (DC, 88, "krb_tcp"), (DC, 445, "smb")))
        ends = (random.choice(WORKSTATIONS).address, random.randint(49152, 65535), host.address, port, "tcp", service)
        sizes = (f"{random.uniform(0.01, 9):.6f}", random.randint(300, 9000), random.randint(300, 90_000), "SF")
        yield office_hours(random, random.randint(1, 5)), (*ends, *sizes)


def lookups(random: Random, count: int) -> Iterator[tuple[datetime, Sequence[object]]]:
    """Look names up: rows of Zeek's dns.log."""
    for _ in range(count):
        ends = (random.choice(WORKSTATIONS).address, random.randint(49152, 65535), DC.address, 53, "udp")
        yield office_hours(random, random.randint(1, 5)), (*ends, random.choice(NAMES), "A", "NOERROR", "192.0.2.99")


def shell_logons(random: Random, count: int) -> Iterator[tuple[datetime, str, int, str]]:
    """Come to the jump host with a key: lines of auth.log."""
    for number in range(count):
        when, place = office_hours(random, random.randint(1, 5)), random.choice(WORKSTATIONS).address
        key = "ED25519 SHA256:Zm9yIGRvY3VtZW50YXRpb24gb25seQ"
        yield when, "sshd", 1200 + number, f"Accepted publickey for ops from {place} port {50_000 + number} ssh2: {key}"
        yield when, "sshd", 1200 + number, "pam_unix(sshd:session): session opened for user ops(uid=1001) by (uid=0)"


def commands(random: Random, count: int) -> Iterator[tuple[datetime, str, Sequence[str]]]:
    """Look after the jump host: programs for auditd."""
    for _ in range(count):
        yield office_hours(random, random.randint(1, 5)), "1001", random.choice(COMMANDS)
