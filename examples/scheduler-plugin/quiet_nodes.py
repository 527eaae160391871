"""A scheduler plugin: nodes labelled ``quiet`` take only pods that ask for quiet; fewer pods on a node are better."""

from pyk8s.scheduler.plugins import Plugin, register


@register
class QuietNodes(Plugin):
    reason = "node(s) are quiet"

    def filter_nodes(self, pod, nodes):
        is_quiet = "quiet" in (pod["metadata"].get("labels") or {})
        return [is_quiet or label is None for label in nodes.label("quiet")]

    def score_nodes(self, pod, nodes):
        return [max(0, 100 - count) for count in nodes.pod_count]
