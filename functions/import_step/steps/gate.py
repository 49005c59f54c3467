"""The safety check between comparing and writing: go on, compare once more, or wait for a person (M3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from hashlib import sha256

from msgspec.structs import replace

from functions.import_step.changed_since import CHANGED_SINCE
from functions.import_step.formats.format import Mode
from functions.import_step.id_changes import find_changes, readdressed, renumber
from functions.import_step.import_context import ImportContext
from functions.import_step.one_person import people_of_several_numbers, sharers_of_teachers
from functions.import_step.plan import (
    ClassesResult,
    IdMap,
    IdPair,
    IdResult,
    Import,
    ImportPlan,
    PeopleResult,
    RowsOfSnapshot,
    StepResult,
    Totals,
    go_on,
    kept_with,
)
from functions.import_step.row_choice import CHOSEN, CLASSES_FILE
from functions.import_step.row_marks import packed_people, unpacked_people
from functions.import_step.shards import class_shards_of
from functions.import_step.working_files import (
    CLASSES_RESULT,
    HOLDERS,
    ID_MAP,
    ID_RESULT,
    ONE_PERSON,
    OPENED,
    PEOPLE_RESULT,
    PLAN,
    SHARERS,
    TOTALS,
    WorkingFiles,
)
from shared.domain.district import District
from shared.domain.harm import Fate, Harm
from shared.domain.id_changes import held_for_ids
from shared.domain.import_safety import Outlook, held_because, rollover_of
from shared.domain.ordinary_nights import Classes, History, Night, OfGrade, OfSchool
from shared.domain.report import Counts, Kind, Note, Status, merged_notes
from shared.stores.import_state import Snapshot

_REUSED_SHOWN = 5
_SMALLEST_TO_WAIT = 20
"""People of a district that waits where its last administrator goes; a smaller one is told."""
_LOCKED_OUT = "This upload leaves the district without an administrator: nobody of it could get into its console."
_GIVEN_ANEW = "Numbers name somebody else than before, with another name and address: these people begin anew."
_DOMAIN_CHANGED = (
    "Addresses have another mail domain of the district's than before and are otherwise the same. Links and mails that are out "
    "go on at the new addresses; nobody is mailed again, but for those whose mail came back."
)


class SafetyCheck:
    """Whether an import may write."""

    def __init__(self, context: ImportContext) -> None:
        self._context = context

    def check(self, import_: Import) -> StepResult:
        """Go on with ``apply``, in a preview with ``match``, or end with ``finish``.

        ``people`` once more where rows turned out to name nobody: then nothing of their kind may be removed anywhere (M2);
        where several numbers turned out to be one person (M7); and where people are found under other numbers: then what stands
        is compared with these (B11).
        """
        context, files = self._context, self._context.files(import_)
        plan = files.get(PLAN)
        if files.find(PEOPLE_RESULT, f"0{plan.round}") is None:
            # The step was cut off after it had asked for another comparison.
            return go_on("people", plan.shards)
        sum_ = self._sum(import_, plan)
        if sum_.is_doubtful:
            return self._read_whole(import_, files, plan)
        totals = sum_.totals()
        keeps = kept_with(plan.keeps, (kind for kind in Kind if totals.counts[kind].rejected))
        joins = plan.joins or self._join(import_, plan)
        if plan.is_night and (keeps != plan.keeps or joins != plan.joins):
            return self._read_whole(import_, files, plan)
        if keeps != plan.keeps or joins != plan.joins:
            return self._compare_again(files, replace(plan, keeps=keeps, joins=joins), "-again")
        district = context.district(import_)
        before = context.state.snapshot(import_.district_id)
        rollover = rollover_of(before, totals.school_year, district, plan.on)
        if not plan.ids_settled:
            pairs = self._find_ids(import_, files, plan, rolls_over=rollover is not None)
            if pairs and plan.is_night:
                return self._read_whole(import_, files, plan)
            if pairs:
                renumbered = renumber(files, plan, f"{plan.snapshot_id}-ids", pairs, get_kinds=plan.moves_people)
                return self._compare_again(files, replace(plan, before=renumbered, ids_settled=True), "-ids")
        learnt = self._note_ids(files, plan, sum_, totals)
        outlook = Outlook(
            totals.counts,
            before.standing if before else {},
            totals.schools,
            totals.ended,
            totals.reused,
            tuple(totals.reused_ids),
            rollover,
            plan.header_only,
            sum_.night(before) if before else None,
            History.from_text(before.nights if before else ""),
        )
        stood = outlook.standing.get(Kind.USERS, 0)
        reason = self._lost(plan) or held_for_ids(learnt, stood, sum_.readdressed) or held_because(outlook, district)
        reason = reason or self._classes_left_out(plan, before) or _locked_out(sum_.harm, totals)
        totals.losses = sum_.harm.losses if before else {}
        totals.digest = sum_.digest()
        files.put(TOTALS, _with_outlook(totals, outlook, district, reason))
        if import_.expects and totals.digest != import_.expects:
            return context.end(import_, Status.REJECTED, dict(CHANGED_SINCE))
        if plan.paused:
            result = context.end(import_, Status.PAUSED, plan.paused)
        elif reason and not import_.approved:
            result = context.end(import_, Status.HELD, reason)
        elif not import_.preview and context.state.newer_than(import_.district_id, import_.upload):
            return context.supersede(import_)
        else:
            result = go_on("apply", plan.shards)
            self._keep_rows(import_, files, plan, sum_)
        # A preview counts what would be matched and mailed, too (B1), and so does the first roster of a district that waits.
        is_only_counted = import_.preview or (plan.paused and plan.before is None)
        return go_on("match", plan.shards) if is_only_counted else result

    @staticmethod
    def _note_ids(files: WorkingFiles, plan: ImportPlan, sum_: _Sum, totals: Totals) -> int:
        """Tell whose number, or address's domain, changes. Return how many people that are whom no map names (B11)."""
        ids = files.find(ID_RESULT) or IdResult()
        totals.notes += ids.notes
        if sum_.readdressed:
            pairs = files.id_pairs(plan.before.renumbered) if plan.before else ()
            numbered_anew = {pair.new for pair in pairs}
            totals.readdressed = sum(each.sourced_id not in numbered_anew for each in readdressed(files, plan))
            totals.notes.append(Note("domain_changed", _DOMAIN_CHANGED, count=sum_.readdressed))
        return ids.learnt + totals.readdressed

    def _join(self, import_: Import, plan: ImportPlan) -> bool:
        """Note who has several numbers. Return whether anybody has."""
        if not plan.shared or plan.round or plan.moves_people:
            return False
        files = self._context.files(import_)
        holders = [holder for shard in range(plan.shards) for holder in files.get(HOLDERS, shard)]
        people = people_of_several_numbers(holders, of_delta=plan.mode(Kind.USERS) is not Mode.BULK)
        files.put(ONE_PERSON, people)
        files.put(SHARERS, sharers_of_teachers(holders, people))
        return bool(people)

    @staticmethod
    def _lost(plan: ImportPlan) -> dict[str, str] | None:
        """Why a whole roster waits that cannot be compared: nobody can be seen to have left."""
        message = (
            "What was applied last is not at hand, so nobody can be seen to have left. Nothing was written. Ask support to "
            "bring it back, or approve this: whoever is on the roster is brought up to date, and whoever left stays for now."
        )
        return {"code": "snapshot_lost", "message": message} if plan.before_is_lost else None

    @staticmethod
    def _classes_left_out(plan: ImportPlan, before: Snapshot | None) -> dict[str, str] | None:
        """Why a whole roster waits that has people alone, while the district has classes: School Data Sync may leave them out."""
        is_users_only = plan.format["mode"] == Mode.BULK and plan.mode(Kind.CLASSES) is Mode.ABSENT
        number = before.standing.get(Kind.CLASSES, 0) if before and is_users_only else 0
        if not number:
            return None
        message = (
            f"This upload has people and no classes, while {number} classes stand. Nothing was written. Upload all files, or "
            "approve this to bring the people up to date and keep the classes as they are."
        )
        return {"code": "classes_left_out", "message": message}

    @staticmethod
    def _find_ids(import_: Import, files: WorkingFiles, plan: ImportPlan, *, rolls_over: bool) -> list[IdPair]:
        """Whose numbers change (B11); what a report says of it is noted."""
        id_map = files.get(ID_MAP) if plan.has_id_map else IdMap()
        pairs, result = find_changes(files, plan, id_map, run=import_.run_id, rolls_over=rolls_over)
        if pairs or result.rejects or result.notes:
            files.put(ID_RESULT, result)
        return pairs

    def _read_whole(self, import_: Import, files: WorkingFiles, plan: ImportPlan) -> StepResult:
        """Read all rows: who is not touched has to be compared, too."""
        opened = files.get(OPENED)
        opened.read_whole()
        files.forget_comparison(plan)
        files.put(OPENED, opened)
        return self._context.split(import_, opened)

    @staticmethod
    def _keep_rows(import_: Import, files: WorkingFiles, plan: ImportPlan, sum_: _Sum) -> None:
        """Let the next night compare its rows with these, where each says what stands and nothing else is to be told."""
        if not plan.reading or plan.round or sum_.watched is None:
            return
        opened = files.get(OPENED)
        # The last text of a part may be what it deletes.
        class_ids = ("\n".join(ids[:-1] if ids[-1].startswith("\t") else ids) for ids in files.class_ids(plan) if ids)
        files.write_rows_of_snapshot(
            plan.snapshot_id,
            RowsOfSnapshot(
                reading=plan.reading,
                classes_reading=plan.classes_reading if sum_.classes_say_nothing else "",
                upload=import_.upload,
                etags=opened.etags,
                watched=packed_people(sum_.watched),
                class_ids="\n".join(filter(None, class_ids)),
                shared=packed_people((*plan.shared, *plan.shared_by_many)),
                people=sum_.standing[Kind.USERS],
                run_id=import_.run_id,
                pieces={stem: opened.pieces_of(stem) for stem in (*CHOSEN, CLASSES_FILE)},
            ),
        )

    @staticmethod
    def _compare_again(files: WorkingFiles, plan: ImportPlan, because: str) -> StepResult:
        named = replace(plan, round=f"{plan.round}{because}", snapshot_id=f"{plan.snapshot_id}{because}")
        files.put(PLAN, named)
        return go_on("people", plan.shards)

    def _sum(self, import_: Import, plan: ImportPlan) -> _Sum:
        files = self._context.files(import_)
        sum_ = _Sum(plan)
        for shard in range(plan.shards):
            sum_.add_people(files.get(PEOPLE_RESULT, f"{shard}{plan.round}"))
        for shard in range(class_shards_of(plan.shards)):
            sum_.add_classes(files.get(CLASSES_RESULT, f"{shard}{plan.round}"))
        sum_.count_those_who_stood()
        return sum_


