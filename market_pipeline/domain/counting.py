"""Numbers of things in words."""


def counted(count: int, thing: str) -> str:
    """Say how many: `1 headline`, `2 headlines`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
