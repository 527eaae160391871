"""The template language, and objects made with it."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import pytest
from pyk8s import core
from pyk8s.api.tables import scheme_tables
from pyk8s.simulate.bench.objects import Making, NameSource, ObjectTemplate
from pyk8s.simulate.bench.problems import InvalidBenchmark
from pyk8s.simulate.bench.templates import TemplateError, parse, render

POD = """
apiVersion: v1
kind: Pod
metadata:
  NAME
  labels: {group: "g-{{DivideInt .Index .size}}", fixed: "{{.size}}"}
spec:
  containers: [{name: c, image: i}]
"""
NAMED = POD.replace("NAME", "name: pod-{{.Index}}")
GENERATED = POD.replace("NAME", "generateName: pod-")


@cache
def scheme() -> Any:
    return core.Scheme(scheme_tables())


def template(text: str) -> ObjectTemplate:
    return ObjectTemplate("pod.yaml", text, scheme())


def names() -> NameSource:
    numbers = iter(range(1000))
    return NameSource(lambda: f"uid-{next(numbers)}", "2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("a-{{.Index}}", {"Index": 3}, "a-3"),
        ("{{ .Index }}/{{.Count}}", {"Index": 3, "Count": 5}, "3/5"),
        ("{{DivideInt .Index 3}}", {"Index": 7}, "2"),
        ("{{Mod (AddInt .Index 1) 3}}", {"Index": 4}, "2"),
        ("{{SubtractInt .Index 1}} {{MultiplyInt .Index 2 2}}", {"Index": 4}, "3 16"),
        ("{{DivideFloat .Index 2}} {{AddFloat 1 2}}", {"Index": 5}, "2.5 3"),
        ("{{if .p}}{{.p}}{{else}}none{{end}}", {"p": 5}, "5"),
        ("{{if .p}}{{.p}}{{else}}none{{end}}", {}, "none"),
        ('{{if eq .d "x"}}1{{else if eq .d "y"}}2{{else}}3{{end}}', {"d": "y"}, "2"),
        ("a {{- .Index -}} b", {"Index": 1}, "a1b"),
        ("{{/* nothing */}}x", {}, "x"),
        ('{{ .Index | printf "%03d" }}', {"Index": 4}, "004"),
    ],
)
def test_templates_render_as_go_does(text: str, values: dict[str, Any], expected: str) -> None:
    assert render(parse(text), values) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{if .x}}", "has no {{end}}"),
        ("{{end}}", "without an open {{if}}"),
        ("{{foo .x}}", "unknown 'foo' in {{foo .x}}; functions: AddFloat"),
        ("{{.a", "not closed"),
        ("{{}}", "nothing to write"),
        ("{{DivideInt 1 0}}", "division by zero"),
        ("{{AddInt .x 1}}", "<no value> is no number"),
    ],
)
def test_a_wrong_template_is_told(text: str, expected: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(parse(text), {})

    assert expected in str(caught.value)


@pytest.mark.parametrize("text", [NAMED, GENERATED])
def test_spliced_objects_equal_rendered_ones(text: str) -> None:
    making = Making({"size": 3}, 7, "space")
    spliced, rendered = (template(text).factory(making, names()) for _ in range(2))
    assert spliced.is_spliced
    rendered._pieces = None

    fast, slow = list(spliced.make(0, 7)), list(rendered.make(0, 7))

    assert [(one.key, orjson.loads(one.value)) for one in fast] == [(one.key, orjson.loads(one.value)) for one in slow]
    assert fast[4].key == "/registry/pods/space/pod-4"
    metadata = orjson.loads(fast[4].value)["metadata"]
    assert metadata["labels"] == {"group": "g-1", "fixed": "3"} and metadata["namespace"] == "space"


def test_a_number_that_changes_is_rendered_each_time() -> None:
    text = NAMED.replace("containers:", "priority: {{MultiplyInt .Index 10}}\n  containers:")
    factory = template(text).factory(Making({"size": 1}, 3, "space"), names())

    made = [orjson.loads(one.value)["spec"]["priority"] for one in factory.make(0, 3)]

    assert not factory.is_spliced and made == [0, 10, 20]


def test_objects_are_decoded_and_defaulted_as_the_server_does() -> None:
    factory = template(GENERATED).factory(Making({"size": 1}, 1, "space"), names())

    pod = orjson.loads(next(factory.make(0, 1)).value)

    assert pod["spec"]["schedulerName"] == "default-scheduler" and pod["status"] == {"phase": "Pending"}
    assert pod["metadata"]["uid"] == "uid-0" and pod["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NAMED.replace("image: i", "imag: i"), 'unknown field "spec.containers[0].imag"'),
        (NAMED.replace("kind: Pod", "kind: Pot"), "kind: v1 Pot is no kind that can be created"),
        (NAMED.replace("name: pod-{{.Index}}", "annotations: {}"), "metadata: name or generateName is required"),
        (NAMED.replace("[{name: c, image: i}]", "7"), "cannot unmarshal number"),
        ("- a list", "a template must be one object"),
        ("a: [", "not YAML"),
    ],
)
def test_a_wrong_manifest_is_told_with_its_file(text: str, expected: str) -> None:
    with pytest.raises(InvalidBenchmark) as caught:
        template(text).first({"size": 1})

    assert caught.value.file == "pod.yaml" and expected in caught.value.text()