def _locked_out(harm: Harm, totals: Totals) -> dict[str, str] | None:
    """Why an import waits after which nobody could decide anything; in a small district it is noted."""
    if not harm.locks_everybody_out:
        return None
    if harm.stood < _SMALLEST_TO_WAIT:
        totals.notes.append(Note("last_administrator", _LOCKED_OUT))
        return None
    message = f"{_LOCKED_OUT} Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
    return {"code": "last_administrator", "message": message}


def _with_outlook(totals: Totals, outlook: Outlook, district: District, reason: Mapping[str, str] | None) -> Totals:
    """The totals with the school year that begins, or with the night among those of the district; one in which the graduates
    leave says nothing about others."""
    if outlook.rollover:
        totals.rollover = asdict(outlook.rollover)
    elif outlook.night and not (reason and reason["code"] == "rollover"):
        outlook.history.note(outlook.night, district)
    totals.nights = outlook.history.to_text()
    return totals


@dataclass(slots=True)
class _Sum:
    """Adds up what the shards came to."""

    plan: ImportPlan
    counts: dict[Kind, Counts] = field(init=False)
    standing: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    notes: list[Note] = field(init=False)
    schools: dict[str, dict[Kind, Fate]] = field(default_factory=dict)
    stood: dict[str, list[int]] = field(default_factory=dict)
    """By school: people, enrollments and classes that were counted together. With very many schools to count them is most of the
    work, so they get a fate once, at the end."""
    reused: int = 0
    reused_ids: list[str] = field(default_factory=list)
    ended: dict[Kind, int] = field(default_factory=lambda: {Kind.CLASSES: 0, Kind.ENROLLMENTS: 0})
    school_year: str = field(init=False)
    harm: Harm = field(default_factory=Harm)
    readdressed: int = 0
    is_doubtful: bool = False
    classes_say_nothing: bool = True
    """Whether nothing is to be said of any class: then the next night need not read all of them."""
    digests: list[str] = field(default_factory=list)
    """Of what changes in each shard, of people and then of classes."""
    watched: set[int] | None = field(default_factory=set)
    """Whose rows are to be read every night (``row_marks``); None where that is true of all."""

    def __post_init__(self) -> None:
        rejected = self.plan.rejected
        self.counts = {kind: Counts(read=rejected[kind], rejected=rejected[kind]) for kind in Kind}
        self.notes = list(self.plan.notes)
        self.school_year = self.plan.school_year

    def add_people(self, result: PeopleResult) -> None:
        self.counts[Kind.USERS] += result.users
        self.counts[Kind.ENROLLMENTS] += result.enrollments
        self._add(result.notes, result.standing)
        for school, (people, enrollments) in result.schools.items():
            self._add_fate(school, Kind.USERS, people)
            self._add_fate(school, Kind.ENROLLMENTS, enrollments)
        for school, (people_stood, enrolled) in result.stood.items():
            stood = self.stood.get(school)
            if stood is None:
                self.stood[school] = [people_stood, enrolled, 0]
            else:
                stood[0] += people_stood
                stood[1] += enrolled
        # Where an earlier version compared the shard, whoever changes may be somebody else.
        self.harm += result.harm or Harm(
            result.standing[Kind.USERS] - result.users.created + result.users.removed,
            students_removed=result.users.removed,
            renamed=result.users.changed,
        )
        self.readdressed += result.readdressed
        self.digests.append(result.digest)
        self.is_doubtful |= result.is_doubtful
        if result.watched is None:
            self.watched = None
        elif self.watched is not None:
            self.watched |= unpacked_people(result.watched)
        self.reused += result.reused.number
        self.reused_ids += result.reused.items

    def add_classes(self, result: ClassesResult) -> None:
        self.counts[Kind.CLASSES] += result.classes
        self.is_doubtful |= result.is_doubtful
        self.classes_say_nothing &= not (result.notes or result.classes.rejected)
        self.digests.append(result.digest)
        self._add(result.notes, result.standing)
        for school, fate in result.schools.items():
            self._add_fate(school, Kind.CLASSES, fate)
        for school, number in result.stood.items():
            self.stood.setdefault(school, [0, 0, 0])[2] += number
        for kind in self.ended:
            self.ended[kind] += result.ended[kind]
        for school, number in result.ended_by_school.items():
            fate = self._fate(school, Kind.ENROLLMENTS)
            fate.removed = max(0, fate.removed - number)
        self.school_year = max(self.school_year, result.school_year)

    def count_those_who_stood(self) -> None:
        """Give those who were counted together their schools' fates, once all shards were added."""
        for school, (people, enrolled, classes) in self.stood.items():
            if people:
                self._fate(school, Kind.USERS).stood += people
                self._fate(school, Kind.ENROLLMENTS).stood += enrolled
            if classes:
                self._fate(school, Kind.CLASSES).stood += classes

    def _add(self, notes: list[Note], standing: dict[Kind, int]) -> None:
        self.notes += notes
        for kind, number in standing.items():
            self.standing[kind] += number

    def _fate(self, school: str, kind: Kind) -> Fate:
        return self.schools.setdefault(school, {}).setdefault(kind, Fate())

    def _add_fate(self, school: str, kind: Kind, fate: Fate) -> None:
        self._fate(school, kind).add(fate)

    def digest(self) -> str:
        """Of all that changes; empty where an import has none."""
        return sha256(" ".join(self.digests).encode()).hexdigest() if any(self.digests) else ""

    def night(self, before: Snapshot) -> Night:
        """The import as one of its district's nights."""
        counts = self.counts[Kind.CLASSES]
        gone = max(0, counts.removed - self.ended[Kind.CLASSES])
        people = {school: fates[Kind.USERS] for school, fates in self.schools.items() if Kind.USERS in fates}
        return Night.of(
            self.harm,
            Classes(before.standing.get(Kind.CLASSES, 0), gone, counts.created),
            {school: OfSchool(fate.stood, fate.hurt, fate.renamed) for school, fate in people.items() if fate.hurt},
            day=date.fromisoformat(self.plan.on),
            since=date.fromisoformat(before.on) if before.on else None,
            grades=self._grades(before),
        )

    def _grades(self, before: Snapshot) -> dict[str, OfGrade]:
        """What becomes of each grade that stood; nothing where the upload names no grades, or not everybody's."""
        now = self.plan.grades
        return {name: OfGrade(stood, now.get(name, 0)) for name, stood in before.grades.items()} if now else {}

    def totals(self) -> Totals:
        """What they came to together."""
        if ended := self.ended[Kind.CLASSES]:
            message = (
                "Classes of a term that is over are no longer in the roster; they do not count as removed by mistake."
            )
            self.notes.append(Note("term_ended", message, count=ended))
        if self.reused:
            self.notes.append(Note("number_of_another", _GIVEN_ANEW, count=self.reused))
        return Totals(
            counts=self.counts,
            standing=self.standing,
            notes=merged_notes(self.notes),
            schools=self.schools,
            reused=self.reused,
            reused_ids=self.reused_ids[:_REUSED_SHOWN],
            ended=self.ended,
            school_year=self.school_year,
        )
