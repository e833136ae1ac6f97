"""What rules mean, case by case: a detection section, events, and whether each of them matches.

The rules and events are our own. A case is (name, detection, ((event, expected), ...)); events are JSON as a log has it.
"""

from __future__ import annotations

Case = tuple[str, str, tuple[tuple[str, bool], ...]]

TEXT: list[Case] = [
    (
        "a plain value is compared as a whole and without regard to case",
        "selection: {Image: 'C:\\Tools\\Rubeus.exe'}",
        (
            (r'{"Image": "C:\\Tools\\Rubeus.exe"}', True),
            (r'{"Image": "c:\\tools\\RUBEUS.EXE"}', True),
            (r'{"Image": "C:\\Tools\\Rubeus.exe "}', False),
            (r'{"Image": "D:\\C:\\Tools\\Rubeus.exe"}', False),
            (r'{"ParentImage": "C:\\Tools\\Rubeus.exe"}', False),
        ),
    ),
    (
        "case is folded in every alphabet, one character to one",
        "selection: {TargetUserName: 'ÇELËS-İSTANBUL-ΣΟΦΟΣ'}",
        (
            ('{"TargetUserName": "çelës-istanbul-σοφος"}', True),
            ('{"TargetUserName": "ÇELËS-ISTANBUL-ΣΟΦΟς"}', True),
            ('{"TargetUserName": "çelës-ıstanbul-σοφοσ"}', True),
            ('{"TargetUserName": "celes-istanbul-σοφος"}', False),
        ),
    ),
    (
        "sharp s is not two letters",
        "selection: {Name: 'straße'}",
        (('{"Name": "STRAßE"}', True), ('{"Name": "STRASSE"}', False), ('{"Name": "STRAẞE"}', True)),
    ),
    (
        "contains",
        "selection: {CommandLine|contains: 'Invoke-Kerberoast'}",
        (
            ('{"CommandLine": "powershell invoke-KERBEROAST -x"}', True),
            ('{"CommandLine": "Invoke-Kerberoast"}', True),
            ('{"CommandLine": "Invoke-Kerberoas"}', False),
            ('{"CommandLine": ""}', False),
        ),
    ),
    (
        "startswith",
        "selection: {CommandLine|startswith: 'net '}",
        (('{"CommandLine": "NET user"}', True), ('{"CommandLine": " net user"}', False), ('{"CommandLine": "net"}', False)),
    ),
    (
        "endswith",
        "selection: {Image|endswith: '\\cmd.exe'}",
        ((r'{"Image": "C:\\Windows\\CMD.EXE"}', True), (r'{"Image": "C:\\xcmd.exe"}', False), ('{"Image": "cmd.exe"}', False)),
    ),
    (
        "a list of values is joined by or",
        "selection: {CommandLine|contains: [alpha, beta]}",
        (('{"CommandLine": "x beta"}', True), ('{"CommandLine": "x Alpha"}', True), ('{"CommandLine": "gamma"}', False)),
    ),
    (
        "all joins the list by and",
        "selection: {CommandLine|contains|all: [alpha, beta]}",
        (('{"CommandLine": "beta alpha"}', True), ('{"CommandLine": "beta"}', False)),
    ),
    (
        "all may be satisfied by different values of a list",
        "selection: {args|contains|all: [alpha, beta]}",
        (('{"args": ["alpha", "beta"]}', True), ('{"args": ["alpha", "gamma"]}', False)),
    ),
    (
        "fields of a mapping are joined by and",
        "selection: {EventID: 4688, CommandLine|contains: whoami}",
        (
            ('{"EventID": 4688, "CommandLine": "whoami /all"}', True),
            ('{"EventID": 4689, "CommandLine": "whoami /all"}', False),
            ('{"EventID": 4688}', False),
        ),
    ),
    (
        "mappings of a list are joined by or",
        "selection: [{Image|endswith: '\\a.exe'}, {Description|contains: alpha, Company: X}]",
        (
            (r'{"Image": "C:\\a.exe"}', True),
            ('{"Description": "the alpha", "Company": "x"}', True),
            ('{"Description": "the alpha"}', False),
        ),
    ),
    (
        "an empty value is text of no length, not a missing or null field",
        "selection: {CommandLine: ''}",
        (('{"CommandLine": ""}', True), ('{"CommandLine": null}', False), ("{}", False), ('{"CommandLine": " "}', False)),
    ),
    (
        "cased compares with regard to case",
        "selection: {CommandLine|cased|contains: 'Get-GPPPassword'}",
        (('{"CommandLine": "x Get-GPPPassword"}', True), ('{"CommandLine": "get-gpppassword"}', False)),
    ),
    (
        "cased whole value, also beyond ASCII",
        "selection: {Name|cased: 'Ärger'}",
        (('{"Name": "Ärger"}', True), ('{"Name": "ärger"}', False)),
    ),
    (
        "cased with a wildcard inside",
        "selection: {Name|cased: 'A*z'}",
        (('{"Name": "Abcz"}', True), ('{"Name": "abcz"}', False), ('{"Name": "AbcZ"}', False)),
    ),
    (
        "escapes in the event's JSON stand for their characters",
        r"""selection: {CommandLine|contains: 'a"b\c'}""",
        ((r'{"CommandLine": "xa\"b\\c"}', True), (r'{"CommandLine": "x\u0061\u0022b\u005Cc"}', True), (r'{"CommandLine": "ab\\c"}', False)),
    ),
    (
        "characters beyond the basic plane and surrogate pairs",
        "selection: {Name|contains: '🏰'}",
        (('{"Name": "a🏰b"}', True), (r'{"Name": "a\ud83c\udff0b"}', True), (r'{"Name": "a\ud83cb"}', False)),
    ),
    (
        "a NUL in the event is a character like others",
        r'selection: {Name: "a\0b"}',
        ((r'{"Name": "a\u0000b"}', True), (r'{"Name": "ab"}', False), (r'{"Name": "a"}', False)),
    ),
    (
        "all with one value is that value",
        "selection: {Name|contains|all: one}",
        (('{"Name": "xonex"}', True), ('{"Name": "two"}', False)),
    ),
]

