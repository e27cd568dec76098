"""Is a written report what it should be: of its session, whole, and with nothing alive in it?

Judges the file alone, by a list of what our own pages are made of: whatever a text of others
became that it should not have become stands out. Never writes.
"""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from lxml import etree, html

from market_pipeline.reports import figures

_TAGS = frozenset(
    re.findall(
        r"\w+",
        "html head meta link title style body main header footer section article div p h1 h2 h3 "
        "span a strong small code abbr time dl dt dd ul ol li table thead tbody tfoot tr th td "
        "details summary svg desc line text path circle rect",
    )
)
_LOADING = frozenset(
    {
        "src", "srcset", "action", "formaction", "xlink:href", "poster", "background", "data",
        "ping", "manifest",
    }
)  # fmt: skip
_ADDRESSES = ("http://", "https://", "data:,")
_FORBIDS = "default-src 'none'"


def faults_of(path: Path, portfolio_id: str, session: date) -> list[str]:
    """Say in words what is wrong with a portfolio's report; nothing where all is well."""
    if not path.is_file():
        return ["there is no file"]
    text = path.read_text(encoding="utf-8")
    if not text.rstrip().endswith("</html>"):
        return ["it is cut off"]
    try:
        page = html.document_fromstring(text.encode())
    except etree.ParserError as error:
        return [f"it is no page: {error}"]
    told = {each.get("name"): each.get("content") for each in page.iter("meta")}
    faults = []
    if told.get("session") != session.isoformat():
        faults.append(f"it is of the session {told.get('session')}")
    if told.get("portfolio") != figures.clean(portfolio_id):
        faults.append(f"it is of the portfolio {told.get('portfolio')}")
    return [*faults, *dict.fromkeys(_alive(page))]


def _alive(page: html.HtmlElement) -> Iterator[str]:
    """Name what would load, run or was never written by a template."""
    policies = [each.get("content", "") for each in page.iter("meta") if each.get("http-equiv")]
    if not any(policy.startswith(_FORBIDS) for policy in policies):
        yield "nothing forbids it to load"
    for element in page.iter(etree.Element):
        tag = str(element.tag)
        if tag not in _TAGS:
            yield f"it holds a <{tag}>"
        if tag == "style" and ("url(" in (element.text or "") or "@import" in (element.text or "")):
            yield "its style loads"
        for name, value in element.attrib.items():
            key = str(name).lower()
            if key.startswith("on") or key in _LOADING:
                yield f"it holds {key}="
            if key == "href" and not _is_harmless(str(value)):
                yield f"it links to {str(value)[:60]}"


def _is_harmless(address: str) -> bool:
    """Whether an address is of the web, of nothing, or a page of the same folder."""
    return address.startswith(_ADDRESSES) or (":" not in address and "/" not in address)
