"""Windows event XML (also written by Sysmon for Linux) to the nested JSON form that EVTX gives.

Schema: https://learn.microsoft.com/windows/win32/wes/eventschema-eventtype-complextype. A document type is refused, so
that no entity can be declared; depth is bounded; size is bounded by the caller.
"""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

#: Elements inside each other; real events have up to about ten.
_MAX_DEPTH = 48


class _Builder:
    """Builds the nested form from the parser's callbacks. Namespace prefixes are dropped."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._stack: list[tuple[str, dict[str, Any], list[str]]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._stack) >= _MAX_DEPTH:
            raise ValueError("elements nested too deeply")
        node: dict[str, Any] = {}
        kept = {key: value for key, value in attributes.items() if not key.startswith("xmlns")}
        if kept:
            node["#attributes"] = kept
        self._stack.append((tag.rpartition(":")[2], node, []))

    def text(self, data: str) -> None:
        if self._stack:
            self._stack[-1][2].append(data)

    def end(self, _tag: str) -> None:
        tag, node, texts = self._stack.pop()
        text = "".join(texts)
        value = _value(node, text)
        parent = self._stack[-1][1] if self._stack else self.root
        name = node.get("#attributes", {}).get("Name")
        if tag in ("Data", "ComplexData") and name:
            _put(parent, name, text)
        else:
            _put(parent, tag, value)

    def refuse(self, *_: object) -> None:
        raise ValueError("a document type is not accepted")


def _value(node: dict[str, Any], text: str) -> Any:
    """Return an element's value: its text, its parts, or both (the text under ``#text``)."""
    if not node:
        return text if text.strip() else None
    if text.strip():
        node["#text"] = text
    return node


def _put(parent: dict[str, Any], name: str, value: Any) -> None:
    """Set a key; a repeated element gives a list."""
    if name not in parent:
        parent[name] = value
    elif isinstance(parent[name], list):
        parent[name].append(value)
    else:
        parent[name] = [parent[name], value]


def event_from_xml(xml: str | bytes) -> dict[str, Any]:
    """Return ``{"Event": {"System": ..., "EventData": ...}}``.

    Raises:
        ValueError: no well-formed event, a document type, or nested too deeply.
    """
    builder = _Builder()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.CharacterDataHandler = builder.text
    parser.EndElementHandler = builder.end
    parser.StartDoctypeDeclHandler = builder.refuse
    try:
        parser.Parse(xml.encode("utf-8", "replace") if isinstance(xml, str) else xml, True)  # noqa: FBT003 - the last part; the parser takes no keywords
    except expat.ExpatError as error:
        raise ValueError(str(error)) from error
    if set(builder.root) != {"Event"} or not isinstance(builder.root["Event"], dict):
        raise ValueError("not one Event element")
    return builder.root
