"""Constants of the compiled steps, and what their arrays are called."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kulla.detection.indicators import hashing
from kulla.detection.indicators.classes import byte_classes
from kulla.detection.indicators.layout import root_spellings
from kulla.detection.observables import Mode
from kulla.model.observable import ObservableType

Bytes = NDArray[np.uint8]
Table = NDArray[np.uint64]
Hits = NDArray[np.int64]
#: What numba takes for a whole number with a sign.
Int = int | np.int32 | np.int64

STEP = np.uint64(hashing.STEP)
FINISH_A = np.uint64(hashing.FINISH_A)
FINISH_B = np.uint64(hashing.FINISH_B)
SHIFT = np.uint64(33)
NONE = np.uint64(0)
ONE = np.uint64(1)
SIX_BITS = np.uint64(63)

IP, DOMAIN, URL, EMAIL = int(Mode.IP), int(Mode.DOMAIN), int(Mode.URL), int(Mode.EMAIL)
PATH, HASHES, IMPHASH, USER = int(Mode.PATH), int(Mode.HASHES), int(Mode.IMPHASH), int(Mode.USER)
REGISTRY, MUTEX, COMMAND, SCAN = int(Mode.REGISTRY), int(Mode.MUTEX), int(Mode.COMMAND), int(Mode.SCAN)
WORDS = EMAIL | HASHES | IMPHASH | SCAN

T = hashing.NUMBERS
T_IPV4, T_IPV6, T_DOMAIN = T[ObservableType.IPV4], T[ObservableType.IPV6], T[ObservableType.DOMAIN]
T_URL, T_EMAIL, T_NAME = T[ObservableType.URL], T[ObservableType.EMAIL], T[ObservableType.FILE_NAME]
T_PATH, T_DIRECTORY, T_USER = T[ObservableType.FILE_PATH], T[ObservableType.DIRECTORY], T[ObservableType.USER]
T_MUTEX, T_KEY, T_COMMAND = T[ObservableType.MUTEX], T[ObservableType.REGISTRY_KEY], T[ObservableType.COMMAND_LINE]
T_MD5, T_SHA1, T_SHA256 = T[ObservableType.MD5], T[ObservableType.SHA1], T[ObservableType.SHA256]
T_SHA512, T_IMPHASH, T_TREE = T[ObservableType.SHA512], T[ObservableType.IMPHASH], hashing.TREE
CLASSES = byte_classes()
SPELLINGS, ROOTS = root_spellings()
TAGS = np.array([hashing.tag(number) for number in range(hashing.TREE + 1)], dtype=np.uint64)

# What the set holds, one bit for each type.
B_IP = (1 << T_IPV4) | (1 << T_IPV6)
B_DOMAIN = (1 << T_DOMAIN) | (1 << T_TREE)
B_URL = 1 << T_URL
B_EMAIL = 1 << T_EMAIL
B_NAME = 1 << T_NAME
B_HASH = (1 << T_MD5) | (1 << T_SHA1) | (1 << T_SHA256) | (1 << T_SHA512) | (1 << T_IMPHASH)

# Bytes with a meaning of their own.
TAB, LF, CR, SPACE = 0x09, 0x0A, 0x0D, 0x20
QUOTE, APOSTROPHE, HASH, PERCENT = 0x22, 0x27, 0x23, 0x25
DASH, DOT, SLASH, COLON = 0x2D, 0x2E, 0x2F, 0x3A
QUESTION, AT, OPEN, BACKSLASH, CLOSE = 0x3F, 0x40, 0x5B, 0x5C, 0x5D
ZERO, NINE, LETTER_A, LETTER_Z = 0x30, 0x39, 0x61, 0x7A

HTTP, HTTP_PORT = np.frombuffer(b"http", np.uint8), np.frombuffer(b"80", np.uint8)
HTTPS, HTTPS_PORT = np.frombuffer(b"https", np.uint8), np.frombuffer(b"443", np.uint8)
FTP, FTP_PORT = np.frombuffer(b"ftp", np.uint8), np.frombuffer(b"21", np.uint8)
