"""From the upload to shards: open it, read its parts, see whether all of it can be used. Only working files are written."""

from __future__ import annotations

import io
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import IO

from functions.import_step import night, partition
from functions.import_step.archive import NotPlain, RosterFile, etags_of, is_loose, open_upload, other_files
from functions.import_step.encoding import Scan, content_hash, scan, sha256_of
from functions.import_step.formats.clever import Clever
from functions.import_step.formats.format import Format, Mode, Recognised, no_rows, recognise
from functions.import_step.formats.oneroster import OneRoster
from functions.import_step.formats.school_data_sync import SchoolDataSync
from functions.import_step.id_map import STEM, read_maps
from functions.import_step.import_context import ImportContext
from functions.import_step.line_feeds import LineFeeds
from functions.import_step.many_objects import cycles_looked_for_seldom
from functions.import_step.night import (
    Yesterday,
    classes_reading_of,
    compare_rows,
    gone_classes,
    kept_class_ids,
    note_sharers,
    reading_of,
    touched_people,
)
from functions.import_step.one_person import addresses_of_a_few, addresses_of_several, all_addresses, in_order
from functions.import_step.partition import split
from functions.import_step.plan import (
    DONE,
    WAIT,
    IdMap,
    Import,
    ImportPlan,
    Night,
    OpenedUpload,
    PartRead,
    Rejection,
    RowsCompared,
    RowsOfSnapshot,
    SnapshotRef,
    StepResult,
    go_on,
    kept_with,
    parts_of,
)
from functions.import_step.row_choice import CHOSEN, CLASSES_FILE, USERS, Chosen, RowChoice
from functions.import_step.row_marks import RowMarks, packed_people, unpacked_people
from functions.import_step.same_rows import TooDifferent
from functions.import_step.shards import shards_for
from functions.import_step.working_files import COMPARED, ID_MAP, OPENED, PART, PLAN, TOUCHED, WorkingFiles
from shared.domain.errors import UploadRejected
from shared.domain.report import Kind, Note, Status
from shared.stores.import_state import Snapshot

FORMATS: tuple[Format, ...] = (Clever(), SchoolDataSync(), OneRoster())

_KINDS_OF_STEMS = {
    "classes": Kind.CLASSES, "sections": Kind.CLASSES, "section": Kind.CLASSES,
    "enrollments": Kind.ENROLLMENTS, "studentenrollment": Kind.ENROLLMENTS, "teacherroster": Kind.ENROLLMENTS,
}  # fmt: skip


_MOST_TOGETHER = 64
"""Parts of a zip that one worker reads, one after the other, in a few minutes; what lies before them is unpacked, too."""
_NUMBERED_BY_KIND = ({"students", "teachers"}, {"student", "teacher"})
"""The files of the formats that number by kind."""


