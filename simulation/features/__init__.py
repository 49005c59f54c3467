"""What the fault laboratory runs through. A later feature is one more line here (docs/fault-laboratory.md)."""

from __future__ import annotations

from simulation.features.accounts import ACCOUNTS
from simulation.features.activation import ACTIVATION
from simulation.features.cleanup import CLEANUP
from simulation.features.events import EVENTS
from simulation.features.imports import IMPORTS
from simulation.features.linking import LINKING
from simulation.features.notices import NOTICES
from simulation.features.nudges import NUDGES
from simulation.features.sending import SENDING
from simulation.laboratory import Feature

FEATURES: tuple[Feature, ...] = (IMPORTS, ACCOUNTS, ACTIVATION, LINKING, NUDGES, CLEANUP, EVENTS, NOTICES, SENDING)
