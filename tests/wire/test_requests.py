"""
Every body of the matrix is what the provider's own types say a request is, and the telling ones are pinned.

`snapshots/<wire>-<format>.json` show what is sent, and list everything that is refused instead, so that no
combination is left out unsaid. They are written anew by `python -m pytest tests/wire --rewrite-snapshots`.
"""

from collections.abc import Callable
from functools import cache
from itertools import product

import pytest
from pydantic import ValidationError

from minference_core.providers import Unsupported, WireRequest
from tests.wire.cases import FORMATS, Case, cases_of, pinned, refusal, request
from tests.wire.conftest import SNAPSHOTS
from tests.wire.readable import readable
from tests.wire.wires import WIRES, Body, Wire, request_problems

MATRIX = list(product(WIRES, FORMATS))


@pytest.mark.parametrize(("name", "form"), MATRIX)
def test_every_body_is_what_the_provider_documents(name: str, form: str) -> None:
    wire = WIRES[name]
    found: dict[str, list[str]] = {}

    for case, sent in [*_matrix(wire, form), *_pinned(wire, form)]:
        wrong = [] if isinstance(sent, str) else request_problems(wire.client, sent)
        if not isinstance(sent, str) and sent.path != wire.path:
            wrong.append(f"it goes to {sent.path}")
        for problem in wrong:
            found.setdefault(problem, []).append(case.name)

    assert not found, "\n".join(f"{problem} ({len(n)} bodies: {n[0]})" for problem, n in found.items())


@pytest.mark.parametrize(("name", "form"), MATRIX)
def test_what_is_sent_is_what_is_written_down(
    name: str, form: str, snapshot: Callable[[str, str], None]
) -> None:
    wire = WIRES[name]

    sent = {case.name: _shown(sent) for case, sent in _pinned(wire, form)}

    snapshot(f"{name}-{form}.json", readable({"sent": sent, "refused": _refused(wire, form)}))


def test_no_snapshot_is_of_nothing() -> None:
    assert {path.name for path in SNAPSHOTS.iterdir()} == {f"{name}-{form}.json" for name, form in MATRIX}


Sent = WireRequest | str  # or why there is none


@cache
def _matrix(wire: Wire, form: str) -> list[tuple[Case, Sent]]:
    return [(case, _sent(wire, case)) for case in cases_of(form, wire)]


def _pinned(wire: Wire, form: str) -> list[tuple[Case, Sent]]:
    return [(case, _sent(wire, case)) for case in pinned(form, wire)]


def _sent(wire: Wire, case: Case) -> Sent:
    try:
        return request(wire, case)
    except (Unsupported, ValidationError) as exc:
        return refusal(exc)


def _shown(sent: Sent) -> Body:
    if isinstance(sent, str):
        return {"refused": sent}
    headers = {"headers": dict(sent.headers)} if sent.headers else {}
    return {"path": sent.path, **headers, "body": sent.body}


def _refused(wire: Wire, form: str) -> Body:
    """Of all the combinations, those that are refused, by what the user is told."""
    matrix = _matrix(wire, form)
    told: dict[str, list[Case]] = {}
    for case, sent in matrix:
        if isinstance(sent, str):
            told.setdefault(sent, []).append(case)
    return {why: _which(cases, [case for case, _ in matrix]) for why, cases in told.items()}


def _which(some: list[Case], everything: list[Case]) -> str | list[str]:
    """Those that have a trait which no others have, if it is so simple; else all by name."""
    if len(some) == len(everything):
        return f"all {len(some)}"
    for trait in some[0].traits:
        having = [case for case in everything if trait in case.traits]
        if some == having:
            return f"all {len(some)} with: {trait}"
        for other in sorted({other for case in everything for other in case.traits}):
            if some == [case for case in having if other not in case.traits]:
                return f"all {len(some)} with: {trait}; without: {other}"
    return [case.name for case in some]