WILDCARDS: list[Case] = [
    (
        "a star at the end is startswith",
        "selection: {Name: 'adm*'}",
        (('{"Name": "ADMIN"}', True), ('{"Name": "adm"}', True), ('{"Name": "xadm"}', False)),
    ),
    (
        "a star inside",
        r"selection: {Image: '*\temp\\*.exe'}",
        ((r'{"Image": "C:\\Temp\\x.EXE"}', True), (r'{"Image": "C:\\Temp\\.exe"}', True), (r'{"Image": "C:\\Temp.exe"}', False)),
    ),
    (
        "parts must not overlap",
        "selection: {Name: 'aba*aba'}",
        (('{"Name": "aba"}', False), ('{"Name": "ababa"}', False), ('{"Name": "abaaba"}', True), ('{"Name": "aba-aba"}', True)),
    ),
    (
        "a question mark is exactly one character",
        "selection: {Name: 'prog?.exe'}",
        (
            ('{"Name": "progA.exe"}', True),
            ('{"Name": "prog.exe"}', False),
            ('{"Name": "progAB.exe"}', False),
            ('{"Name": "prog🏰.exe"}', True),
        ),
    ),
    (
        "wildcards span line breaks",
        "selection: {Name: 'a*c?e'}",
        ((r'{"Name": "a\nb\nc\ne"}', True), (r'{"Name": "a\nb\nce"}', False)),
    ),
    (
        "a star alone asks for any value, empty included, null not",
        "selection: {Name: '*'}",
        (('{"Name": "x"}', True), ('{"Name": ""}', True), ('{"Name": 0}', True), ('{"Name": null}', False), ("{}", False)),
    ),
    (
        "an escaped star is a star",
        r"selection: {Name: 'a\*b'}",
        (('{"Name": "a*b"}', True), ('{"Name": "axb"}', False), (r'{"Name": "a\\xb"}', False)),
    ),
    (
        "an escaped question mark is a question mark",
        r"selection: {Name|contains: 'id\?x='}",
        (('{"Name": "/?id?x=1"}', True), ('{"Name": "/idax=1"}', False)),
    ),
    (
        "an escaped backslash before a star leaves the wildcard",
        r"selection: {Name: 'C:\\*'}",
        ((r'{"Name": "C:\\x"}', True), ('{"Name": "C:x"}', False), (r'{"Name": "C:\\"}', True)),
    ),
    (
        "three backslashes and a star are a backslash and a star",
        r"selection: {Name: 'a\\\*'}",
        ((r'{"Name": "a\\*"}', True), (r'{"Name": "a\\b"}', False)),
    ),
    (
        "four backslashes are two, two are one, one is one",
        r"selection: {Name: ['\\\\srv', 'a\\b', 'c\d']}",
        ((r'{"Name": "\\\\srv"}', True), (r'{"Name": "\\srv"}', False), (r'{"Name": "a\\b"}', True), (r'{"Name": "c\\d"}', True)),
    ),
    (
        "wildcards with contains",
        "selection: {CommandLine|contains: 'start*calc'}",
        (('{"CommandLine": "x START /b calc.exe"}', True), ('{"CommandLine": "calc start"}', False)),
    ),
    (
        "wildcards with startswith and endswith",
        "selection: [{A|startswith: 'x?z'}, {B|endswith: 'x*z'}]",
        (('{"A": "xyz..."}', True), ('{"A": "xz..."}', False), ('{"B": "..x..z"}', True), ('{"B": "x..z."}', False)),
    ),
]

