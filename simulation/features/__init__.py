"""The features that the simulation runs. A new feature is one more line here (docs/simulation.md)."""

from __future__ import annotations

from simulation.features.accounts import ACCOUNTS
from simulation.features.activation import ACTIVATION
from simulation.features.cleanup import CLEANUP
from simulation.features.events import EVENTS
from simulation.features.imports import IMPORTS, IMPORTS_OF_LATER
from simulation.features.linking import LINKING
from simulation.features.notices import NOTICES
from simulation.features.nudges import NUDGES
from simulation.features.offboarding import OFFBOARDING
from simulation.features.sending import SENDING
from simulation.features.waiting import WAITING
from simulation.simulator import Feature

FEATURES: tuple[Feature, ...] = (IMPORTS, ACCOUNTS, ACTIVATION, LINKING, NUDGES, CLEANUP, EVENTS, NOTICES, SENDING)
LATER: tuple[Feature, ...] = (IMPORTS_OF_LATER, EVENTS, WAITING, OFFBOARDING)
"""What a launch does not have, in districts of its own: such a run is short."""
