"""From engine errors to Statuses: every class, and nothing by accident."""

import pytest
from pyk8s import errors
from pyk8s.api.resources import find
from pyk8s_server.apiserver.endpoints.status import of_engine_error, response_of, too_large_resource_version

PODS = find("", "v1", "pods")
CASES = {
    errors.KeyExists: (errors.KeyExists("k"), 409, "AlreadyExists"),
    errors.KeyNotFound: (errors.KeyNotFound("k"), 404, "NotFound"),
    errors.Conflict: (errors.Conflict("k", 1, 2), 409, "Conflict"),
    errors.Compacted: (errors.Compacted(1, 2), 410, "Expired"),
    errors.FutureRevision: (errors.FutureRevision(3, 2), 504, "Timeout"),
    errors.WatchOverflow: (errors.WatchOverflow(5), 500, "InternalError"),
    errors.LeaseNotFound: (errors.LeaseNotFound(5), 500, "InternalError"),
    errors.StoreDamaged: (errors.StoreDamaged("p", 1, "d"), 500, "InternalError"),
    errors.StoreVersion: (errors.StoreVersion("p", 1, 2), 500, "InternalError"),
    errors.StoreLocked: (errors.StoreLocked("p"), 500, "InternalError"),
    errors.SelectorError: (errors.SelectorError("bad"), 400, "BadRequest"),
    errors.DecodeError: (errors.DecodeError("bad"), 400, "BadRequest"),
    errors.StrictDecodeError: (errors.StrictDecodeError(["bad"]), 400, "BadRequest"),
    errors.PatchError: (errors.PatchError("malformed", "bad"), 400, "BadRequest"),
}


def test_every_class_of_engine_error_has_a_case():
    assert set(CASES) == set(errors.EngineError.__subclasses__())


@pytest.mark.parametrize(("error", "code", "reason"), CASES.values(), ids=lambda part: type(part).__name__)
def test_an_engine_error_becomes_its_status(error, code, reason):
    found = of_engine_error(error, PODS, "p")

    assert (found.code, found.reason) == (code, reason)


def test_a_retry_after_is_told_in_a_header_too():
    response = response_of(too_large_resource_version(5, 3))

    assert ("retry-after", "1") in response.headers
