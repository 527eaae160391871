"""Scripts of decoding and defaulting, on both twins; `tests/scripts/object/README.md` tells the format."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from pyk8s.api.quantity import QuantityError, canonical

from tests.contract.objects import decoded, from_protobuf, scheme

SCRIPTS = sorted((Path(__file__).parents[1] / "scripts" / "object").glob("*.txt"))


def run(engine: Any, command: str, argument: str) -> list[str]:
    """What the lines after the command must be."""
    kind, _, body = argument.partition(" ")
    match command:
        case "decode":
            return decoded(engine, kind, body.encode())
        case "both":
            return [scheme(engine).default(kind, decoded(engine, kind, body.encode())[0].encode()).decode()]
        case "default":
            return [scheme(engine).default(kind, body.encode()).decode()]
        case "protobuf":
            return from_protobuf(engine, base64.b64decode(argument))
    assert command == "quantity", f"no command {command}"
    try:
        return [canonical(argument)]
    except QuantityError as error:
        return [f"error {error}"]


def steps(script: Path) -> Iterator[tuple[str, list[str]]]:
    lines = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    for index, line in enumerate(lines):
        if not line.startswith("-> "):
            answers = takewhile(lambda answer: answer.startswith("-> "), lines[index + 1 :])
            yield line, [answer.removeprefix("-> ") for answer in answers]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script_runs_as_written(engine: Any, script: Path) -> None:
    for line, expected in steps(script):
        command, _, argument = line.partition(" ")

        assert run(engine, command, argument) == expected, line


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 12
