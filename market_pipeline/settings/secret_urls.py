"""What is secret inside a setting: the whole of it, or the parts of its URLs.

Belongs here: which texts a log must never hold. Does not: taking them out (`logs`).
"""

from urllib.parse import parse_qsl, unquote, urlsplit

_NOTICE_URLS = ("webhook_urls", "apprise_urls")
_SHORTEST_TOKEN = 6
"""A shorter piece of a path is a word such as `hooks`; taking it out would spoil every log."""


def secret_parts(name: str, value: str) -> set[str]:
    """Give the secret texts inside the setting `name`.

    Of a database's URL those are its passwords. Of an address for notices it is the whole of it,
    its user and password, and every piece of path and query long enough to be a token; in
    Apprise's form the place of the host as well, where many services put a token.
    """
    if name in _NOTICE_URLS:
        return {part for url in value.split() for part in _of_notice_url(url)}
    if not name.endswith("_url"):
        return {value} if value else set()
    parts = urlsplit(value)
    written = {parts.netloc.rpartition("@")[0].partition(":")[2]}
    # libpq takes a password in the query as well.
    written |= {text for key, text in parse_qsl(parts.query) if "password" in key}
    return _forms(written)


def _of_notice_url(url: str) -> set[str]:
    scheme, _, rest = url.partition("://")
    # Not urlsplit: it refuses some of what Apprise reads, and a refusal must not hide a secret.
    address, _, fragment = rest.partition("#")
    address, _, query = address.partition("?")
    authority, *path = address.split("/")
    user_info, _, host = authority.rpartition("@")
    user, _, password = user_info.partition(":")
    pieces = [url, rest, address, user_info, user, *path, *fragment.split("/")]
    pieces += [text for _, text in parse_qsl(query)]
    found = {piece for piece in pieces if len(piece) >= _SHORTEST_TOKEN} | {password}
    if scheme.lower() in ("http", "https") or "." in host or host.startswith("localhost"):
        return _forms(found - {host})
    return _forms(
        found | {part for part in (host, *host.split(":")) if len(part) >= _SHORTEST_TOKEN}
    )


def _forms(written: set[str]) -> set[str]:
    return {form for text in written for form in (text, unquote(text)) if form}