class Ingest:
    """Each method is a step: ``open``, ``split``, ``admit``."""

    def __init__(self, context: ImportContext) -> None:
        self._context = context

    def ingest(self, import_: Import) -> StepResult:
        """Open and recognise the upload, and say in which parts it is read.

        Go on with ``split``, whose shards are the parts; ``wait`` for another import of the district; ``finish`` where the
        upload cannot be used or changes nothing; ``done`` when this import has ended already.
        """
        state = self._context.state
        if not import_.preview:
            if not import_.approved and not import_.resumed and state.has_ended(import_.district_id, import_.import_id):
                return DONE
            if state.newer_than(import_.district_id, import_.upload):
                return self._context.supersede(import_)
            if state.is_locked_by_another(import_.district_id, import_.import_id, self._context.clock()):
                return WAIT
        try:
            return self._open(import_)
        except UploadRejected as error:
            return self._context.reject(import_, error)

    def _open(self, import_: Import) -> StepResult:
        context = self._context
        district = context.district(import_)
        today = context.clock().astimezone(district.zone).date()
        additions_only = district.takes_additions_only(today)
        before = context.state.snapshot(import_.district_id)
        etags = etags_of(context.uploads, import_.upload)
        with tempfile.TemporaryDirectory() as folder:
            files = open_upload(context.uploads, import_.upload, Path(folder), etags)
            maps = [file for file in files if file.stem == STEM]
            may_be_night = before is not None and not import_.preview
            scans = {
                file.stem: scan(file, counts_lines=may_be_night and file.stem in (*CHOSEN, CLASSES_FILE))
                for file in files
                if file.stem != STEM
            }
            hashes = {stem: scanned.sha256 for stem, scanned in scans.items()}
            hashes |= {file.stem: sha256_of(file) for file in maps}
            # What was put off is to be done once removals count again: then these contents are others.
            content = content_hash(hashes) + _reading(files) + ("+additions-only" if additions_only else "")
            if before and before.content == content and not before.has_turned(today.isoformat()):
                return self._unchanged(import_, before)
            if not import_.preview and not self._lock(import_, before):
                return WAIT
            id_map = self._id_map(import_, maps)
            files = [file for file in files if file.stem != STEM]
            opened = _opened(
                files, scans, before, content=content, etags=etags, additions_only=additions_only, on=today
            )
            if not import_.preview:
                opened.reading, opened.classes_reading = self._reading(opened, files, scans)
            opened.notes += _unread(files, opened, other_files(import_.upload, Path(folder)))
        if id_map:
            opened.has_id_map = True
            context.files(import_).put(ID_MAP, id_map)
        opened.before_is_lost = context.files(import_).is_lost(opened.before)
        self._choose_rows(import_, opened, before)
        if opened.night is Night.COMPARES:
            for stem in (*CHOSEN, CLASSES_FILE):
                context.files(import_).write_line_feeds(stem, scans[stem].feeds)
        if not is_loose(import_.upload):
            opened.together = _MOST_TOGETHER
        context.files(import_).put(OPENED, opened)
        return context.split(import_, opened)

    def _reading(self, opened: OpenedUpload, files: list[RosterFile], scans: dict[str, Scan]) -> tuple[str, str]:
        """What this upload's rows are read alike under: all of them, and those about classes."""
        by_stem = {file.stem: replace(file, encoding=scans[file.stem].encoding) for file in files}
        hashes = {stem: scanned.sha256 for stem, scanned in scans.items()}
        recognised = _recognised(opened, by_stem)
        reading = reading_of(recognised, hashes, self._context.code)
        return reading, classes_reading_of(recognised, hashes) if reading else ""

    def _choose_rows(self, import_: Import, opened: OpenedUpload, before: Snapshot | None) -> None:
        """Compare rows with yesterday's where they can be known again, and are read as yesterday."""
        if (
            not before
            or not opened.reading
            or opened.has_id_map
            or opened.before_is_lost
            or import_.commit
            or before.has_turned(opened.on)
        ):
            return
        rows = self._rows_of_before(import_, opened)
        if not rows or rows.reading != opened.reading or rows.people < night.FEWEST_PEOPLE:
            return
        is_in_pieces = any(piece.start for part in opened.parts for piece in part if piece.stem in CHOSEN)
        # Of a zip nothing can be read without what lies before it.
        if not is_in_pieces or (is_loose(import_.upload) and is_loose(rows.upload)):
            opened.night, opened.turns_on = Night.COMPARES, before.turns_on

    def _id_map(self, import_: Import, maps: list[RosterFile]) -> IdMap | None:
        """The maps of old and new numbers that come with the upload (``maps``), or were put under ``id-maps/`` before it."""
        waiting = self._context.id_maps.waiting(import_.district_id)
        for noted in waiting:
            body = self._context.uploads.open(noted.key).read()
            maps.append(RosterFile(noted.key, len(body), partial(_bytes_from, body)))
        if not maps:
            return None
        id_map = read_maps(maps)
        id_map.waiting = {noted.name: noted.etag for noted in waiting}
        return id_map

    def _lock(self, import_: Import, before: Snapshot | None) -> bool:
        """Become the one import that works on the district. False when another one does, or just did."""
        state = self._context.state
        if not state.lock(import_.district_id, import_.import_id, self._context.clock()):
            return False
        if state.snapshot(import_.district_id) != before:
            # Another import ended between the look at the snapshot and the lock.
            state.unlock(import_.district_id, import_.import_id)
            return False
        return True

    def _unchanged(self, import_: Import, before: Snapshot) -> StepResult:
        """End an upload that is what stands already, without a lock: only once no other import can make that untrue.

        Once it is noted as the newest, no older import passes the gate; and one that passed before still holds the lock.
        """
        context, state = self._context, self._context.state
        if not import_.preview:
            is_delta = state.is_delta(import_.district_id, before.import_id)
            if not state.note_valid(import_.district_id, import_.import_id, import_.upload, is_delta=is_delta):
                return context.supersede(import_)
            if state.is_locked_by_another(import_.district_id, import_.import_id, context.clock()):
                return WAIT
            if state.snapshot(import_.district_id) != before:
                return WAIT
        read = {Kind(kind): number for kind, number in before.read.items()}
        return context.end(import_, Status.UNCHANGED, None, read)

    @cycles_looked_for_seldom()
    def split(self, import_: Import, part: int) -> StepResult:
        """Read one part of the upload into shards, and those after it that are read together with it."""
        files = self._context.files(import_)
        opened = files.get(OPENED)
        parts = range(part, min(part + opened.together, len(opened.parts)))
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as before:
            upload = cache(partial(self._files_of, import_, opened, Path(folder)))
            yesterday = cache(partial(self._yesterday, import_, opened, Path(before)))
            for number in parts:
                if opened.night is Night.COMPARES:
                    files.put(COMPARED, self._compare_rows(import_, opened, number, upload, yesterday), number)
                    done = self._context.part_done(import_, "split", number, of=len(opened.parts))
                    continue
                try:
                    result = self._split(import_, opened, number, upload)
                except NotPlain:
                    result = PartRead(is_doubtful=True)
                except UploadRejected as error:
                    result = PartRead(rejected=Rejection.of(error))
                files.put(PART, result, number)
                done = self._context.part_done(import_, "split", number, of=len(opened.parts), rows=result.rows)
        return done

    def _files_of(self, import_: Import, opened: OpenedUpload, folder: Path) -> dict[str, RosterFile]:
        """The files of the upload that are read, by stem; a zip is brought into ``folder``."""
        return {
            file.stem: replace(file, encoding=opened.encodings[file.stem])
            for file in open_upload(self._context.uploads, import_.upload, folder, opened.etags)
            if file.stem in opened.encodings
        }

    def _compare_rows(
        self,
        import_: Import,
        opened: OpenedUpload,
        part: int,
        upload: Callable[[], dict[str, RosterFile]],
        yesterday: Callable[[], Yesterday],
    ) -> RowsCompared:
        """See of whom rows differ from yesterday's."""
        working, compared = self._context.files(import_), RowsCompared()
        touched, gone, addresses = set[int](), set[str](), set[int]()
        pieces = {piece.stem: piece.piece() for piece in opened.parts[part]}
        with tempfile.TemporaryDirectory() as folder:
            try:
                files = upload()
                files = files | {stem: replace(files[stem], piece=piece) for stem, piece in pieces.items()}
                form, recognised = FORMATS[opened.format], _recognised(opened, files)
                for stem in (stem for stem in pieces if stem in CHOSEN):
                    feeds = _feeds_of(working, recognised.files[stem])
                    found = compare_rows(form, recognised, stem, yesterday(), Path(folder), feeds)
                    touched |= found.touched
                    gone |= found.gone
                    addresses |= found.addresses
                    compared.lines[stem] = found.lines
                    working.write_row_marks(stem, part, found.marks)
                compared.classes = b""
                if CLASSES_FILE in pieces:
                    self._compare_classes(import_, opened, part, recognised, yesterday(), Path(folder), compared)
            except (UploadRejected, TooDifferent):
                return RowsCompared(is_doubtful=True)
        compared.touched, compared.gone = packed_people(touched), sorted(gone)
        compared.addresses = packed_people(addresses)
        return compared

    def _compare_classes(
        self,
        import_: Import,
        opened: OpenedUpload,
        part: int,
        upload: Recognised,
        yesterday: Yesterday,
        folder: Path,
        compared: RowsCompared,
    ) -> None:
        """See of which classes rows differ from yesterday's; where that is not seen, all rows about classes are read."""
        compared.classes = None
        if opened.classes_reading and opened.classes_reading == yesterday.classes_reading:
            working = self._context.files(import_)
            with suppress(UploadRejected, TooDifferent):
                feeds = _feeds_of(working, upload.files[CLASSES_FILE])
                found = compare_rows(FORMATS[opened.format], upload, CLASSES_FILE, yesterday, folder, feeds)
                compared.lines[CLASSES_FILE] = found.lines
                working.write_row_marks(CLASSES_FILE, part, found.marks)
                compared.classes = packed_people(found.touched)

    def _yesterday(self, import_: Import, opened: OpenedUpload, folder: Path) -> Yesterday:
        """The upload that made what stands. Raises UploadRejected where its files are not there any more."""
        working, before = self._context.files(import_), opened.before
        rows = working.places_of_rows(before.snapshot_id) if before else None
        if rows is None:
            raise TooDifferent
        stood = open_upload(self._context.uploads, rows.upload, folder, rows.etags, is_held=True)
        files = {
            file.stem: replace(file, encoding=opened.encodings[file.stem])
            for file in stood
            if file.stem in (*CHOSEN, CLASSES_FILE)
        }
        return Yesterday(files, rows.pieces, partial(working.row_marks, of_run=rows.run_id), rows.classes_reading)

    def _rows_of_before(self, import_: Import, opened: OpenedUpload) -> RowsOfSnapshot | None:
        before = opened.before
        return self._context.files(import_).rows_of_snapshot(before.snapshot_id) if before else None

    def _chosen(
        self, import_: Import, opened: OpenedUpload, part: int, upload: Mapping[str, RosterFile]
    ) -> dict[str, Chosen | None]:
        """Of which files of a part some rows are read alone. Raises NotPlain where it is not known where their lines lie."""
        among = (*CHOSEN, CLASSES_FILE) if opened.classes_reading else CHOSEN if opened.reading else ()
        stems = [piece.stem for piece in opened.parts[part] if piece.stem in among]
        if opened.night is not Night.READS:
            return dict.fromkeys(stems)
        files = self._context.files(import_)
        touched, lines = files.get(TOUCHED), files.get(COMPARED, part).lines
        chosen: dict[str, Chosen | None] = {}
        for stem in stems:
            of_stem = touched.classes if stem == CLASSES_FILE else touched.people
            if of_stem is None:
                chosen[stem] = None
            else:
                marks, feeds = files.row_marks(stem, part), _feeds_of(files, upload[stem])
                if feeds is None:
                    raise NotPlain
                chosen[stem] = Chosen(unpacked_people(of_stem) | {0}, {*lines[stem]}, marks or RowMarks(), feeds)
        return chosen

    def _split(
        self, import_: Import, opened: OpenedUpload, part: int, upload: Callable[[], dict[str, RosterFile]]
    ) -> PartRead:
        pieces = {piece.stem: piece.piece() for piece in opened.parts[part]}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            files = upload()
            files = files | {stem: replace(files[stem], piece=piece) for stem, piece in pieces.items()}
            working = self._context.files(import_)
            chosen = self._chosen(import_, opened, part, files)
            done = split(FORMATS[opened.format], _recognised(opened, files), pieces, opened.shards, folder, chosen)
            working.write_part(part, folder, done.people, done.classes)
            for stem, choice in done.choices.items():
                if choice.marks and choice.is_plain:
                    working.write_row_marks(stem, part, choice.marks)
        sink = done.sink
        return PartRead(
            people=done.people_extents,
            classes=done.classes_extents,
            seen=done.seen | {stem: rows for stem, (_, rows) in sink.also_seen.items()},
            shown={stem: files[stem].name.rsplit("/", 1)[-1] for stem in pieces}
            | {stem: file for stem, (file, _) in sink.also_seen.items()},
            rejects=sink.rejected,
            notes=sink.notes,
            schools=sink.schools,
            addresses=in_order(sink.addresses),
            named_schools=sink.named_schools,
            rows=sink.rows,
            references=sink.references,
            turns_on=sink.turns_on,
            grades=sink.of_grades if len(sink.of_grades) <= _MOST_GRADES else {},
            named_classes=sink.named_classes(),
            is_plain=bool(opened.reading) and _are_plain(done.choices, CHOSEN),
            classes_are_plain=bool(opened.classes_reading) and _are_plain(done.choices, (CLASSES_FILE,)),
        )

    def validate(self, import_: Import) -> StepResult:
        """All parts are read: see whether the upload can be used, and is still the newest.

        Go on with ``people``, or ``finish`` where it is not; with ``split`` once more where rows were compared so far.
        """
        context, files = self._context, self._context.files(import_)
        opened = files.get(OPENED)
        if opened.night is Night.COMPARES or (opened.night and files.find(PART, 0) is None):
            return self._read_what_differs(import_, opened)
        parts = [files.get(PART, part) for part in range(len(opened.parts))]
        if opened.night is Night.READS and any(part.is_doubtful for part in parts):
            opened.read_whole()
            files.put(OPENED, opened)
            return context.split(import_, opened)
        try:
            notes, header_only = _check(opened, parts)
            if opened.before_is_lost and Mode.DELTA in (*opened.modes.values(), *opened.more_modes.values()):
                raise _adds_to_nothing(import_)
        except UploadRejected as error:
            return context.reject(import_, error)
        unknown_schools = [*self._unknown_schools(import_, opened, parts)]
        notes += unknown_schools
        plan = _plan(import_, opened, parts, notes, header_only)
        plan.domains = context.districts.domains(import_.district_id)
        if opened.night is Night.READS and (rows := self._rows_of_before(import_, opened)):
            touched = files.get(TOUCHED)
            if touched.classes is not None:
                plan.passes_classes = True
                files.write_kept_class_ids(kept_class_ids(rows, touched.classes))
            plan.shared, plan.shared_by_many = _few_and_many(touched.shared or {})
            touched.gone_classes = gone_classes(files.class_ids(plan), rows) if touched.classes != b"" else []
            files.put(TOUCHED, touched)
        plan.knows_all_classes = plan.mode(Kind.CLASSES) is Mode.BULK and _are_all_named(parts, files.class_ids(plan))
        is_plain = all(part.is_plain for part in parts)
        if not is_plain or unknown_schools or plan.keeps or plan.additions_only or plan.kept_roles:
            # Somebody may stand of whom there is no row; or a row that is not read would have to be told of.
            plan.reading = ""
        if plan.reading and all(part.classes_are_plain for part in parts):
            plan.classes_reading = opened.classes_reading
        plan.paused = self._paused(import_, plan)
        # A paused upload is not the newest one yet: those that wait with it are applied in their order.
        stands_back = import_.preview or bool(plan.paused)
        is_delta = plan.format["mode"] == Mode.DELTA
        if not stands_back and not context.state.note_valid(
            import_.district_id, import_.import_id, import_.upload, is_delta=is_delta
        ):
            return context.supersede(import_)
        files.put(PLAN, plan)
        context.begin_stage(import_, "people", parts=opened.shards, rows=sum(part.rows for part in parts))
        return go_on("people", opened.shards)

    def _read_what_differs(self, import_: Import, opened: OpenedUpload) -> StepResult:
        """Rows were compared: read those of the people who are touched, or the whole."""
        files = self._context.files(import_)
        if opened.night is Night.COMPARES:
            rows = self._rows_of_before(import_, opened)
            parts = [files.get(COMPARED, part) for part in range(len(opened.parts))]
            touched = touched_people(parts, rows) if rows else None
            if touched is None or rows is None:
                opened.read_whole()
            else:
                opened.night = Night.READS
                addresses = {address for part in parts for address in unpacked_people(part.addresses)}
                marks = (files.row_marks(USERS, piece.part) for piece in opened.pieces_of(USERS))
                note_sharers(touched, addresses, rows, filter(None, marks))
                files.put(TOUCHED, touched)
            files.put(OPENED, opened)
        return self._context.split(import_, opened)

    def _unknown_schools(self, import_: Import, opened: OpenedUpload, parts: list[PartRead]) -> Iterator[Note]:
        """Tell of schools that rows name and no file of the upload has; a delta may name those that stand."""
        known = {school for part in parts for school in part.schools}
        is_delta = Mode.DELTA in (*opened.modes.values(), *opened.more_modes.values())
        if is_delta:
            named = {school for part in parts for lines in part.named_schools.values() for school in lines}
            known |= self._context.districts.school_names(import_.district_id, named - known).keys()
        has_schools = is_delta or any(stem in part.seen for part in parts for stem in _OF_SCHOOLS)
        message = (
            "Schools that rows name are not in the file of schools; they have no name. Add them."
            if has_schools
            else "The upload has no file of schools; those that rows name have no name. Add it."
        )
        yield from _unknown_schools(parts, known, message)

    def _paused(self, import_: Import, plan: ImportPlan) -> dict[str, str]:
        """Why this upload is not applied now, if it is not: a pause, or those of one that a delta comes after."""
        if not import_.may_be_paused:
            return {}
        if pause := self._context.district(import_).pause_on(date.fromisoformat(plan.on)):
            message = (
                f"The district takes a pause until {pause.last} (pauses in district.json). The upload was checked and is applied "
                "after it."
            )
            return {"code": "paused", "message": message}
        if plan.format["mode"] != Mode.DELTA:
            return {}
        if self._context.state.held_before(import_.district_id, import_.upload):
            message = (
                "An import before this one waits for a person; this delta is applied after it. Approve or reject that "
                "one first."
            )
            return {"code": "behind_held", "message": message}
        if self._context.pauses.has_any(import_.district_id):
            message = "Uploads that wait are applied first, in their order; this one comes after them."
            return {"code": "paused", "message": message}
        return {}


