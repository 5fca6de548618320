"""An XMP packet as a tree: read safely, searched and edited by full names, written back.

Names are ElementTree's: "{namespace}name". In XMP a simple property is an element or an attribute, and means the same.
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
META = "adobe:ns:meta/"

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""A character that no XML can hold."""

_DEEPEST = 100  # levels; XMP has about ten, and ElementTree writes recursively
_SPARE = {"http://www.w3.org/XML/1998/namespace": "xml"}  # is bound without being declared


class _Builder(ElementTree.TreeBuilder):
    """Builds the tree and notes the prefixes. ValueError for a document type and for elements too deep.

    Without a document type there are no entities: nothing grows, nothing is fetched. defusedxml would add no more than
    that refusal, so it is no dependency.
    """

    def __init__(self) -> None:
        super().__init__(insert_comments=True, insert_pis=True)
        self.namespaces: dict[str, str] = {}
        self.depth = 0

    def doctype(self, *_: str | None) -> None:
        raise ValueError("a document type")

    def start_ns(self, prefix: str, namespace: str) -> None:
        if prefix:  # elements of a default namespace are given a prefix when they are written
            self.namespaces.setdefault(prefix, namespace)

    def start(self, tag: str, attributes: dict[str, str], /) -> Element:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} levels")
        return super().start(tag, attributes)

    def end(self, tag: str, /) -> Element:
        self.depth -= 1
        return super().end(tag)


class Packet:
    """A packet to search and to edit; a new one says nothing."""

    def __init__(self) -> None:
        self._root = Element(f"{{{META}}}xmpmeta")
        self._rdf = ElementTree.SubElement(self._root, f"{{{RDF}}}RDF")
        self._namespaces = {"x": META, "rdf": RDF}  # by prefix

    @classmethod
    def parse(cls, data: bytes | None) -> Packet | None:
        """None for a packet that is damaged, and for what is none."""
        data = (data or b"").strip(b"\0 \r\n")
        if b"\0" in data:  # UTF-16, which no program writes
            return None
        builder = _Builder()
        try:
            root = ElementTree.fromstring(data, ElementTree.XMLParser(target=builder))
        except (ElementTree.ParseError, ValueError, LookupError):
            return None
        found = list(root.iter(f"{{{RDF}}}RDF"))
        if not found:
            return None
        packet = cls()
        packet._root, packet._rdf, packet._namespaces = root, found[-1], builder.namespaces
        return packet

    def properties(self) -> Iterator[tuple[str, str]]:
        """Every attribute and every element's text, by name."""
        for element in self._elements():
            yield from element.items()
            yield element.tag, element.text or ""

    def remove(self, names: Collection[str]) -> None:
        """Takes properties away, and descriptions that hold nothing."""
        for element in list(self._elements()):
            element[:] = [child for child in element if child.tag not in names]
            for name in names:
                element.attrib.pop(name, None)
        self._rdf[:] = [child for child in self._rdf if not _says_nothing(child)]

    def change(self, name: str, value: str) -> None:
        """Gives a property another value wherever it is said."""
        for element in self._elements():
            if element.tag == name:
                element.text = value
            if name in element.attrib:
                element.set(name, value)

    def add(self, properties: Mapping[str, str], namespaces: Mapping[str, str]) -> None:
        """Puts properties into a description of their own at the end; `namespaces` are theirs by prefix."""
        description = ElementTree.SubElement(self._rdf, f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})
        for name, value in properties.items():
            ElementTree.SubElement(description, name).text = value
        self._namespaces = {**namespaces, **self._namespaces}

    def encode(self) -> bytes:
        """The packet as UTF-8, in the frame by which programs find it in a file."""
        root = copy.deepcopy(self._root)
        _write_prefixes(root, self._namespaces)
        # ElementTree leaves carriage returns in texts as they are, and a reader would take them for newlines.
        text = ElementTree.tostring(root, "unicode").replace("\r", "&#13;")
        return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{text}<?xpacket end="w"?>'.encode()

    def _elements(self) -> Iterator[Element]:
        """All but comments and processing instructions, whose tag is a function."""
        return (element for element in self._root.iter() if isinstance(element.tag, str))


def _says_nothing(element: Element) -> bool:
    about = {"about", f"{{{RDF}}}about"}
    return element.tag == f"{{{RDF}}}Description" and not len(element) and about.issuperset(element.attrib)


def _write_prefixes(root: Element, namespaces: Mapping[str, str]) -> None:
    """Puts "prefix:name" in the place of every "{namespace}name", and declares the prefixes at the root.

    ElementTree would do it with prefixes that it keeps for the whole process, or numbers; readers of XMP that are no
    readers of XML look for the usual ones.
    """
    unused = (prefix for prefix in map("ns{}".format, itertools.count(1)) if prefix not in namespaces)
    prefixes = _SPARE | {namespace: prefix for prefix, namespace in namespaces.items()}

    def spelled(name: str) -> str:
        namespace, brace, local = name.removeprefix("{").rpartition("}")
        if not brace:
            return name
        if namespace not in prefixes:
            prefixes[namespace] = next(unused)
        return f"{prefixes[namespace]}:{local}"

    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = spelled(element.tag)
            attributes = {spelled(name): value for name, value in element.items()}
            element.attrib.clear()
            element.attrib.update(attributes)
    declared = {prefix: namespace for namespace, prefix in prefixes.items()} | dict(namespaces)
    root.attrib.update({f"xmlns:{prefix}": namespace for prefix, namespace in declared.items() if prefix != "xml"})
