"""CITATION.cff is a citation file of version 1.2, and what it cites is what the page about the paper cites."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

ROOT = Path(__file__).parent.parent
TYPES = {"article", "blog", "generic", "software", "website"}


@pytest.fixture(scope="module")
def citation() -> Any:
    return msgspec.yaml.decode((ROOT / "CITATION.cff").read_bytes())


def test_it_says_what_a_citation_file_must(citation: Any) -> None:
    assert str(citation["cff-version"]) == "1.2.0" and citation["type"] == "software"
    assert citation["message"] and citation["title"].startswith("Reverie") and citation["license"] == "Apache-2.0"
    for work in [citation, *citation["references"]]:
        assert work["authors"] and work["title"] and work["type"] in TYPES
        for author in work["authors"]:
            assert set(author) in ({"name"}, {"family-names", "given-names"})


def test_the_first_dream_and_the_papers_references_are_cited(citation: Any) -> None:
    works = {(work["authors"][0]["family-names"], work["year"]): work for work in citation["references"]}
    assert {("Mordvintsev", 2015), ("Suzuki", 2017)} <= set(works)
    page = (ROOT / "docs" / "paper.md").read_text("utf-8")
    for work in works.values():
        assert work.get("doi", work.get("url")) in page
        assert re.fullmatch(r"10\.\d{4,9}/\S+", work.get("doi", "10.1000/none"))
