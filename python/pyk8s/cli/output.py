"""How commands print: aligned tables, JSON, YAML, names. Data goes to stdout, talk to stderr.

Always true: nothing here colours or decorates output, so it is the same in a pipe and on a terminal.
Always true: importing this costs next to nothing; the cluster process does so too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from pyk8s.cli.exits import CommandError, ExitCode

FORMATS = ("table", "wide", "json", "yaml", "name")
GAP = "   "


def write(text: str, *, end: str = "\n") -> None:
    """Data, written at once: a reader that went away is told of here, not when the interpreter ends."""
    sys.stdout.write(text + end)
    sys.stdout.flush()


def print_json(value: Any) -> None:
    write(json.dumps(value, indent=2))


def say(text: str) -> None:
    """Talk: what happens, for the person at the terminal."""
    sys.stderr.write(text + "\n")


def print_rows(
    rows: Sequence[dict[str, Any]], columns: Sequence[str], output: str, *, wide: Sequence[str] = ()
) -> None:
    """Print records in one of FORMATS; ``columns`` are their keys, ``wide`` those added by ``-o wide``."""
    if output not in FORMATS:
        raise CommandError(f"unknown output format {output!r}; it may be {', '.join(FORMATS)}", ExitCode.USAGE)
    if output == "json":
        print_json(list(rows))
    elif output == "yaml":
        import yaml

        write(yaml.safe_dump(list(rows), sort_keys=False), end="")
    elif output == "name":
        for row in rows:
            write(row["name"])
    else:
        _print_table(rows, [*columns, *(wide if output == "wide" else ())])


def _print_table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    cells = [[column.upper().replace("_", "-") for column in columns]]
    cells += [[str(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        write(GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
