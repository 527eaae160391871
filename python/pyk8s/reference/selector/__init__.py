"""Label and field selectors: parse, match, tell their terms to an index."""

from pyk8s.reference.selector.selection import Selection

__all__ = ["Selection"]
