"""Content negotiation: from an Accept header to the form of the answer.

Always true: the outcome depends on the header alone, so it is cached; a form that cannot be written is skipped like one
that was not asked for.
Not here: writing the form (see `responses`, `table`), the type of request bodies (see `bodies`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pyk8s.api.status import StatusError

Media = Literal["json", "yaml", "protobuf"]

JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
ACCEPTED = f"{JSON}, {YAML}, {PROTOBUF}"
REPRESENTATIONS = f"{ACCEPTED}, {JSON};stream=watch, {PROTOBUF};stream=watch"
WRITABLE: dict[str, Media] = {
    JSON: "json",
    YAML: "yaml",
    PROTOBUF: "protobuf",
    "*/*": "json",
    "application/*": "json",
}
LISTED = (JSON, YAML, PROTOBUF, "*/*", "")
TRANSFORMS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
META_VERSIONS = ("v1", "v1beta1")
HUMAN_AGENTS = ("curl", "Wget", "Mozilla/5.0")
ACCEPT_CACHED_MAX = 1024


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is written: the media type, and what objects are turned into (``kind`` "" is: nothing)."""

    media: Media = "json"
    kind: str = ""
    version: str = ""

    @property
    def is_plain(self) -> bool:
        """JSON of the objects themselves: stored bytes can be sent."""
        return self.media == "json" and not self.kind

    @property
    def api_version(self) -> str:
        return f"meta.k8s.io/{self.version}"


PLAIN = Form()


@lru_cache(maxsize=ACCEPT_CACHED_MAX)
def negotiate(accept: str, *, prefers_json: bool = False) -> Form:
    """The form of an answer to a resource request. Raises StatusError 406.

    Args:
        prefers_json: take JSON when it is accepted at all. Lists and watches do: their stored bytes go out as they
            are, where protobuf would be encoded object by object.
    """
    if not accept:
        return PLAIN
    clauses = [_clause(text) for text in accept.split(",")]
    if not any(media in LISTED for media, _ in clauses):
        message = f"406: Not Acceptable\n\nAvailable representations: {REPRESENTATIONS}"
        raise StatusError(406, "NotAcceptable", message, {})
    ranked = sorted(clauses, key=lambda clause: -_quality(clause[1]))
    forms = [form for form in (_form(*clause) for clause in ranked) if form is not None]
    if not forms:
        raise not_acceptable()
    if prefers_json and forms[0].media == "protobuf":
        return next((form for form in forms if form.media == "json" and form.kind == forms[0].kind), forms[0])
    return forms[0]


def not_acceptable(message: str = f"only the following media types are accepted: {ACCEPTED}") -> StatusError:
    return StatusError(406, "NotAcceptable", message)


def is_pretty(pretty: str | None, user_agent: str) -> bool:
    """Whether JSON is indented: asked for, or a person's tool asks."""
    if pretty is not None:
        return pretty.lower() not in ("false", "0")
    return user_agent.startswith(HUMAN_AGENTS)


def _clause(text: str) -> tuple[str, dict[str, str]]:
    media, *parameters = [part.strip() for part in text.split(";")]
    return media.lower(), dict(part.partition("=")[::2] for part in parameters)


def _quality(parameters: dict[str, str]) -> float:
    try:
        return float(parameters.get("q", "1"))
    except ValueError:
        return 1.0


def _form(media: str, parameters: dict[str, str]) -> Form | None:
    written = WRITABLE.get(media)
    if written is None:
        return None
    kind = parameters.get("as", "")
    if not kind:
        return Form(written)
    version = parameters.get("v", "")
    if kind == "Table" and written == "protobuf":
        return None
    if kind not in TRANSFORMS or parameters.get("g") != "meta.k8s.io" or version not in META_VERSIONS:
        return None
    return Form(written, kind, version)