NUMBERS: list[Case] = [
    (
        "a number in the rule is compared with numbers and with their text",
        "selection: {EventID: 4624}",
        (
            ('{"EventID": 4624}', True),
            ('{"EventID": "4624"}', True),
            ('{"EventID": 46240}', False),
            ('{"EventID": 4624.0}', False),
            ('{"EventID": "0x1210"}', False),
        ),
    ),
    (
        "text predicates see a number as the JSON writes it",
        "selection: {Port|startswith: '44'}",
        (('{"Port": 4444}', True), ('{"Port": 1344}', False)),
    ),
    (
        "booleans are compared by their text",
        "selection: {Initiated: 'true'}",
        (('{"Initiated": true}', True), ('{"Initiated": "True"}', True), ('{"Initiated": false}', False), ('{"Initiated": 1}', False)),
    ),
    (
        "a boolean in the rule",
        "selection: {Signed: false}",
        (('{"Signed": false}', True), ('{"Signed": "FALSE"}', True), ('{"Signed": true}', False), ('{"Signed": null}', False)),
    ),
    (
        "whole numbers beyond 2^53 stay exact",
        "selection: {Handle: 18446744073709551615}",
        (('{"Handle": 18446744073709551615}', True), ('{"Handle": 18446744073709551616}', False)),
    ),
    (
        "hexadecimal in the rule is YAML's number",
        "selection: {Mask: 0x1F}",
        (('{"Mask": 31}', True), ('{"Mask": "0x1F"}', False)),
    ),
    (
        "gt",
        "selection: {Size|gt: 100}",
        (
            ('{"Size": 101}', True),
            ('{"Size": 100}', False),
            ('{"Size": 100.5}', True),
            ('{"Size": "101"}', True),
            ('{"Size": "9"}', False),
            ('{"Size": "many"}', False),
            ('{"Size": ""}', False),
            ('{"Size": null}', False),
            ("{}", False),
        ),
    ),
    ("gte", "selection: {Size|gte: 100}", (('{"Size": 100}', True), ('{"Size": 1e2}', True), ('{"Size": 99.999}', False))),
    ("lt", "selection: {Size|lt: 0.5}", (('{"Size": 0.25}', True), ('{"Size": -3}', True), ('{"Size": "0.5"}', False))),
    ("lte", "selection: {Size|lte: -5}", (('{"Size": -5}', True), ('{"Size": -4}', False), ('{"Size": "-6"}', True))),
    (
        "numbers are compared exactly whatever their size",
        "selection: {Size|gt: 9007199254740992}",
        (('{"Size": 9007199254740993}', True), ('{"Size": 9007199254740992}', False), ('{"Size": 1e30}', True)),
    ),
    (
        "two bounds of a field",
        "selection: {Port|gte: 1024, Port|lt: 2048}",
        (('{"Port": 1500}', True), ('{"Port": 80}', False), ('{"Port": 2048}', False)),
    ),
    (
        "hexadecimal text and blanks are no numbers",
        "selection: {Size|gt: 0}",
        (('{"Size": "0x10"}', False), ('{"Size": " 10"}', False), ('{"Size": "1,000"}', False), ('{"Size": "١٢"}', False)),
    ),
]

