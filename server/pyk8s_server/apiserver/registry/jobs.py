"""The strategy of Jobs: a selector of their own, made from the uid.

Not here: running them (the job controller).
"""

from __future__ import annotations

from typing import Any

from pyk8s_server.apiserver.interfaces import Context
from pyk8s_server.apiserver.registry.pod_warnings import spec_warnings
from pyk8s_server.apiserver.registry.strategies import GenericStrategy
from pyk8s_server.apiserver.registry.validation.batch import LEGACY_LABELS, NAME_LABEL, UID_LABEL

Json = dict[str, Any]


class JobStrategy(GenericStrategy):
    """jobs."""

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        generate_selector(obj)
        super().prepare_for_create(context, obj)

    def warnings_on_create(self, context: Context, obj: Json) -> list[str]:
        template = (obj.get("spec") or {}).get("template") or {}
        return spec_warnings("spec.template.spec", template.get("spec") or {})


def generate_selector(job: Json) -> None:
    """Label the template with the job's uid and name, and select by the uid; not with ``manualSelector``."""
    spec = job.setdefault("spec", {})
    if spec.get("manualSelector"):
        return
    meta = job["metadata"]
    template = spec.setdefault("template", {})
    template_meta = template.get("metadata") or {}
    labels = dict(template_meta.get("labels") or {})
    for key, value in ((UID_LABEL, meta.get("uid", "")), (NAME_LABEL, meta.get("name", ""))):
        for label in (LEGACY_LABELS[key], key):
            labels.setdefault(label, value)
    template["metadata"] = {**template_meta, "labels": labels}
    if not meta.get("labels"):
        # kube-apiserver reads what it wrote with defaults, of which one copies the template's labels to the job.
        meta["labels"] = dict(labels)
    selector = dict(spec.get("selector") or {})
    wanted = dict(selector.get("matchLabels") or {})
    wanted.setdefault(UID_LABEL, meta.get("uid", ""))
    spec["selector"] = {**selector, "matchLabels": wanted}
