"""The platform's catalogue of skills: ``SKILLS`` / ``CATALOGUE`` and its chunks, packed."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import astuple, dataclass

from shared.domain.errors import CatalogueFull, Conflict
from shared.domain.skill_catalogue import Skill, SkillCatalogue
from shared.stores.keys import Item, pair, skills_key
from shared.stores.table import ABSENT, DynamoTable, Put, Table

CHUNK = 300_000
"""Characters of a chunk; an item may have 400 KB."""
MOST_PACKED = 3_000_000
"""Characters of all chunks. They are written in one transaction, which may have 4 MB."""
_TRIES = 20


@dataclass(slots=True)
class Learned:
    """What lines of a catalogue did, by lines."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0


class SkillStore:
    """All files under ``skills/`` are one catalogue; a skill that a later file does not name stays as it is.

    The catalogue is kept as it was read, as long as it has the same version.
    """

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)
        self._version = 0
        self._kept = SkillCatalogue()

    def catalogue(self, *, consistent: bool = False) -> SkillCatalogue:
        """All skills: half a read unit where nothing has changed since the last look."""
        while True:
            head = self._table.get(skills_key(), consistent=consistent)
            if head is None:
                return SkillCatalogue()
            if head["version"] == self._version:
                return self._kept
            keys = [skills_key(chunk) for chunk in range(1, int(head["chunks"]) + 1)]
            found = self._table.batch_get(keys, consistent=True)
            chunks = [found[pair(key)] for key in keys if pair(key) in found]
            if len(chunks) == len(keys) and all(chunk["version"] == head["version"] for chunk in chunks):
                self._kept, self._version = _unpacked(chunks), int(head["version"])
                return self._kept
            consistent = True

    def learn(self, skills: Iterable[Skill]) -> Learned:
        """Take over what a file says, line by line; nothing is written where all of it is known. Raises CatalogueFull."""
        told = list(skills)
        for _ in range(_TRIES):
            before = self.catalogue(consistent=True)
            learned, after = Learned(), dict(before.skills)
            for skill in told:
                known = after.get(skill.skill_id)
                learned.created += known is None
                learned.unchanged += known == skill
                learned.changed += known is not None and known != skill
                after[skill.skill_id] = skill
            if after == before.skills or self._write(after, int(self._version) if before else 0):
                return learned
        raise Conflict("catalogue_contended", "Others write the catalogue of skills again and again.")

    def _write(self, skills: dict[str, Skill], version: int) -> bool:
        """Whether it was written: not where somebody else wrote it meanwhile."""
        packed = b64encode(zlib.compress(json.dumps([astuple(s) for s in skills.values()]).encode(), 9)).decode()
        if len(packed) > MOST_PACKED:
            raise CatalogueFull(
                "catalogue_full", f"The catalogue has more skills than fit: {MOST_PACKED // 1_000_000} MB, packed."
            )
        chunks = [packed[start : start + CHUNK] for start in range(0, len(packed), CHUNK)]
        head = Put({**skills_key(), "version": version + 1, "chunks": len(chunks)})
        return self._table.attempt(
            head.when("version = :before", before=version) if version else head.when(ABSENT),
            *(Put({**skills_key(n), "version": version + 1, "body": body}) for n, body in enumerate(chunks, 1)),
        )


def _unpacked(chunks: list[Item]) -> SkillCatalogue:
    body = "".join(str(chunk["body"]) for chunk in chunks)
    rows: list[tuple[str, str, str]] = json.loads(zlib.decompress(b64decode(body)))
    return SkillCatalogue({skill_id: Skill(skill_id, title, subject) for skill_id, title, subject in rows})