MISSING: list[Case] = [
    (
        "null is a field that is missing or null",
        "selection: {ParentImage: null}",
        (
            ("{}", True),
            ('{"ParentImage": null}', True),
            ('{"ParentImage": ""}', False),
            ('{"ParentImage": {}}', False),
            ('{"ParentImage": [null]}', False),
        ),
    ),
    (
        "not null",
        "{selection: {EventID: 1}, filter: {ParentImage: null}, condition: selection and not filter}",
        (('{"EventID": 1, "ParentImage": ""}', True), ('{"EventID": 1}', False), ('{"EventID": 1, "ParentImage": null}', False)),
    ),
    (
        "null among values",
        "selection: {User: [null, '', '-']}",
        (("{}", True), ('{"User": ""}', True), ('{"User": "-"}', True), ('{"User": "x"}', False)),
    ),
    (
        "exists asks for the key, whatever its value",
        "selection: {Hash|exists: true}",
        (('{"Hash": "x"}', True), ('{"Hash": ""}', True), ('{"Hash": null}', True), ('{"Hash": []}', True), ("{}", False)),
    ),
    (
        "exists: false",
        "selection: {EventID: 1, Hash|exists: false}",
        (('{"EventID": 1}', True), ('{"EventID": 1, "Hash": null}', False)),
    ),
    (
        "not of a predicate on a missing field is true",
        "{selection: {EventID: 1}, filter: {User|contains: SYSTEM}, condition: selection and not filter}",
        (('{"EventID": 1}', True), ('{"EventID": 1, "User": "NT AUTHORITY\\\\SYSTEM"}', False), ('{"EventID": 1, "User": null}', True)),
    ),
    (
        "a field that never occurs does not make an or false",
        "{a: {Never: x}, b: {EventID: 1}, condition: a or b}",
        (('{"EventID": 1}', True), ('{"EventID": 2}', False)),
    ),
    (
        "an empty list of values asks for null",
        "selection: {EventID: 1, User: []}",
        (('{"EventID": 1}', True), ('{"EventID": 1, "User": "x"}', False)),
    ),
    (
        "neq",
        "selection: {User|neq: SYSTEM}",
        (('{"User": "alice"}', True), ('{"User": "system"}', False), ("{}", True)),
    ),
    (
        "neq of a list is none of them",
        "selection: {User|neq: [SYSTEM, root]}",
        (('{"User": "alice"}', True), ('{"User": "ROOT"}', False)),
    ),
    (
        "neq with contains and numbers",
        "selection: {Path|contains|neq: temp, Port|neq: 443}",
        (('{"Path": "c:/x", "Port": 80}', True), ('{"Path": "c:/TEMP/x", "Port": 80}', False), ('{"Path": "c:/x", "Port": 443}', False)),
    ),
    (
        "neq asks of all values of a list that they differ",
        "selection: {User|neq: root}",
        (('{"User": ["a", "b"]}', True), ('{"User": ["a", "root"]}', False)),
    ),
]

REGEX: list[Case] = [
    (
        "an expression is searched anywhere, with regard to case",
        "selection: {CommandLine|re: 'b[0-9]{2}x'}",
        (('{"CommandLine": "ab12xy"}', True), ('{"CommandLine": "AB12XY"}', False), ('{"CommandLine": "ab1x"}', False)),
    ),
    (
        "i",
        "selection: {CommandLine|re|i: 'in[vw]oke'}",
        (('{"CommandLine": "x INVOKE"}', True), ('{"CommandLine": "inxoke"}', False)),
    ),
    ("i beyond ASCII", "selection: {Name|re|i: '^šta$'}", (('{"Name": "ŠTA"}', True), ('{"Name": "STA"}', False))),
    (
        "without m the anchors are those of the value",
        "selection: {Text|re: '^b$'}",
        ((r'{"Text": "a\nb\nc"}', False), ('{"Text": "b"}', True), (r'{"Text": "b\n"}', True), (r'{"Text": "b\nc"}', False)),
    ),
    ("with m they are those of lines", "selection: {Text|re|m: '^b$'}", ((r'{"Text": "a\nb\nc"}', True), (r'{"Text": "a\nbc"}', False))),
    ("without s a dot is no line break", "selection: {Text|re: 'a.b'}", ((r'{"Text": "a\nb"}', False), ('{"Text": "a b"}', True))),
    ("with s it is", "selection: {Text|re|s: 'a.b'}", ((r'{"Text": "a\nb"}', True),)),
    ("flags together", "selection: {Text|re|i|m|s: '^B.c'}", ((r'{"Text": "a\nb\nC"}', True), (r'{"Text": "ab\nc"}', False))),
    ("wildcards are none in an expression", "selection: {Text|re: 'ab*c'}", (('{"Text": "ac"}', True), ('{"Text": "abxc"}', False))),
    (
        "look-behind and back-references",
        r"selection: {Text|re: '(?<!x)(\w)\1'}",
        (('{"Text": "abb"}', True), ('{"Text": "abab"}', False), ('{"Text": "xbb"}', False)),
    ),
    (
        "look-ahead",
        "selection: {Text|re: '^(?!.*safe).*run'}",
        (('{"Text": "please run"}', True), ('{"Text": "safe to run"}', False)),
    ),
    (
        "startswith, endswith and contains place an expression",
        "selection: [{A|re|startswith: 'x|y'}, {B|re|endswith: '[0-9]+'}, {C|re|contains: 'm+'}]",
        (
            ('{"A": "yes"}', True),
            ('{"A": "no y"}', False),
            ('{"B": "a1"}', True),
            (r'{"B": "a1\n"}', False),
            ('{"B": "1a"}', False),
            ('{"C": "hmm."}', True),
        ),
    ),
    (
        "numbers by their text, null and containers not",
        "selection: {Code|re: '^5..$'}",
        (('{"Code": 503}', True), ('{"Code": 404}', False), ('{"Code": null}', False), ('{"Code": {}}', False)),
    ),
    ("expressions see the text unfolded", "selection: {Name|re: 'K'}", (('{"Name": "K"}', True), ('{"Name": "k"}', False))),
    (
        "all expressions",
        "selection: {T|re|all: ['a', 'b$']}",
        (('{"T": "ab"}', True), ('{"T": "ba"}', False)),
    ),
    (
        "classes are ASCII",
        r"selection: {T|re: '^\w\d$'}",
        (('{"T": "a1"}', True), ('{"T": "é1"}', False), ('{"T": "a١"}', False)),
    ),
    ("POSIX classes", "selection: {T|re: '^[[:alpha:]]+$'}", (('{"T": "abc"}', True), ('{"T": "a1"}', False))),
    ("a dollar in a class or escaped is a dollar", r"selection: {T|re: '[$]\$x'}", (('{"T": "$$x"}', True), ('{"T": "$x"}', False))),
]

