"""Options of list and watch requests: read from the query and checked as kube-apiserver checks them.

Always true: options that came through here do not contradict each other.
Source: api-machinery's ListOptions and its validation, as observed on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyk8s.api.field import FieldError, forbidden, not_supported
from pyk8s.api.status import StatusError, bad_request, invalid

from pyk8s_server.apiserver.endpoints.call import Call
from pyk8s_server.apiserver.filters.request_info import truth

EXACT, NOT_OLDER = "Exact", "NotOlderThan"
MATCH, INITIAL = "resourceVersionMatch", "sendInitialEvents"
INT64_MAX = 2**63 - 1
UINT64_MAX = 2**64 - 1


@dataclass(slots=True)
class ListOptions:
    """What a list or watch asks for beside its selectors."""

    resource_version: str = ""
    match: str = ""
    limit: int = 0
    token: str = ""
    timeout_s: int = 0
    wants_bookmarks: bool = False
    send_initial_events: bool | None = None


def list_options(call: Call) -> ListOptions:
    """Raises StatusError 400, 422."""
    options = _read(call)
    errors = _match_errors(options)
    if options.send_initial_events is not None:
        errors.append(forbidden(INITIAL, "sendInitialEvents is forbidden for list"))
    if errors:
        raise invalid("meta.k8s.io", "ListOptions", "", errors)
    return options


def watch_options(call: Call) -> ListOptions:
    """Raises StatusError 400, 422."""
    options = _read(call)
    if options.resource_version in ("", "0") and options.send_initial_events is None and not options.match:
        # As kube-apiserver with the gate WatchList: a watch from nothing begins with what there is.
        options.send_initial_events, options.match = True, NOT_OLDER
    errors = _watch_errors(options)
    if errors:
        raise invalid("meta.k8s.io", "ListOptions", "", errors)
    return options


def _read(call: Call) -> ListOptions:
    params = call.params
    if not params:
        return ListOptions()
    return ListOptions(
        resource_version=params.get("resourceVersion", ""),
        match=params.get(MATCH, ""),
        limit=integer(params.get("limit", "")),
        token=params.get("continue", ""),
        timeout_s=integer(params.get("timeoutSeconds", "")),
        wants_bookmarks=truth(params["allowWatchBookmarks"]) if "allowWatchBookmarks" in params else False,
        send_initial_events=truth(params[INITIAL]) if INITIAL in params else None,
    )


def integer(text: str) -> int:
    if not text:
        return 0
    digits = text[1:] if text[0] in "+-" else text
    if not (digits.isascii() and digits.isdigit()):
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    if len(digits) > 19 or abs(int(text)) > INT64_MAX:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": value out of range')
    return int(text)


def _match_errors(options: ListOptions) -> list[FieldError]:
    errors: list[FieldError] = []
    match = options.match
    if not match:
        return errors
    if not options.resource_version:
        errors.append(forbidden(MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if options.token:
        errors.append(forbidden(MATCH, "resourceVersionMatch is forbidden when continue is provided"))
    if match not in (EXACT, NOT_OLDER):
        errors.append(not_supported(MATCH, match, [EXACT, NOT_OLDER, ""]))
    if match == EXACT and options.resource_version == "0":
        why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        errors.append(forbidden(MATCH, why))
    return errors


def _watch_errors(options: ListOptions) -> list[FieldError]:
    errors: list[FieldError] = []
    match = options.match
    if options.send_initial_events is not None and match != NOT_OLDER:
        errors.append(forbidden(MATCH, f"sendInitialEvents requires setting resourceVersionMatch to {NOT_OLDER}"))
    if not match:
        return errors
    if options.send_initial_events is None:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        errors.append(forbidden(MATCH, why))
    if match != NOT_OLDER:
        errors.append(not_supported(MATCH, match, [NOT_OLDER]))
    if options.token:
        errors.append(forbidden(MATCH, "resourceVersionMatch is forbidden when continue is provided"))
    return errors


def parse_version(text: str) -> int:
    """A resource version of a query. Raises StatusError with ParseUint's words."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise version_error(text, "invalid syntax")
    if len(text) > 20 or int(text) > UINT64_MAX:
        raise version_error(text, "value out of range")
    return int(text)


def version_error(text: str, why: str) -> StatusError:
    message = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": {why}'
    return StatusError(500, "", message)
