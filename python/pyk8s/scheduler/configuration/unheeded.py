"""What a configuration may ask for and this scheduler does not do: one warning each.

Always true: only fields that the file sets are named, never defaults.
Not here: feature gates (see `gates`), what is refused (see `rules`).
"""

from __future__ import annotations

from collections.abc import Iterator

from pyk8s.scheduler.configuration.models import KubeSchedulerConfiguration, Profile

REASONS = {
    "parallelism": "nodes are looked at in one thread, and the answer does not depend on how many there are",
    "enableProfiling": "there is no profiling endpoint",
    "enableContentionProfiling": "there is no profiling endpoint",
    "delayCacheUntilActive": "nodes and pods are watched only while this scheduler leads",
}
CONNECTION_REASONS = {
    "kubeconfig": "the API server is the one that the command names",
    "acceptContentTypes": "bodies are JSON",
    "contentType": "bodies are JSON",
    "qps": "requests are not throttled",
    "burst": "requests are not throttled",
}
ARGUMENT_REASONS = {
    ("DynamicResources", "filterTimeout"): "a search for devices is never cut off",
    ("DynamicResources", "bindingTimeout"): "binding conditions of devices are not waited for",
    ("VolumeBinding", "shape"): "storage capacity is not scored",
}
PLACEMENT_POINTS = ("placementGenerate", "placementScore")


EXTENDER_REASONS = {"preemptVerb": "extenders are not asked about preemption"}
TLS_REASONS = {
    "serverName": "the server is known by the name in its URL",
    "certData": "a client certificate is read from certFile",
    "keyData": "a client certificate is read from certFile",
}


def warnings(configuration: KubeSchedulerConfiguration, *, calls_extenders: bool) -> Iterator[str]:
    for name, reason in REASONS.items():
        if name in configuration.model_fields_set:
            yield _text(name, reason)
    for name, reason in CONNECTION_REASONS.items():
        if name in configuration.clientConnection.model_fields_set:
            yield _text(f"clientConnection.{name}", reason)
    if configuration.extenders and not calls_extenders:
        yield _text("extenders", "nothing is called from here")
    for i, extender in enumerate(configuration.extenders if calls_extenders else ()):
        tls = extender.tlsConfig
        set_fields = {name for name in EXTENDER_REASONS if getattr(extender, name)}
        yield from (_text(f"extenders[{i}].{name}", EXTENDER_REASONS[name]) for name in sorted(set_fields))
        unread = [name for name in TLS_REASONS if tls is not None and getattr(tls, name)]
        yield from (_text(f"extenders[{i}].tlsConfig.{name}", TLS_REASONS[name]) for name in unread)
    for i, profile in enumerate(configuration.profiles):
        yield from _of_profile(f"profiles[{i}]", profile)


def _of_profile(path: str, profile: Profile) -> Iterator[str]:
    for point in PLACEMENT_POINTS:
        if point in profile.plugins.model_fields_set:
            yield _text(f"{path}.plugins.{point}", "pod groups are placed without regard to topology")
    for i, entry in enumerate(profile.pluginConfig):
        for (plugin, name), reason in ARGUMENT_REASONS.items():
            if entry.name == plugin and entry.args.get(name) is not None:
                yield _text(f"{path}.pluginConfig[{i}].args.{name}", reason)


def _text(path: str, reason: str) -> str:
    return f"{path} is not honoured: {reason}"