NETWORKS: list[Case] = [
    (
        "cidr of IPv4",
        "selection: {Ip|cidr: [10.0.0.0/8, 192.168.4.0/22]}",
        (
            ('{"Ip": "10.255.0.1"}', True),
            ('{"Ip": "192.168.7.255"}', True),
            ('{"Ip": "192.168.8.0"}', False),
            ('{"Ip": "11.0.0.1"}', False),
            ('{"Ip": "10.0.0.1:80"}', False),
            ('{"Ip": "10.0.0"}', False),
            ('{"Ip": "010.0.0.1"}', False),
            ('{"Ip": "localhost"}', False),
        ),
    ),
    (
        "an IPv4 address mapped into IPv6 is that address",
        "selection: {Ip|cidr: 10.0.0.0/8}",
        (('{"Ip": "::ffff:10.1.2.3"}', True), ('{"Ip": "::FFFF:0a01:0203"}', True), ('{"Ip": "::ffff:11.1.2.3"}', False)),
    ),
    (
        "cidr of IPv6",
        "selection: {Ip|cidr: 'fe80::/10'}",
        (
            ('{"Ip": "fe80::1"}', True),
            ('{"Ip": "FEBF:0:0:0:0:0:0:1"}', True),
            ('{"Ip": "fec0::1"}', False),
            ('{"Ip": "fe80::1%eth0"}', True),
            ('{"Ip": "10.0.0.1"}', False),
        ),
    ),
    ("a single address", "selection: {Ip|cidr: '::1/128'}", (('{"Ip": "0:0:0:0:0:0:0:1"}', True), ('{"Ip": "::2"}', False))),
    (
        "public addresses by not",
        "{selection: {Ip|cidr: [10.0.0.0/8, 127.0.0.0/8]}, condition: not selection}",
        (('{"Ip": "8.8.8.8"}', True), ('{"Ip": "127.0.0.1"}', False), ("{}", True)),
    ),
]

ENCODINGS: list[Case] = [
    (
        "base64 of the whole value",
        "selection: {Data|base64|contains: 'foobar'}",
        (('{"Data": "x Zm9vYmFy"}', True), ('{"Data": "foobar"}', False)),
    ),
    (
        "base64offset finds a text at any position",
        "selection: {Data|base64offset|contains: 'http://'}",
        (
            ('{"Data": "aHR0cDovL2E="}', True),  # http://a
            ('{"Data": "eGh0dHA6Ly9h"}', True),  # xhttp://a
            ('{"Data": "eHhodHRwOi8vYQ=="}', True),  # xxhttp://a
            ('{"Data": "eHhodHRwczovL2E="}', False),  # xxhttps://a
        ),
    ),
    (
        "wide, then base64offset: text in PowerShell's -EncodedCommand",
        "selection: {CommandLine|wide|base64offset|contains: 'IEX'}",
        (('{"CommandLine": "powershell -e SQBFAFgAIAB4AA=="}', True), ('{"CommandLine": "powershell -e SUVYIHg="}', False)),
    ),
    (
        "utf16le is wide",
        "selection: {CommandLine|utf16le|base64offset|contains: 'IEX'}",
        (('{"CommandLine": "SQBFAFgAIAB4AA=="}', True),),
    ),
    (
        "encoded text need not be ASCII",
        "selection: {CommandLine|wide|base64offset|contains: 'שלום'}",
        (('{"CommandLine": "-e 6QXcBdUF3QU="}', True), ('{"CommandLine": "-e 16nXnNeV150="}', False)),
    ),
    ("utf16be", "selection: {Data|utf16be|base64|contains: 'ab'}", (('{"Data": "AGEAYg=="}', True), ('{"Data": "YQBiAA=="}', False))),
    (
        "utf16 has a byte order mark",
        "selection: {Data|utf16|base64|contains: 'ab'}",
        (('{"Data": "//5hAGIA"}', True), ('{"Data": "YQBiAA=="}', False)),
    ),
    (
        "wide alone is text with zero characters between",
        "selection: {Data|wide|contains: 'ab'}",
        ((r'{"Data": "xa\u0000b\u0000"}', True), ('{"Data": "ab"}', False)),
    ),
    (
        "all with base64offset: each text at any of its positions",
        "selection: {Data|base64offset|contains|all: [alpha1, beta22]}",
        (('{"Data": "eGFscGhhMXh4YmV0YTIy"}', True), ('{"Data": "eGFscGhhMXh4"}', False)),  # xalpha1xxbeta22
    ),
    (
        "windash takes any of five dashes, where an option begins",
        "selection: {CommandLine|windash|contains: ' -enc '}",
        (
            ('{"CommandLine": "p -enc x"}', True),
            ('{"CommandLine": "p /ENC x"}', True),
            ('{"CommandLine": "p \u2013enc x"}', True),
            ('{"CommandLine": "p \u2014enc x"}', True),
            ('{"CommandLine": "p \u2015enc x"}', True),
            ('{"CommandLine": "p +enc x"}', False),
        ),
    ),
    (
        "windash leaves dashes inside words",
        "selection: {CommandLine|windash|contains: '-dry-run'}",
        (('{"CommandLine": "x /dry-run"}', True), ('{"CommandLine": "x -dry/run"}', False)),
    ),
    (
        "windash with all",
        "selection: {CommandLine|windash|contains|all: [' -s ', ' /p']}",
        (('{"CommandLine": "x /s -p"}', True), ('{"CommandLine": "x /s p"}', False)),
    ),
]

