"""Safe parsing, searching, editing and encoding of XMP metadata packets.

Property names are written as ElementTree writes them, "{namespace}name". XMP allows a simple property to be an element
or an attribute, with the same meaning; both are handled.
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

RDF_NAMESPACE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
META_NAMESPACE = "adobe:ns:meta/"

INVALID_XML_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""A character that XML cannot hold (XML 1.0, 2.2)."""

_MAX_DEPTH = 100  # levels of elements; XMP has about ten, and ElementTree writes recursively
_PREDECLARED_PREFIXES = {"http://www.w3.org/XML/1998/namespace": "xml"}  # XML binds this prefix itself


class _SafeTreeBuilder(ElementTree.TreeBuilder):
    """A tree builder for untrusted XML, which also records the namespace prefixes.

    Raises ValueError for a document type declaration and for elements nested too deeply. Without a document type there
    are no entities, so none can expand exponentially or load a file. defusedxml would add no more than that refusal, so
    it is no dependency.
    """

    def __init__(self) -> None:
        super().__init__(insert_comments=True, insert_pis=True)
        self.namespaces: dict[str, str] = {}
        self.depth = 0

    def doctype(self, *_: str | None) -> None:
        raise ValueError("a document type")

    def start_ns(self, prefix: str, namespace: str) -> None:
        if prefix:  # a default namespace gets a prefix when the packet is written
            self.namespaces.setdefault(prefix, namespace)

    def start(self, tag: str, attributes: dict[str, str], /) -> Element:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise ValueError(f"more than {_MAX_DEPTH} levels")
        return super().start(tag, attributes)

    def end(self, tag: str, /) -> Element:
        self.depth -= 1
        return super().end(tag)


class Packet:
    """An XMP packet that can be searched and edited; a new one is empty."""

    def __init__(self) -> None:
        self._root = Element(f"{{{META_NAMESPACE}}}xmpmeta")
        self._rdf = ElementTree.SubElement(self._root, f"{{{RDF_NAMESPACE}}}RDF")
        self._namespaces = {"x": META_NAMESPACE, "rdf": RDF_NAMESPACE}  # by prefix

    @classmethod
    def parse(cls, data: bytes | None) -> Packet | None:
        """Parse the bytes of a packet; returns None for a damaged packet and for bytes that are none."""
        data = (data or b"").strip(b"\0 \r\n")
        if b"\0" in data:  # UTF-16 or UTF-32, which XMP allows and programs do not write
            return None
        builder = _SafeTreeBuilder()
        try:
            root = ElementTree.fromstring(data, ElementTree.XMLParser(target=builder))
        except (ElementTree.ParseError, ValueError, LookupError):
            return None
        rdf_elements = list(root.iter(f"{{{RDF_NAMESPACE}}}RDF"))
        if not rdf_elements:
            return None
        packet = cls()
        packet._root, packet._rdf, packet._namespaces = root, rdf_elements[-1], builder.namespaces
        return packet

    def properties(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the value of every attribute and of every element (its own text)."""
        for element in self._elements():
            yield from element.items()
            yield element.tag, element.text or ""

    def remove(self, names: Collection[str]) -> None:
        """Remove properties by name, and then descriptions that are empty."""
        for element in list(self._elements()):
            element[:] = [child for child in element if child.tag not in names]
            for name in names:
                element.attrib.pop(name, None)
        self._rdf[:] = [child for child in self._rdf if not _is_empty_description(child)]

    def change(self, name: str, value: str) -> None:
        """Set a property to a value wherever it occurs; nothing is added."""
        for element in self._elements():
            if element.tag == name:
                element.text = value
            if name in element.attrib:
                element.set(name, value)

    def add(self, properties: Mapping[str, str], namespaces: Mapping[str, str]) -> None:
        """Append properties in a new description; `namespaces` maps the prefixes to use to their namespaces."""
        description = ElementTree.SubElement(
            self._rdf, f"{{{RDF_NAMESPACE}}}Description", {f"{{{RDF_NAMESPACE}}}about": ""}
        )
        for name, value in properties.items():
            ElementTree.SubElement(description, name).text = value
        self._namespaces = {**namespaces, **self._namespaces}  # a prefix that the packet has already keeps its meaning

    def encode(self) -> bytes:
        """Encode the packet as UTF-8, between the processing instructions by which programs find it in a file."""
        root = copy.deepcopy(self._root)
        _write_prefixes(root, self._namespaces)
        # ElementTree writes carriage returns in texts as they are, and a parser would turn them into newlines.
        text = ElementTree.tostring(root, "unicode").replace("\r", "&#13;")
        return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{text}<?xpacket end="w"?>'.encode()

    def _elements(self) -> Iterator[Element]:
        """Yield all elements, without comments and processing instructions (their tag is a function)."""
        return (element for element in self._root.iter() if isinstance(element.tag, str))


def _is_empty_description(element: Element) -> bool:
    """Return whether an element is a description without any property."""
    about = {"about", f"{{{RDF_NAMESPACE}}}about"}
    return element.tag == f"{{{RDF_NAMESPACE}}}Description" and not len(element) and about.issuperset(element.attrib)


def _write_prefixes(root: Element, namespaces: Mapping[str, str]) -> None:
    """Replace every "{namespace}name" by "prefix:name", and declare the prefixes at the root.

    ElementTree itself would use prefixes that are registered for the whole process, or numbered ones; some programs
    read XMP without an XML parser and look for the usual prefixes.
    """
    unused = (prefix for prefix in map("ns{}".format, itertools.count(1)) if prefix not in namespaces)
    prefixes = _PREDECLARED_PREFIXES | {namespace: prefix for prefix, namespace in namespaces.items()}

    def write_name(name: str) -> str:
        namespace, brace, local = name.removeprefix("{").rpartition("}")
        if not brace:
            return name
        if namespace not in prefixes:
            prefixes[namespace] = next(unused)
        return f"{prefixes[namespace]}:{local}"

    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = write_name(element.tag)
            attributes = {write_name(name): value for name, value in element.items()}
            element.attrib.clear()
            element.attrib.update(attributes)
    declared = {prefix: namespace for namespace, prefix in prefixes.items()} | dict(namespaces)
    root.attrib.update({f"xmlns:{prefix}": namespace for prefix, namespace in declared.items() if prefix != "xml"})
