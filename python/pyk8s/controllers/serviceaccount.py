"""The service account controller: every active namespace has the account ``default``.

Always true: an account that is deleted in an active namespace comes back.
Not here: tokens.
"""

from __future__ import annotations

from typing import ClassVar

from pyk8s.api.status import StatusError
from pyk8s.client.well_known import NAMESPACES, SERVICE_ACCOUNTS
from pyk8s.controllers.context import Context, Json
from pyk8s.controllers.controller import Controller
from pyk8s.controllers.pod_control import is_namespace_terminating

DEFAULT_NAME = "default"


def is_active_namespace(namespace: Json) -> bool:
    is_going = namespace["metadata"].get("deletionTimestamp") is not None
    return not is_going and (namespace.get("status") or {}).get("phase", "Active") == "Active"


class ServiceAccountController(Controller):
    """Keys are names of namespaces."""

    name: ClassVar[str] = "serviceaccount"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._namespaces = context.informers.informer(NAMESPACES)
        self._accounts = context.informers.informer(SERVICE_ACCOUNTS)
        self._namespaces.add_handler(on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new))
        self._accounts.add_handler(on_delete=self._account_deleted)

    def _account_deleted(self, account: Json) -> None:
        if account["metadata"]["name"] == DEFAULT_NAME:
            self.queue.add(account["metadata"]["namespace"])

    async def sync(self, key: str) -> None:
        namespace = self._namespaces.cache.get_by_key(key)
        if namespace is None or not is_active_namespace(namespace):
            return
        if self._accounts.cache.get(DEFAULT_NAME, key) is not None:
            return
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": DEFAULT_NAME, "namespace": key}}
        try:
            await self.client.create(SERVICE_ACCOUNTS, account, key)
        except StatusError as error:
            if error.reason != "AlreadyExists" and not is_namespace_terminating(error):
                raise