FIELDS: list[Case] = [
    (
        "fieldref compares two fields, without regard to case",
        "selection: {SubjectUserName|fieldref: TargetUserName}",
        (
            ('{"SubjectUserName": "Bob", "TargetUserName": "BOB"}', True),
            ('{"SubjectUserName": "Bob", "TargetUserName": "Eve"}', False),
            ('{"SubjectUserName": "Bob"}', False),
            ('{"TargetUserName": "Bob"}', False),
            ("{}", False),
            ('{"SubjectUserName": null, "TargetUserName": null}', False),
            ('{"SubjectUserName": 5, "TargetUserName": "5"}', True),
        ),
    ),
    (
        "fieldref with startswith",
        "selection: {Image|fieldref|startswith: Home}",
        ((r'{"Image": "C:\\Users\\x.exe", "Home": "c:\\users"}', True), (r'{"Image": "D:\\x.exe", "Home": "c:\\users"}', False)),
    ),
    (
        "fieldref with endswith",
        "selection: {Image|fieldref|endswith: OriginalFileName}",
        ((r'{"Image": "C:\\X.exe", "OriginalFileName": "x.EXE"}', True), (r'{"Image": "C:\\y.exe", "OriginalFileName": "x.exe"}', False)),
    ),
    (
        "fieldref with contains",
        "selection: {CommandLine|fieldref|contains: User}",
        (('{"CommandLine": "net user BOB /add", "User": "bob"}', True), ('{"CommandLine": "net user", "User": "bob"}', False)),
    ),
    (
        "fieldref with neq is also true where a field is missing",
        "selection: {A|fieldref|neq: B}",
        (('{"A": "x", "B": "y"}', True), ('{"A": "x", "B": "X"}', False), ('{"A": "x"}', True)),
    ),
    (
        "any value of the one and any of the other",
        "selection: {A|fieldref: B}",
        (('{"A": ["p", "q"], "B": ["r", "Q"]}', True), ('{"A": ["p", "q"], "B": ["r"]}', False)),
    ),
    (
        "names compare without regard to case and blanks",
        "selection: {ThreatName|contains: Mimikatz}",
        (('{"Threat Name": "HackTool:Mimikatz"}', True), ('{"threatname": "mimikatz"}', True), ('{"Threat_Name": "mimikatz"}', False)),
    ),
    (
        "a nested event of EVTX tools",
        "selection: {EventID: 4688, CommandLine|contains: x, Provider_Name: P}",
        (
            (
                '{"Event": {"System": {"Provider": {"#attributes": {"Name": "P"}}, "EventID": 4688}, "EventData": {"CommandLine": "axb"}}}',
                True,
            ),
            ('{"EventID": 4688, "CommandLine": "axb", "Provider_Name": "p"}', True),
            ('{"winlog": {"event_id": "4688", "provider_name": "P", "event_data": {"CommandLine": "axb"}}}', True),
        ),
    ),
    (
        "keys with dots and nested keys are the same",
        "selection: {userIdentity.type: Root, id.orig_h: 1.2.3.4}",
        (
            ('{"userIdentity": {"type": "root"}, "id.orig_h": "1.2.3.4"}', True),
            ('{"userIdentity.type": "root", "id": {"orig_h": "1.2.3.4"}}', True),
            ('{"type": "root", "orig_h": "1.2.3.4"}', False),
        ),
    ),
    (
        "any value of a list, of lists in lists, and of repeated keys",
        "selection: {tag: evil}",
        (
            ('{"tag": ["good", "EVIL"]}', True),
            ('{"tag": [["x"], ["evil"]]}', True),
            ('{"tag": "good", "tag": "evil"}', True),
            ('{"tag": [{"x": "evil"}]}', False),
        ),
    ),
    ("objects in a list", "selection: {r.arn: evil}", (('{"r": [{"arn": "x"}, {"arn": "evil"}]}', True),)),
]

