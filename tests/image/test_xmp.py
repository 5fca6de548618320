"""A packet of another program keeps all that it says; a hostile one costs neither the picture nor the time."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reverie.image.embedding import build_xmp_packet, extract_recipe_text
from reverie.image.gpano import Sphere, read_gpano_fields
from reverie.image.xmp import Packet

START = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
END = "</rdf:RDF></x:xmpmeta>"
RECIPE = 'objective = "a <b> & ]]> \'c\'"\r\n\tümläut = "☃ 🌙"\n'

FOREIGN = (
    f'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>{START}<!-- by hand & foot -->'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' dc:rights="&lt;Ada&gt; &amp; &quot;Co&quot;&#10;">'
    '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">a ]]&gt; b&#13;</rdf:li></rdf:Alt></dc:title>'
    "<dc:description><![CDATA[<p> & </p>]]></dc:description><plain/></rdf:Description>"
    '<Description xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="urn:another:dc" dc:rights="other"'
    ' xmlns:ns1="urn:one" ns1:a="1"><own xmlns="urn:own"><own/><b xmlns="urn:more"/></own></Description>'
    f'{END}<?xpacket end="w"?>'
)
"""One prefix with two meanings, default namespaces, a language, CDATA, a comment: everything that XML allows."""


def said(packet: bytes | str | None) -> str:
    """What a packet says, whatever prefixes it is written with."""
    assert packet is not None
    return ElementTree.canonicalize(
        ElementTree.tostring(ElementTree.fromstring(packet), "unicode"), rewrite_prefixes=True
    )


def test_a_foreign_packet_keeps_all_that_it_says() -> None:
    packet = build_xmp_packet(RECIPE, FOREIGN.encode())
    assert packet is not None
    assert extract_recipe_text(packet) == RECIPE
    assert said(build_xmp_packet(None, packet)) == said(FOREIGN)  # added and taken away
    again = build_xmp_packet("another = 1", packet)
    assert again is not None and again.count(b":recipe>") == 2 and extract_recipe_text(again) == "another = 1"
    assert said(build_xmp_packet(None, again)) == said(FOREIGN)
    assert b"<!-- by hand & foot -->" in again


def test_a_panoramas_fields_change_and_nothing_else() -> None:
    panorama = FOREIGN.replace(
        "<plain/>",
        '<plain/><p:FullPanoWidthPixels xmlns:p="http://ns.google.com/photos/1.0/panorama/">9</p:FullPanoWidthPixels>'
        '<p:PoseHeadingDegrees xmlns:p="http://ns.google.com/photos/1.0/panorama/">350</p:PoseHeadingDegrees>',
    )
    written = Sphere.of(96, 48).written(panorama.encode())
    assert Sphere.read(written, 96, 48) == Sphere.of(96, 48)
    assert read_gpano_fields(written)["PoseHeadingDegrees"] == "350"
    packet = Packet.parse(written)
    assert packet is not None
    ours = [name for name, _ in packet.properties() if "panorama/" in name and "Pose" not in name]
    assert len(ours) == len(set(ours)) == 8
    packet.remove(ours)
    assert said(packet.encode()) == said(
        panorama.replace(panorama[panorama.index("<p:Full") : panorama.index("<p:Pose")], "")
    )


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))


@settings(max_examples=50, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_any_text_round_trips(recipe: str, element: str, attribute: str) -> None:
    around = (
        f'{START}<rdf:Description rdf:about="" xmlns:q="urn:q" q:a={quoteattr(attribute)}>'
        f"<q:b>{escape(element)}</q:b></rdf:Description>{END}"
    )
    packet = build_xmp_packet(recipe, around.encode())
    assert packet is not None
    found = dict(Packet.parse(packet).properties())  # type: ignore[union-attr]
    assert (found["{urn:q}a"], found["{urn:q}b"], extract_recipe_text(packet)) == (attribute, element, recipe)


@pytest.mark.parametrize("orientation", ['o:Orientation="6">', "><o:Orientation>6</o:Orientation>"])
def test_a_rotation_that_was_applied_goes_whatever_its_prefix(orientation: str) -> None:
    start = f'{START}<rdf:Description rdf:about="" xmlns:o="http://ns.adobe.com/tiff/1.0/" '
    around = f"{start}{orientation}</rdf:Description>{END}"
    packet = build_xmp_packet(None, around.encode())
    assert said(packet) == said(around.replace('"6"', '"1"').replace(">6<", ">1<"))


def test_a_packet_of_the_first_version_is_read_and_replaced() -> None:
    first = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>' + START + '<rdf:Description rdf:about=""'
        ' xmlns:reverie="urn:reverie:recipe:1"><xmp:CreatorTool xmlns:xmp="http://ns.adobe.com/xap/1.0/">Reverie 0.1.0'
        '</xmp:CreatorTool><reverie:recipe>a = "&lt;&amp;]]&gt;"&#13;\n</reverie:recipe></rdf:Description>'
        f'{END}<?xpacket end="w"?>'
    ).encode()
    assert extract_recipe_text(first) == 'a = "<&]]>"\r\n'
    packet = build_xmp_packet("b = 1", first)
    assert packet is not None
    assert extract_recipe_text(packet) == "b = 1" and packet.count(b"CreatorTool>") == 2
    assert said(build_xmp_packet(None, first)) == said(START + END)


LAUGHS = "".join(f'<!ENTITY e{number + 1} "{f"&e{number};" * 10}">' for number in range(9))


@pytest.mark.parametrize(
    "around",
    [
        START + "<a>" * 4000,
        START + "<a>" * 4000 + "</a>" * 4000 + END,
        f'<!DOCTYPE x [<!ENTITY e0 "ha">{LAUGHS}]>{START}<a>&e9;</a>{END}',
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{START}<a>&e;</a>{END}',
        START + "<a>&unknown;</a>" + END,
        START + "<p:a/>" + END,
        START.replace('xmlns:x="adobe:ns:meta/"', "") + END,
    ],
)
def test_a_hostile_or_damaged_packet_is_left_out(around: str) -> None:
    for data in (around.encode(), around.encode("utf-16"), around.encode("utf-16-be")):
        assert Packet.parse(data) is None and extract_recipe_text(data) is None and read_gpano_fields(data) == {}
        packet = build_xmp_packet(RECIPE, data)
        assert packet is not None and extract_recipe_text(packet) == RECIPE and len(packet) < 1000


def test_many_names_and_elements_cost_no_more_than_their_length() -> None:
    many = "".join(f'<p{number}:a xmlns:p{number}="urn:{number}" p{number}:b="1"/>' for number in range(20_000))
    around = f'{START}<rdf:Description rdf:about="">{many}</rdf:Description>{END}'
    packet = build_xmp_packet(RECIPE, around.encode())
    assert packet is not None and extract_recipe_text(packet) == RECIPE
    assert Packet.parse(packet) is not None
