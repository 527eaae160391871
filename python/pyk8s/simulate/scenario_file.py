"""A scenario file, read and checked whole before anything starts.

Always true: what comes out can be run; what cannot is one `ScenarioError` that names the file and each field.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from pyk8s.simulate.manifests import read_yaml
from pyk8s.simulate.plan import Plan
from pyk8s.simulate.plan_builder import scenario_plan
from pyk8s.simulate.problems import Problem, ScenarioError, problems_of
from pyk8s.simulate.scenario import Scenario, schema


def read_scenario(path: Path) -> Scenario:
    """The scenario alone, not what it names. Raises ScenarioError."""
    documents = read_yaml(path)
    if len(documents) != 1:
        raise ScenarioError(str(path), [Problem("", f"holds {len(documents)} documents; allowed: exactly one")])
    document = documents[0]
    if isinstance(document, dict) and "name" not in document:
        document = {"name": _name(path), **document}
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        raise ScenarioError(str(path), problems_of(error, schema())) from error


def read_plan(path: Path) -> Plan:
    """A scenario with everything that it names. Raises ScenarioError."""
    return scenario_plan(read_scenario(path), str(path), path.parent)


def _name(path: Path) -> str:
    letters = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in path.stem.lower())
    return letters.strip("-")[:63].strip("-") or "scenario"