KEYWORDS: list[Case] = [
    (
        "keywords are sought in every value",
        "keywords: [mimikatz, 'sekurlsa::']",
        (
            ('{"a": "run MIMIKATZ now"}', True),
            ('{"a": 1, "b": {"c": ["x", "Sekurlsa::logon"]}}', True),
            ('{"mimikatz": "a name is no value"}', False),
            ("{}", False),
        ),
    ),
    (
        "all keywords, each in any value",
        "keywords: {'|all': [alpha, beta]}",
        (('{"a": "alpha", "b": "beta"}', True), ('{"a": "alpha beta"}', True), ('{"a": "alpha"}', False)),
    ),
    ("one keyword", "keywords: rm -rf", (('{"a": "sudo rm -rf /"}', True), ('{"a": "rm"}', False))),
    (
        "keywords with wildcards",
        "keywords: ['wget *| sh', 'cur?']",
        (('{"m": "x wget http://a | sh -"}', True), ('{"m": "curl"}', True), ('{"m": "a cur"}', False), ('{"m": "wget"}', False)),
    ),
    ("an escaped wildcard in a keyword", r"keywords: ['a\*b']", (('{"m": "xa*bx"}', True), ('{"m": "a-b"}', False))),
    ("a number as keyword", "keywords: [4711]", (('{"m": "id 47110"}', True), ('{"m": 4711}', True), ('{"m": 47}', False))),
    (
        "keywords and mappings mixed",
        "selection: [needle, {Image|endswith: x.exe}, [hay, stack]]",
        (('{"m": "a Needle"}', True), ('{"Image": "ax.exe"}', True), ('{"m": "stack"}', True), ('{"m": "x"}', False)),
    ),
    ("an expression as keyword", "keywords: {'|re': 'a+b$'}", (('{"m": "xaab"}', True), ('{"m": "aabx"}', False))),
    (
        "keywords at the beginning or the end of a value",
        "keywords: {'|startswith': 'kernel:', '|endswith': 'down'}",
        (
            ('{"m": "Kernel: going down"}', True),
            ('{"m": "kernel: up", "n": "x down"}', True),
            ('{"m": "x kernel: going down"}', False),
        ),
    ),
    ("cased keywords", "keywords: {'|cased': ['EvIl']}", (('{"m": "xEvIlx"}', True), ('{"m": "evil"}', False))),
    ("contains on keywords", "keywords: {'|contains|all': [a1, b2]}", (('{"m": "xa1x b2"}', True), ('{"m": "a1"}', False))),
    ("a network as keyword", "keywords: {'|cidr': 10.0.0.0/8}", (('{"x": {"y": "10.1.1.1"}}', True), ('{"x": "11.1.1.1"}', False))),
]

