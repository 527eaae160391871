"""How commands print: aligned tables, JSON, YAML, names. Data goes to stdout, talk to stderr.

Always true: nothing here colours or decorates output, so it is the same in a pipe and on a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer

from pyk8s.cli.exits import CommandError, ExitCode

FORMATS = ("table", "wide", "json", "yaml", "name")
GAP = "   "


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))


def say(text: str) -> None:
    """Talk: what happens, for the person at the terminal."""
    typer.echo(text, err=True)


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

        typer.echo(yaml.safe_dump(list(rows), sort_keys=False), nl=False)
    elif output == "name":
        for row in rows:
            typer.echo(row["name"])
    else:
        _print_table(rows, [*columns, *(wide if output == "wide" else ())])


def _print_table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    cells = [[column.upper().replace("_", "-") for column in columns]]
    cells += [[str(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        typer.echo(GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
