"""Addresses of services in settings: Redis and the sandbox.

Belongs here: what such an address must hold. No message repeats one: it may hold a password.
"""

from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import SecretStr

_SANDBOX = "write the whole URL, such as http://127.0.0.1:8765"
_REDIS = (
    "write it like redis://[user:password@]host:port/0, with special characters of the password "
    "percent-encoded"
)
_LONGEST_NUMBER = 6


def sandbox_base(url: str) -> str:
    """Check the sandbox's URL; give it without its last slash, for paths are appended to it."""
    parts = _split(url, _SANDBOX)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(_SANDBOX)
    if "@" in parts.netloc:
        raise ValueError(f"the sandbox takes no user and no password; {_SANDBOX}")
    if "?" in url or "#" in url:
        raise ValueError(f"the address takes no ? and no #; {_SANDBOX}")
    return url.rstrip("/")


def check_redis_url(url: SecretStr) -> SecretStr:
    """Check the URL of Redis and the number of its database; give it as it is."""
    parts = _split(url.get_secret_value(), _REDIS)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError(f"begins with redis://, rediss:// or unix://; {_REDIS}")
    # The path of a socket is a file; its database stands in the query, as any may.
    paths = [] if parts.scheme == "unix" else [parts.path.removeprefix("/")]
    for number in filter(None, [*paths, *parse_qs(parts.query).get("db", [])]):
        if not (number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER):
            raise ValueError(f"what follows the host is the number of a database; {_REDIS}")
    return url


def _split(url: str, advice: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # only read to be checked: a port beyond 65535, or that is no number
    except ValueError:
        raise ValueError(f"cannot be read; {advice}") from None
    return parts