def _feeds_of(files: WorkingFiles, file: RosterFile) -> LineFeeds | None:
    """Where the lines of a piece of a file lie."""
    return files.line_feeds(file.stem, file.piece.start, file.piece.end or file.size)


def _are_plain(choices: Mapping[str, RowChoice], stems: Iterable[str]) -> bool:
    """Whether the next night may compare its rows with what was read of these files."""
    return all(choices[stem].is_plain for stem in stems if stem in choices)


def _are_all_named(parts: list[PartRead], class_ids: Iterable[list[str]]) -> bool:
    """Whether these are all classes that enrollments name, and none of them is marked as deleted: then no shard of people has to
    read them."""
    if any(part.named_classes is None for part in parts):
        return False
    known: set[str] = set()
    for ids in class_ids:
        if ids and ids[-1].startswith("\t"):
            return False
        known.update(ids)
    return all(known.issuperset((part.named_classes or "").split("\n")) for part in parts if part.named_classes)


def _bytes_from(body: bytes, start: int, _end: int | None) -> IO[bytes]:
    return io.BytesIO(body[start:])


def _opened(
    files: list[RosterFile],
    scans: dict[str, Scan],
    before: Snapshot | None,
    *,
    content: str,
    etags: dict[str, str] | None,
    additions_only: bool,
    on: date,
) -> OpenedUpload:
    """What an upload is. Raises UploadRejected when it is no roster."""
    encoded = [replace(file, encoding=scans[file.stem].encoding) for file in files]
    form, upload = recognise(encoded, FORMATS)
    stems = form.stems(upload)
    return OpenedUpload(
        format=FORMATS.index(form),
        name=upload.name,
        version=upload.version,
        modes=upload.modes,
        etags=etags,
        encodings={stem: scanned.encoding for stem, scanned in scans.items()},
        never_empty=list(form.never_empty(upload)),
        notes=[*upload.notes],
        parts=parts_of(stems, upload.files, {stem: scans[stem].pieces for stem in stems}),
        shards=shards_for(upload, before.shards if before else None),
        content=content,
        before=SnapshotRef.to(before),
        additions_only=additions_only,
        on=on.isoformat(),
        by_kind=upload.by_kind,
        needs_roles=upload.needs_roles,
        more_modes=upload.parts,
    )


