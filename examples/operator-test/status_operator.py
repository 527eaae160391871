"""A small operator: keeps a ConfigMap in step with every Deployment that asks for it.

A Deployment annotated ``example.com/publish: "true"`` gets a ConfigMap NAME-status with its replica counts, which is
owned by the Deployment and so goes with it. Without the annotation there is no ConfigMap.

    python status_operator.py          # uses KUBECONFIG

Always true: `reconcile` may be called at any time and any number of times; it looks at the given Deployment alone.
Not here: several workers, backoff between failed attempts.
"""

from kubernetes import client, config, watch

ANNOTATION = "example.com/publish"
NOT_FOUND, CONFLICT = 404, 409


def reconcile(api: client.ApiClient, deployment: client.V1Deployment) -> None:
    """Make the Deployment's ConfigMap what it should be."""
    core, meta = client.CoreV1Api(api), deployment.metadata
    name = f"{meta.name}-status"
    if (meta.annotations or {}).get(ANNOTATION) != "true" or meta.deletion_timestamp:
        _ignoring(NOT_FOUND, core.delete_namespaced_config_map, name, meta.namespace)
        return
    owner = client.V1OwnerReference(api_version="apps/v1", kind="Deployment", name=meta.name, uid=meta.uid)
    wanted = client.V1ConfigMap(
        metadata=client.V1ObjectMeta(name=name, owner_references=[owner]),
        data={"wanted": str(deployment.spec.replicas), "ready": str(deployment.status.ready_replicas or 0)},
    )
    _ignoring(CONFLICT, core.create_namespaced_config_map, meta.namespace, wanted)
    core.patch_namespaced_config_map(name, meta.namespace, wanted)


def run(api: client.ApiClient) -> None:
    """Follow all Deployments, for ever."""
    while True:
        for event in watch.Watch().stream(client.AppsV1Api(api).list_deployment_for_all_namespaces):
            if event["type"] != "DELETED":
                reconcile(api, event["object"])


def _ignoring(status: int, call, *arguments) -> None:
    try:
        call(*arguments)
    except client.ApiException as error:
        if error.status != status:
            raise


if __name__ == "__main__":
    run(config.new_client_from_config())
