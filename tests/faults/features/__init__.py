"""What the fault laboratory runs through. A later feature is one more line here (docs/fault-laboratory.md)."""

from __future__ import annotations

from tests.faults.features.accounts import ACCOUNTS
from tests.faults.features.activation import ACTIVATION
from tests.faults.features.cleanup import CLEANUP
from tests.faults.features.events import EVENTS
from tests.faults.features.imports import IMPORTS
from tests.faults.features.linking import LINKING
from tests.faults.features.notices import NOTICES
from tests.faults.features.nudges import NUDGES
from tests.faults.features.sending import SENDING
from tests.faults.laboratory import Feature

FEATURES: tuple[Feature, ...] = (IMPORTS, ACCOUNTS, ACTIVATION, LINKING, NUDGES, CLEANUP, EVENTS, NOTICES, SENDING)
