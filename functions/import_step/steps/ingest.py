"""From the upload to shards: open, split, admit. Nothing but working files is written."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from functions.import_step.archive import Encoding, Piece, RosterFile, etags_of, open_upload
from functions.import_step.encoding import content_hash, scan
from functions.import_step.formats.clever import Clever
from functions.import_step.formats.format import Format, Mode, Recognised, no_rows, recognise
from functions.import_step.formats.oneroster import OneRoster
from functions.import_step.formats.school_data_sync import SchoolDataSync
from functions.import_step.import_context import Workbench
from functions.import_step.partition import split
from functions.import_step.plan import WAIT, Answer, Import, before_of, go_on, kept_with, parts_of, rejection
from functions.import_step.shards import shards_for
from shared.domain.errors import UploadRejected
from shared.domain.report import Kind, Note, Status
from shared.stores.import_state import Snapshot

FORMATS: tuple[Format, ...] = (Clever(), SchoolDataSync(), OneRoster())

_KINDS_OF_STEMS = {
    "classes": Kind.CLASSES, "sections": Kind.CLASSES, "section": Kind.CLASSES,
    "enrollments": Kind.ENROLLMENTS, "studentenrollment": Kind.ENROLLMENTS, "teacherroster": Kind.ENROLLMENTS,
}  # fmt: skip


class Reading:
    """Each method is a step."""

    def __init__(self, bench: Workbench) -> None:
        self._b = bench

    def open(self, one: Import) -> Answer:
        """Admit, open and recognise the upload, and say in which parts it is read.

        Answers ``{"next": "wait" | "split" | "people" | "finish" | "done", "shards": […]}``; ``done`` when this import has
        ended already; the shards of ``split`` are its parts.
        """
        if one.roll_back:
            return self._open_roll_back(one)
        if not one.preview:
            if not one.approved and self._b.ledger.has_ended(one.district_id, one.import_id):
                return {"next": "done", "shards": []}
            if self._b.ledger.newer_than(one.district_id, one.upload):
                return self._b.superseded(one)
            if self._b.ledger.is_locked_by_another(one.district_id, one.import_id, self._b.s.clock()):
                return WAIT
        try:
            return self._open(one)
        except UploadRejected as error:
            return self._b.reject(one, error)

    def _open(self, one: Import) -> Answer:
        ledger, clock = self._b.ledger, self._b.s.clock
        district = self._b.district(one)
        today = clock().astimezone(district.zone).date()
        additions_only = district.takes_additions_only(today)
        before = ledger.snapshot(one.district_id)
        etags = etags_of(self._b.s.uploads, one.upload)
        with tempfile.TemporaryDirectory() as name:
            files = open_upload(self._b.s.uploads, one.upload, Path(name), etags)
            # What was put off is to be done once removals count again: then these contents are others.
            content = content_hash(files)
            content += "+additions-only" if additions_only else ""
            if before and before.content == content:
                return self._unchanged(one, before)
            if not one.preview and not ledger.lock(one.district_id, one.import_id, clock()):
                return WAIT
            if not one.preview and ledger.snapshot(one.district_id) != before:
                # Another import ended between the look at the snapshot and the lock.
                ledger.unlock(one.district_id, one.import_id)
                return WAIT
            scans = {file.stem: scan(file) for file in files}
            encoded = [replace(file, encoding=scans[file.stem].encoding) for file in files]
            form, what = recognise(encoded, FORMATS)
            stems = form.stems(what)
            never_empty = list(form.never_empty(what))
            parts = parts_of(stems, what.files, {stem: scans[stem].pieces for stem in stems})
        self._b.put(
            one,
            "opened",
            {
                "format": FORMATS.index(form),
                "name": what.name,
                "version": what.version,
                "modes": {k.value: m.value for k, m in what.modes.items()},
                "etags": etags,
                "encodings": {stem: asdict(one.encoding) for stem, one in scans.items()},
                "never_empty": never_empty,
                "notes": [asdict(note) for note in what.notes],
                "parts": [part.to_json() for part in parts],
                "shards": shards_for(what, before.shards if before else None),
                "content": content,
                "before": before_of(before),
                "additions_only": additions_only,
                "on": today.isoformat(),
            },
        )
        self._b.stage_begins(one, "split", parts=len(parts))
        return {"next": "split", "shards": list(range(len(parts)))}

    def _open_roll_back(self, one: Import) -> Answer:
        """What stood before the import that is to be undone takes the upload's place (B2); there is nothing to read."""
        now, ledger = self._b.s.clock(), self._b.ledger
        if ledger.is_locked_by_another(one.district_id, one.import_id, now):
            return WAIT
        if not ledger.lock(one.district_id, one.import_id, now):
            return WAIT
        standing = ledger.snapshot(one.district_id)
        if standing is None or standing.import_id != one.import_id or standing.snapshot_id == one.snapshot_id:
            # It is done already, or was overtaken while it waited.
            ledger.unlock(one.district_id, one.import_id)
            return {"next": "done", "shards": []}
        previous = before_of(standing.previous)
        plan = {
            "shards": standing.shards,
            "before": before_of(standing),
            "restored": previous,
            "schools": {},
            "round": "",
            "snapshot_id": one.snapshot_id,
        }
        self._b.put(one, "plan", plan)
        return go_on("people", standing.shards)

    def _unchanged(self, one: Import, before: Snapshot) -> Answer:
        """End an upload that is what stands already, without a lock: it only says so once nobody can make that untrue.

        Once it is noted as the newest, no older import passes the gate; and one that passed before still holds the lock.
        """
        ledger = self._b.ledger
        if not one.preview:
            if not ledger.note_valid(one.district_id, one.import_id, one.upload):
                return self._b.superseded(one)
            if ledger.is_locked_by_another(one.district_id, one.import_id, self._b.s.clock()):
                return WAIT
            if ledger.snapshot(one.district_id) != before:
                return WAIT
        return self._b.end(one, Status.UNCHANGED, None, read=before.read)

    def split(self, one: Import, part: int) -> Answer:
        """Read one part of the upload into shards."""
        opened = self._b.get(one, "opened")
        try:
            result = self._split(one, opened, part)
        except UploadRejected as error:
            result = {"rejected": rejection(error)}
        self._b.put(one, f"part-{part}", result)
        return self._b.part_done(one, "split", part, of=len(opened["parts"]), rows=result.get("rows", 0))

    def _split(self, one: Import, opened: Answer, part: int) -> Answer:
        pieces = {stem: Piece(start, end, line) for stem, start, end, line in opened["parts"][part]}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            files = {
                file.stem: replace(file, encoding=Encoding(**opened["encodings"][file.stem]))
                for file in open_upload(self._b.s.uploads, one.upload, folder, opened["etags"])
            }
            files |= {stem: replace(files[stem], piece=piece) for stem, piece in pieces.items()}
            what = _recognised(opened, files)
            done = split(FORMATS[opened["format"]], what, pieces, opened["shards"], folder)
            for kind, path in (("people", done.people), ("classes", done.classes)):
                self._b.files.write_file(self._b.work(one, f"{kind}-part-{part}"), path)
            for kind in ("class-ids", "rejects"):
                self._b.files.write_file(self._b.work(one, f"{kind}-{part}"), folder / kind)
        sink = done.sink
        return {
            "people": done.people_extents,
            "classes": done.classes_extents,
            "seen": done.seen,
            "shown": {stem: files[stem].name.rsplit("/", 1)[-1] for stem in pieces},
            "rejected": None,
            "rejects": sink.rejected,
            "notes": [asdict(note) for note in sink.notes],
            "schools": sink.schools,
            "school_year": sink.latest_school_year,
            "rows": sink.rows,
        }

    def admit(self, one: Import) -> Answer:
        """All parts are read: is the upload usable, and still the newest? Answers ``people`` with its shards, or ``finish``."""
        opened = self._b.get(one, "opened")
        parts = [self._b.get(one, f"part-{part}") for part in range(len(opened["parts"]))]
        try:
            notes, header_only = self._check(opened, parts)
        except UploadRejected as error:
            return self._b.reject(one, error)
        if not one.preview and not self._b.ledger.note_valid(one.district_id, one.import_id, one.upload):
            return self._b.superseded(one)
        rejected = {kind.value: sum(part["rejects"][kind] for part in parts) for kind in Kind}
        shards = opened["shards"]
        plan = {
            **{name: opened[name] for name in ("modes", "shards", "content", "before", "additions_only", "on")},
            "format": {"name": opened["name"], "version": opened["version"], "mode": _mode(opened["modes"])},
            "keeps": _keeps(rejected),
            "kept_roles": _kept_roles(opened, parts),
            "header_only": header_only,
            "rejected": rejected,
            "notes": opened["notes"] + [note for part in parts for note in part["notes"]] + notes,
            "schools": {key: name for part in parts for key, name in part["schools"].items()},
            "people": [part["people"] for part in parts],
            "classes": [part["classes"] for part in parts],
            "school_year": max(part["school_year"] for part in parts),
            "parts": len(parts),
            "files": list(dict.fromkeys(shown for part in parts for shown in part["shown"].values())),
            "round": "",
            "snapshot_id": one.snapshot_id,
        }
        self._b.put(one, "plan", plan)
        self._b.stage_begins(one, "people", parts=shards, rows=sum(part["rows"] for part in parts))
        return go_on("people", shards)

    @staticmethod
    def _check(opened: Answer, parts: list[Answer]) -> tuple[list[Answer], dict[str, str]]:
        """Notes, and by kind the files that have a header only. Raises UploadRejected."""
        for part in parts:
            if part["rejected"]:
                rejected = dict(part["rejected"])
                raise UploadRejected(rejected.pop("code"), rejected.pop("message"), **rejected)
        seen = _seen(parts)
        shown: dict[str, str] = {}
        for part in parts:
            shown |= part["shown"]
        for stem in opened["never_empty"]:
            if not seen.get(stem):
                raise no_rows(shown.get(stem, f"{stem}.csv"))
        notes: list[Answer] = []
        header_only: dict[str, str] = {}
        for stem, kind in _KINDS_OF_STEMS.items():
            if stem in seen and not seen[stem] and opened["modes"][kind] == Mode.BULK:
                notes.append(asdict(Note("header_only", "The file has a header and no rows.", shown[stem])))
                header_only[kind.value] = shown[stem]
        return notes, header_only


def _recognised(opened: Answer, files: dict[str, RosterFile]) -> Recognised:
    """What the upload was recognised as when it was opened."""
    modes = {Kind(kind): Mode(mode) for kind, mode in opened["modes"].items()}
    return Recognised(opened["name"], opened["version"], modes, files)


def _seen(parts: list[Answer]) -> dict[str, int]:
    """How many rows each file had."""
    seen: dict[str, int] = {}
    for part in parts:
        for stem, number in part["seen"].items():
            seen[stem] = seen.get(stem, 0) + number
    return seen


def _keeps(rejected: dict[str, int]) -> list[str]:
    """The kinds of which nothing is removed: a rejected row may be what is missing."""
    return sorted(kept_with((), (Kind(kind) for kind, number in rejected.items() if number)))


def _kept_roles(opened: Answer, parts: list[Answer]) -> list[str]:
    return list(FORMATS[opened["format"]].roles_not_told(_recognised(opened, {}), _seen(parts)))


def _mode(modes: dict[str, str]) -> str:
    return Mode.DELTA.value if Mode.DELTA.value in modes.values() else Mode.BULK.value
