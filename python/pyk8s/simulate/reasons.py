"""What kube-scheduler's messages say: the reasons, and how many nodes each one took away.

Always true: a message that has another form is its own only reason.
"""

from __future__ import annotations

import re
from functools import lru_cache

HEAD = re.compile(r"0/\d+ nodes are available: ")
PART = re.compile(r"(\d+) (.+)")
NEXT_PART = re.compile(r", (?=\d+ )")


@lru_cache(maxsize=4096)
def reasons_of(message: str) -> tuple[tuple[str, int], ...]:
    """(reason, nodes) of "0/5 nodes are available: 3 Insufficient cpu, 2 …. preemption: …", in its order."""
    head = HEAD.match(message)
    if head is None:
        return ((message.rstrip("."), 1),)
    # What PostFilter plugins say follows behind the sentence: "… 3 Insufficient cpu. preemption: 0/3 nodes …".
    body = message[head.end() :].partition(". ")[0].rstrip(". ")
    found = []
    for part in NEXT_PART.split(body):
        counted = PART.fullmatch(part)
        found.append((counted[2].rstrip("."), int(counted[1])) if counted else (part, 1))
    return tuple(found)


def headline(message: str) -> str:
    """The message without what PostFilter plugins say behind it."""
    head, stop, _ = message.partition(". ")
    return head + "." if stop else message


@lru_cache(maxsize=4096)
def main_reason(message: str) -> str:
    """The reason that took most nodes away; of equal ones the first."""
    return max(reasons_of(message), key=lambda entry: entry[1])[0]
