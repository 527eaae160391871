"""Image references, as far as the pull policy depends on them: is the tag `latest`, is the reference valid at all?

Always true: the grammar is the one of container registries' references: ``[domain/]path[:tag][@digest]``.
"""

from __future__ import annotations

import re

NAME_MAX = 255

COMPONENT = "[a-z0-9]+(?:(?:[.]|__?|-+)[a-z0-9]+)*"
LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
DOMAIN = re.compile(rf"(?:{LABEL}(?:[.]{LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
PATH = re.compile(f"{COMPONENT}(?:/{COMPONENT})*")
TAG = re.compile("[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}")
DIGEST = re.compile("[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
IDENTIFIER = re.compile("[0-9a-f]{64}")


def pull_policy(image: str) -> str:
    """``Always`` for the tag ``latest``, given or meant; ``IfNotPresent`` for all else, a malformed reference too."""
    return "Always" if tag(image) == "latest" else "IfNotPresent"


def tag(image: str) -> str | None:
    """The tag an image is pulled by: "" when only a digest is given, ``latest`` when neither is. None if malformed."""
    if IDENTIFIER.fullmatch(image):
        return None
    domain, remainder = _split_domain(image)
    rest, has_digest, digest = remainder.partition("@")
    path, has_tag, found = rest.partition(":")
    is_valid = (
        (not domain or DOMAIN.fullmatch(domain))
        and PATH.fullmatch(path)
        and len(f"{domain}/{path}" if domain else path) <= NAME_MAX
        and (not has_tag or TAG.fullmatch(found))
        and (not has_digest or DIGEST.fullmatch(digest))
    )
    if not is_valid:
        return None
    return found if has_tag else "" if has_digest else "latest"


def _split_domain(image: str) -> tuple[str, str]:
    """The part before the first slash is a domain if it looks like one; Docker Hub is meant otherwise."""
    first, slash, rest = image.partition("/")
    looks_so = "." in first or ":" in first or first == "localhost" or re.search("[A-Z]", first)
    return (first, rest) if slash and looks_so else ("", image)