def _reading(files: list[RosterFile]) -> str:
    """How these contents are read, where an earlier version of this service read the same bytes in another way: its
    snapshot does not stand for them."""
    stems = {file.stem for file in files}
    numbers_by_kind = "users" not in stems and any(kinds <= stems for kinds in _NUMBERED_BY_KIND)
    return "+by-kind" if numbers_by_kind else ""


def _recognised(opened: OpenedUpload, files: dict[str, RosterFile]) -> Recognised:
    """What the upload was recognised as when it was opened."""
    return Recognised(
        opened.name,
        opened.version,
        opened.modes,
        files,
        by_kind=opened.by_kind,
        parts=opened.more_modes,
        needs_roles=opened.needs_roles,
        on=opened.on,
    )


def _check(opened: OpenedUpload, parts: list[PartRead]) -> tuple[list[Note], dict[Kind, str]]:
    """Notes, and by kind the files that have a header only. Raises UploadRejected."""
    for part in parts:
        if part.rejected:
            raise part.rejected.error()
    seen = _seen(parts)
    shown: dict[str, str] = {}
    for part in parts:
        shown |= part.shown
    if sum(part.references for part in parts) > partition.MOST_OF_REFERENCES:
        raise partition.too_many_references(shown.get("courses", shown.get("academicsessions", "courses.csv")))
    for stem in opened.never_empty:
        if not seen.get(stem):
            raise no_rows(shown.get(stem, f"{stem}.csv"))
    notes: list[Note] = []
    header_only: dict[Kind, str] = {}
    for stem, kind in _KINDS_OF_STEMS.items():
        if stem in seen and not seen[stem] and opened.modes[kind] is Mode.BULK:
            notes.append(Note("header_only", "The file has a header and no rows.", shown[stem]))
            header_only[kind] = shown[stem]
    return notes, header_only


