"""Scripts of patches and managed fields, on both twins; `tests/scripts/patch/README.md` tells the format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from pyk8s.errors import PatchError

from tests.contract.patching import scheme

SCRIPTS = sorted((Path(__file__).parents[1] / "scripts" / "patch").glob("*.txt"))


class Scene:
    """The object a script works on."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.scheme = scheme(engine)
        self.kind = ""
        self.object = b""

    def run(self, command: str, argument: str) -> list[str]:
        """What the lines after the command must be."""
        patch = argument.encode()
        match command:
            case "object":
                self.kind, _, text = argument.partition(" ")
                self.object = text.encode()
                return []
            case "json":
                return self._adopt(lambda: self.engine.json_patch(self.object, patch))
            case "merge":
                return self._adopt(lambda: self.engine.merge_patch(self.object, patch))
            case "strategic":
                return self._adopt(lambda: self.scheme.strategic_merge_patch(self.kind, self.object, patch))
        assert command in ("create", "update"), f"no command {command}"
        return self._write(command == "update", argument)

    def _adopt(self, apply: Any) -> list[str]:
        try:
            self.object = apply()
        except PatchError as error:
            return [f"error {error.reason} {error}".replace("\n", "\\n")]
        return [self.object.decode()]

    def _write(self, is_update: bool, argument: str) -> list[str]:
        options, _, rest = argument.partition(" {")
        manager, time, *words = options.split(" ")
        self.object = self.scheme.update_managed_fields(
            self.kind,
            self.object if is_update else b"",
            b"{" + rest.encode(),
            manager=manager,
            time=time,
            subresource="".join(word.removeprefix("subresource=") for word in words if word.startswith("sub")),
            reset_fields=[word.removeprefix("reset=") for word in words if word.startswith("reset=")],
        )
        return list(_entries(self.object)) or ["-"]


def _entries(value: bytes) -> Iterator[str]:
    for entry in json.loads(value)["metadata"].get("managedFields", ()):
        words = [entry.get(name) or "-" for name in ("manager", "operation", "apiVersion", "subresource", "time")]
        fields = json.dumps(entry["fieldsV1"], separators=(",", ":"), ensure_ascii=False)
        yield " ".join([*words, fields])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script_comes_out_as_it_says(engine: Any, script: Path) -> None:
    scene = Scene(engine)
    lines = [line for line in script.read_text().splitlines() if not line.startswith("#")]
    for number, line in enumerate(lines):
        if line.startswith("-> "):
            continue
        command, _, argument = line.partition(" ")
        expected = [each[3:] for each in takewhile(lambda each: each.startswith("-> "), lines[number + 1 :])]

        assert scene.run(command, argument) == expected, f"{script.name}: {line}"
