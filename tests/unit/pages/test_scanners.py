"""Mail scanners open addresses, follow what they find and press buttons: none of it may change anything (B6)."""

from __future__ import annotations

import pytest

from shared.domain.roster import RosterUserKey
from tests.depth import depth
from tests.pages_harness import routes
from tests.scanner import scanned

SEQUENCES = depth(1_500, 10_000)


@pytest.mark.deep
def test_random_sequences_of_scanners_write_nothing() -> None:
    """Nor do they send: the gate sees every call, whether or not it would have changed something."""
    watch, scanner, web = scanned(SEQUENCES)
    assert watch.writes == []
    assert web.world.sqs.messages == []
    assert {name for name, _ in scanner.seen} >= {f"{method} {path}" for method, path in routes()}
    for kind, status in (("fresh", 303), ("used", 410), ("expired", 303), ("forged", 303), ("nonsense", 404)):
        assert scanner.seen[f"GET {kind}", status] > SEQUENCES // 20, f"the sequences met the {kind} address"
    assert scanner.seen["GET /callback/<provider>", 403] > SEQUENCES // 200, (
        "and came back with a state that was theirs"
    )


def test_after_the_scanners_the_fresh_link_is_still_good() -> None:
    _, _, web = scanned(50)
    activation = web.world.activations.of_user(RosterUserKey("lakeside", "t3"))
    assert activation is not None
    assert (activation.used_at, activation.opened_at) == (None, None)
    page = web.visitor().open(web.world.address_in_mail_to("t3@lakeside.example"))
    assert (page.path, page.status) == ("/activate", 200)