def _adds_to_nothing(import_: Import) -> UploadRejected:
    """A delta says what changes of what stands; without it, it would take whoever it names for all that there is."""
    return UploadRejected(
        "snapshot_lost",
        "What was applied last is not at hand, so a delta cannot be added to it. Upload the whole roster.",
        file=import_.upload.key,
    )


_OF_SCHOOLS = ("orgs", "schools", "school")
"""The files of schools, by format."""


def _unknown_schools(parts: list[PartRead], known: Collection[str], message: str) -> Iterator[Note]:
    """Schools that rows name and that are not known, by the file that names them."""
    for part in parts:
        for file, lines in part.named_schools.items():
            if unknown := lines.keys() - known:
                yield Note("unknown_school", message, file, len(unknown), min(lines[school] for school in unknown))


def _unread(files: list[RosterFile], opened: OpenedUpload, others: Iterable[str]) -> Iterator[Note]:
    """The files of an upload of which nothing is used; ``others`` are no CSV files."""
    used = {*(piece.stem for part in opened.parts for piece in part), *FORMATS[opened.format].also_read}
    unread = [*(file.name for file in files if file.stem not in used), *others]
    names = sorted(name.rsplit("/", 1)[-1][:_LONGEST_NAMED] for name in unread)
    if names:
        shown = ", ".join(names[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")
        yield Note("files_not_read", f"Files of which nothing is used were not read: {shown}.", count=len(names))


_MOST_NAMED, _LONGEST_NAMED = 10, 60


def _plan(
    import_: Import, opened: OpenedUpload, parts: list[PartRead], notes: list[Note], header_only: dict[Kind, str]
) -> ImportPlan:
    upload = _recognised(opened, {})
    shared, shared_by_many = ([], []) if opened.night is Night.READS else _shared_addresses(opened, parts)
    rejected = {kind: sum(part.rejects[kind] for part in parts) for kind in Kind}
    return ImportPlan(
        modes=opened.modes,
        shards=opened.shards,
        content=opened.content,
        before=opened.before,
        before_is_lost=opened.before_is_lost,
        additions_only=opened.additions_only,
        on=opened.on,
        format={"name": upload.name, "version": upload.version, "mode": upload.mode.value},
        # A rejected row may be what is missing.
        keeps=kept_with((), (kind for kind, number in rejected.items() if number)),
        kept_roles=list(FORMATS[opened.format].roles_not_told(upload, _seen(parts))),
        header_only=header_only,
        rejected=rejected,
        notes=[*opened.notes, *_all(part.notes for part in parts), *notes],
        schools={key: name for part in reversed(parts) for key, name in part.schools.items()},
        people=[part.people for part in parts],
        classes=[part.classes for part in parts],
        school_year=max(part.school_year for part in parts),
        parts=len(parts),
        files=list(dict.fromkeys(shown for part in parts for shown in part.shown.values())),
        rows=_rows(parts),
        grades=_grades(opened, parts),
        shared=shared,
        shared_by_many=shared_by_many,
        round="",
        snapshot_id=import_.snapshot_id,
        has_id_map=opened.has_id_map,
        by_kind=opened.by_kind,
        needs_roles=opened.needs_roles,
        more_modes=opened.more_modes,
        turns_on=min(filter(None, (opened.turns_on, *(part.turns_on for part in parts))), default=""),
        is_night=opened.night is Night.READS,
        reading=opened.reading,
    )


def _all(notes: Iterable[list[Note]]) -> list[Note]:
    return [note for notes_of_part in notes for note in notes_of_part]


def _shared_addresses(opened: OpenedUpload, parts: list[PartRead]) -> tuple[list[int], list[int]]:
    """The addresses that several numbers have, and those that very many have; of a delta all that it names, because others who
    stand may have them."""
    addresses = (part.addresses for part in parts)
    if opened.modes[Kind.USERS] is Mode.DELTA:
        return all_addresses(addresses), []
    is_whole = Mode.DELTA not in (*opened.modes.values(), *opened.more_modes.values())
    return _few_and_many(addresses_of_several(addresses)) if is_whole else ([], [])


def _few_and_many(shared: Mapping[int, int]) -> tuple[list[int], list[int]]:
    """Addresses that several rows have: those that a few have, and those that say nothing of who is who."""
    few = addresses_of_a_few(shared)
    return few, sorted(shared.keys() - few)


_MOST_GRADES = 40


def _grades(opened: OpenedUpload, parts: list[PartRead]) -> dict[str, int]:
    """How many students each grade has: of a whole roster, and as far as these are words for grades."""
    found = sum((Counter(part.grades) for part in parts), Counter[str]())
    is_told = opened.modes[Kind.USERS] is Mode.BULK and len(found) <= _MOST_GRADES
    return dict(sorted(found.items())) if is_told else {}


def _rows(parts: list[PartRead]) -> dict[str, int]:
    """How many rows each file had, by its name."""
    shown = {stem: name for part in parts for stem, name in part.shown.items()}
    return {shown.get(stem, stem): rows for stem, rows in _seen(parts).items()}


def _seen(parts: list[PartRead]) -> dict[str, int]:
    """How many rows each file had."""
    seen: dict[str, int] = {}
    for part in parts:
        for stem, number in part.seen.items():
            seen[stem] = seen.get(stem, 0) + number
    return seen
