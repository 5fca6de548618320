"""Pages of HTML from templates that lie beside the module that fills them in."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined


def render_page(package: str, template: str, data: Mapping[str, object]) -> str:
    """A template out of the folder `templates` of a package, filled in; whatever comes from outside is escaped.

    Within it, `bytes | data_url("png")` is a picture that is kept in the page itself.
    """
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["data_url"] = _data_url
    return environment.get_template(template).render(data)


def _data_url(picture: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