CONDITIONS: list[Case] = [
    (
        "1 of them",
        "{a: {A: 1}, b: {B: 1}, condition: 1 of them}",
        (('{"B": 1}', True), ('{"A": 1}', True), ('{"A": 2}', False)),
    ),
    (
        "any of them is 1 of them",
        "{a: {A: 1}, b: {B: 1}, condition: any of them}",
        (('{"B": 1}', True), ("{}", False)),
    ),
    ("all of them", "{a: {A: 1}, b: {B: 1}, condition: all of them}", (('{"A": 1, "B": 1}', True), ('{"A": 1}', False))),
    (
        "them leaves out names with an underscore",
        "{a: {A: 1}, _b: {B: 1}, condition: all of them}",
        (('{"A": 1}', True),),
    ),
    (
        "1 of a pattern and not 1 of another",
        "{sel_a: {A: 1}, sel_b: {B: 1}, filter_x: {X: 1}, filter_y: {Y: 1}, condition: 1 of sel_* and not 1 of filter_*}",
        (('{"A": 1}', True), ('{"B": 1, "Y": 1}', False), ('{"X": 2, "A": 1}', True), ('{"X": 1}', False)),
    ),
    (
        "all of a pattern",
        "{sel_a: {A: 1}, sel_b: {B: 1}, condition: all of sel_*}",
        (('{"A": 1, "B": 1}', True), ('{"B": 1}', False)),
    ),
    (
        "a star in the middle of a pattern",
        "{s_1_x: {A: 1}, s_2_x: {B: 1}, s_3_y: {C: 1}, condition: all of s_*_x}",
        (('{"A": 1, "B": 1}', True), ('{"A": 1, "C": 1}', False)),
    ),
    (
        "not binds tighter than and, and tighter than or",
        "{a: {A: 1}, b: {B: 1}, c: {C: 1}, condition: a or b and not c}",
        (('{"A": 1, "C": 1}', True), ('{"B": 1}', True), ('{"B": 1, "C": 1}', False)),
    ),
    (
        "parentheses",
        "{a: {A: 1}, b: {B: 1}, c: {C: 1}, condition: (a or b) and not (c or (a and b))}",
        (('{"A": 1}', True), ('{"A": 1, "B": 1}', False), ('{"B": 1, "C": 1}', False)),
    ),
    ("not not", "{a: {A: 1}, condition: not (not a)}", (('{"A": 1}', True), ('{"A": 2}', False))),
    (
        "a list of conditions is joined by or",
        "{a: {A: 1}, b: {B: 1}, condition: [a, b]}",
        (('{"A": 1}', True), ('{"B": 1}', True), ("{}", False)),
    ),
    (
        "names that begin with an operator",
        "{notepad: {A: 1}, android: {B: 1}, condition: notepad and not android}",
        (('{"A": 1}', True), ('{"A": 1, "B": 1}', False)),
    ),
    ("names with hyphens", "{sel-a: {A: 1}, condition: sel-a}", (('{"A": 1}', True),)),
    ("a definition that is not used asks nothing", "{a: {A: 1}, b: {B: 1}, condition: a}", (('{"A": 1}', True),)),
    ("timeframe of Sigma 1 is no definition", "{a: {A: 1}, timeframe: 5m, condition: all of them}", (('{"A": 1}', True),)),
]

TIMES: list[Case] = [
    (
        "hour",
        "selection: {TimeCreated|hour: 3}",
        (
            ('{"TimeCreated": "2022-07-15T03:59:59.123456700Z"}', True),
            ('{"TimeCreated": "2022-07-15 03:00:00"}', True),
            ('{"TimeCreated": "2022-07-15T13:00:00Z"}', False),
            ('{"TimeCreated": "3"}', False),
            ("{}", False),
        ),
    ),
    (
        "a time is taken as it is written, whatever its offset",
        "selection: {t|hour: 23}",
        (('{"t": "2022-07-15T23:30:00+02:00"}', True), ('{"t": "2022-07-15T21:30:00Z"}', False)),
    ),
    ("minute", "selection: {t|minute: [0, 30]}", (('{"t": "2022-07-15T01:30:00Z"}', True), ('{"t": "2022-07-15T01:31:00Z"}', False))),
    ("day", "selection: {t|day: 15}", (('{"t": "2022-07-15"}', True), ('{"t": "2022-07-16"}', False))),
    ("week (ISO 8601)", "selection: {t|week: 52}", (('{"t": "2022-01-01T00:00:00Z"}', True), ('{"t": "2022-01-03T00:00:00Z"}', False))),
    ("month", "selection: {t|month: 7}", (('{"t": "2022-07-15"}', True), ('{"t": "2022-08-15"}', False))),
    ("year", "selection: {t|year: 2022}", (('{"t": "2022-07-15"}', True), ('{"t": "2021-12-31T23:59:59Z"}', False))),
    (
        "seconds and milliseconds since 1970, in UTC",
        "selection: {ts|hour: 9, ts|minute: 14}",
        (('{"ts": 1657876443.12}', True), ('{"ts": 1657876443120}', True), ('{"ts": "1657876443"}', True), ('{"ts": 1657880043}', False)),
    ),
    (
        "ordered parts: outside office hours",
        "{a: {t|hour|gte: 20}, b: {t|hour|lt: 6}, condition: a or b}",
        (('{"t": "2022-07-15T20:00:00Z"}', True), ('{"t": "2022-07-15T05:59:00Z"}', True), ('{"t": "2022-07-15T12:00:00Z"}', False)),
    ),
    ("neq of a part", "selection: {t|year|neq: 2022}", (('{"t": "2023-01-01"}', True), ('{"t": "2022-01-01"}', False))),
]

GROUPS: dict[str, list[Case]] = {
    "text": TEXT,
    "wildcards": WILDCARDS,
    "numbers": NUMBERS,
    "missing": MISSING,
    "regex": REGEX,
    "networks": NETWORKS,
    "encodings": ENCODINGS,
    "fields": FIELDS,
    "keywords": KEYWORDS,
    "conditions": CONDITIONS,
    "times": TIMES,
}
