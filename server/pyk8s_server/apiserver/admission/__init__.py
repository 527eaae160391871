"""Admission: plugins that change or refuse writes after authorization and before storage.

Always true: plugins see requests as `Attributes` and stored objects through a `Reader`.
Not here: the rules of each kind (see registry).
"""

from __future__ import annotations

from pyk8s_server.apiserver.admission.defaults import default_plugins

__all__ = ["default_plugins"]
