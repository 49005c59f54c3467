"""After the safety check: write people and classes, match and invite. Every write may be made again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace as dataclass_replace
from datetime import date
from functools import partial
from operator import attrgetter

from msgspec.structs import replace

from functions.import_step.class_history import Past
from functions.import_step.holdings import SharedIdentifiers, holdings, noted_as
from functions.import_step.import_context import ImportContext
from functions.import_step.memberships import Roll, moves
from functions.import_step.pairable import PAIRABLE, pairable
from functions.import_step.past_places import PlacesOfPeople
from functions.import_step.plan import IdPair, Import, MatchResult, StepResult, WritePlan
from functions.import_step.records import PersonRecord
from functions.import_step.shards import class_shards_of, shard_of
from functions.import_step.working_files import (
    CLASSES,
    GIVEN_UP,
    HISTORY,
    HOLDINGS,
    MATCH_RESULT,
    MEMBERS,
    MOVED,
    MOVES,
    ONE_PERSON,
    PAST,
    PEOPLE,
    PLAN,
    SHARED_ADDRESSES,
    SHARED_IDENTIFIERS,
    SHARERS,
    WRITE_PLAN,
    Change,
    WorkingFiles,
)
from shared.domain.clock import to_iso
from shared.domain.district import District
from shared.domain.report import Note, merged_notes
from shared.domain.roster import DistrictClass, NumberKind, Role, RosterUser, RosterUserKey, School, number_of
from shared.runtime.parallel import each as each_of
from shared.stores.readdressing import AddressChange
from shared.stores.renumbering import ClassChange, NumberChange
from shared.stores.roster_holders import Holding, task_of
from shared.stores.roster_users import RosterUserStore
from shared.stores.stuck_people import StuckCode
from shared.use_cases.match_and_invite import former_key
from shared.use_cases.match_counts import MatchCounts

_FEW = 8
type Sharers = dict[RosterUserKey, tuple[RosterUserKey, ...]]
"""By everybody who was looked at: who is stuck because of that person's address."""


class Apply:
    """Each method is a step."""

    def __init__(self, context: ImportContext) -> None:
        self._context = context

    def apply(self, import_: Import, shard: int) -> StepResult:
        """Write the people of one shard who have changed, one item each; note who moved between classes, and who comes to hold
        which address."""
        files = self._context.files(import_)
        plan = files.get(WRITE_PLAN)
        self._move_people(import_, files, shard)
        self._renumber_people(import_, files, plan, shard)
        self._readdress_people(import_, files, plan, shard)
        self._join_people(import_, files, plan, shard)
        writes = self._context.users.write(_changed_people(import_, files, plan, shard))
        changes = files.changes(PEOPLE, plan, shard)
        moved = moves(changes, class_shards_of(plan.shards))
        files.put_for_each(MOVES, f"{shard}{plan.round}", moved)
        files.put_for_each(HOLDINGS, f"{shard}{plan.round}", self._holdings(import_, files, plan, shard))
        writes += self._note_places(import_, files, plan, shard)
        if shard == 0:
            schools = (School(import_.district_id, key, name) for key, name in plan.schools.items())
            self._context.districts.put_schools(schools)
            if plan.before is None:
                self._context.peoples_classes.begin_lists(import_.district_id)
        return {**self._context.part_done(import_, "apply", shard, of=plan.shards), "writes": writes}

    def _move_people(self, import_: Import, files: WorkingFiles, shard: int) -> None:
        """Give the people of a shard the keys of their numbers' kinds: once all who stand, later who returns."""
        if import_.roll_back:
            return
        plan = files.get(PLAN)
        if plan.moves_people:
            people = files.get(MOVED, f"{shard}{plan.round}")
            self._context.renumbering.move(RosterUserKey.of_person_id(import_.district_id, each) for each in people)
        if plan.by_kind and plan.before and (plan.moves_people or plan.before.was_moved):
            came = (new for old, new in files.changes(PEOPLE, plan, shard) if new and not old)
            self._context.renumbering.move_returned(record.roster_user(import_.district_id) for record in came)

    def _holdings(self, import_: Import, files: WorkingFiles, plan: WritePlan, shard: int) -> list[bytearray]:
        """What people of a shard hold now and did not, and the other way round."""
        former = {pair.new: pair.old for pair in _id_pairs(files, plan, of_classes=False)}
        changes = files.changes(PEOPLE, plan, shard)
        gets_kinds = not import_.roll_back and files.get(PLAN).moves_people
        if gets_kinds:
            changes = self._with_moved(files, plan, shard, files.get(MOVED, f"{shard}{plan.round}"))
        return holdings(changes, noted_as(former, gets_kinds=gets_kinds), class_shards_of(plan.shards))

    @staticmethod
    def _with_moved(
        files: WorkingFiles, plan: WritePlan, shard: int, moved: list[str]
    ) -> Iterator[Change[PersonRecord]]:
        """Who changes, and everybody else who gets the kind of a number."""
        ids = {number_of(each): each for each in moved}
        seen: set[str] = set()
        for old, new in files.changes(PEOPLE, plan, shard):
            seen.update(each.sourced_id for each in (old, new) if each)
            yield old, new
        for stood in files.standing(PEOPLE, plan.before, shard, plan.shards):
            person = replace(stood, sourced_id=ids.get(number_of(stood.sourced_id), stood.sourced_id))
            if person.sourced_id not in seen:
                yield person, person

    def _renumber_people(self, import_: Import, files: WorkingFiles, plan: WritePlan, shard: int) -> None:
        """Let those of a shard who have other numbers now keep what is noted of them (B11)."""
        pairs = _id_pairs(files, plan, of_classes=False)
        if not pairs:
            return
        olds, district_id = {pair.old for pair in pairs}, import_.district_id
        here = {pair.new: pair for pair in pairs if shard_of(pair.new, plan.shards) == shard}
        changes = [
            NumberChange(
                RosterUserKey.of_person_id(district_id, here[person.sourced_id].old), person.roster_user(district_id)
            )
            for old, new in files.changes(PEOPLE, plan, shard)
            if (person := new or old) and person.sourced_id in here
        ]
        exchanged = olds & {pair.new for pair in pairs}
        self._context.renumbering.follow(changes, import_.run_id, self._context.clock(), exchanged)

    def _readdress_people(self, import_: Import, files: WorkingFiles, plan: WritePlan, shard: int) -> None:
        """Let those of a shard whose address has another domain of the district's keep what is noted of it (B11)."""
        if len(plan.domains) > 1:
            own_domains = self._context.district(import_).own_domains
            self._context.readdressing.follow(
                (
                    AddressChange(old.email or "", new.roster_user(import_.district_id))
                    for old, new in files.changes(PEOPLE, plan, shard)
                    if old and new and old.is_readdressed_as(new, plan.domains)
                ),
                own_domains,
            )

    def _note_places(self, import_: Import, files: WorkingFiles, plan: WritePlan, shard: int) -> int:
        """Give the people of a shard their places in classes that are past with this import; a roll-back takes them back."""
        places = PlacesOfPeople(import_, plan.by_kind, files.places(plan, shard))
        if not places:
            return 0
        past = self._context.classes.past
        if import_.roll_back:
            return past.remove_places(places.people(), import_.import_id)
        today = date.fromisoformat(files.get(PLAN).on)
        stood = files.standing_lines(PEOPLE, plan.before, shard, plan.shards)
        return past.add_places(places.given(stood, today), today)

    def _join_people(self, import_: Import, files: WorkingFiles, plan: WritePlan, shard: int) -> None:
        """Let the link and the mail of somebody who stood under several numbers be those of the number that is kept (M7)."""
        kept = {other: one.kept for one in files.find(ONE_PERSON) or () for other in one.others}
        if not kept or import_.roll_back:
            return
        district_id = import_.district_id
        people = [
            (old.roster_user(district_id), RosterUserKey.of_person_id(district_id, kept[old.sourced_id]))
            for old, new in files.changes(PEOPLE, plan, shard)
            if old and not new and old.sourced_id in kept
        ]
        if people:
            self._context.renumbering.join(people, import_.run_id, self._context.clock())

    def members(self, import_: Import, shard: int) -> StepResult:
        """Write the classes of one shard that have changed, or whose people have: one or two items each."""
        files = self._context.files(import_)
        plan = files.get(WRITE_PLAN)
        writes = self._write_members(import_, files, plan, shard)
        writes += self._write_holders(import_, files, plan, shard)
        of = class_shards_of(plan.shards)
        return {**self._context.part_done(import_, "members", shard, of=of), "writes": writes}

    def _write_members(self, import_: Import, files: WorkingFiles, plan: WritePlan, shard: int) -> int:
        """Who is in which class is in memory no more once this is done."""
        roll = Roll(
            files.standing_lines(MEMBERS, plan.before, shard, plan.shards),
            files.from_all(MOVES, plan, shard),
        )
        files.write_members(plan, shard, roll.lines())
        past = files.find(PAST, f"{shard}{plan.round}") or Past()
        since = {each.sourced_id: each.since for each in files.made(HISTORY, plan, shard) if each.since}
        self._renumber_classes(import_, files, plan, shard, since, roll)
        writes = self._write_past(import_, files, plan, past)
        return writes + self._write_classes(import_, files, plan, shard, roll, since, past.renamed)

    def _write_holders(self, import_: Import, files: WorkingFiles, plan: WritePlan, shard: int) -> int:
        """Write who holds which address or Clever id, of a share of these. An import whose people an earlier version wrote has
        written that with them."""
        if not files.are_told(HOLDINGS, plan):
            return 0

        def told(*, are_given: bool) -> Iterator[Holding]:
            # Read for each of them, and never held: of a first import this is everybody.
            for each in files.from_all(HOLDINGS, plan, shard):
                if each.are_given == are_given:
                    yield from each.of(import_.district_id)

        done = self._context.users.holders.write(
            import_.district_id,
            told(are_given=True),
            told(are_given=False),
            is_first=plan.before is None,
            task=shard,
            tasks=class_shards_of(plan.shards),
        )
        if any(files.from_all(HOLDINGS, plan, shard)):
            shared = {each: [user.person_id for user in users] for each, users in done.shared.items()}
            files.put(SHARED_IDENTIFIERS, SharedIdentifiers(done.is_all, shared), f"{shard}{plan.round}")
        return done.writes

    def _write_past(self, import_: Import, files: WorkingFiles, plan: WritePlan, past: Past) -> int:
        """Write the classes that are past with this import; a roll-back takes them back."""
        classes = (
            dataclass_replace(
                each.record.district_class(import_.district_id, each.members, by_kind=plan.by_kind),
                since=each.since,
                noted_by=import_.import_id,
            )
            for each in past.classes
        )
        store = self._context.classes.past
        if import_.roll_back or not past.classes:
            return store.remove(classes)
        return store.write(classes, date.fromisoformat(files.get(PLAN).on))

    def _renumber_classes(
        self,
        import_: Import,
        files: WorkingFiles,
        plan: WritePlan,
        shard: int,
        since: Mapping[str, str],
        roll: Roll,
    ) -> None:
        """Let classes of a shard that have other ids now keep what was made in them, and what is noted of it."""
        pairs = _id_pairs(files, plan, of_classes=True)
        here = [pair for pair in pairs if shard_of(pair.new, class_shards_of(plan.shards)) == shard]
        if not here:
            return
        news, district_id = {pair.new for pair in pairs}, import_.district_id
        stood = {
            h.sourced_id: h.since for h in files.standing(HISTORY, plan.before, shard, plan.shards) if not h.left_on
        }
        kind = NumberKind.TEACHER if plan.by_kind else ""
        for pair in here:
            change = ClassChange(
                district_id,
                pair.old,
                pair.new,
                stood.get(pair.new, ""),
                since.get(pair.new, ""),
                comes_again=pair.old in news,
                teachers=tuple(RosterUserKey(district_id, number, kind) for number in roll.of(pair.new).teachers),
            )
            self._context.renumbering.move_class(change, import_.run_id)

    def _write_classes(
        self,
        import_: Import,
        files: WorkingFiles,
        plan: WritePlan,
        shard: int,
        roll: Roll,
        since: Mapping[str, str],
        other_classes: Iterable[str],
    ) -> int:
        """``since`` tells classes from the earlier ones of their ids; ``other_classes`` are those with a new such name."""
        came, gone = set(), []
        renumbered = files.renumbered_ids(CLASSES, plan, shard) | files.renumbered_ids(MEMBERS, plan, shard)
        renamed = {*renumbered, *other_classes}
        for old, new in files.changes(CLASSES, plan, shard):
            if new is None:
                gone += [old.sourced_id] if old else []
            elif old is None:
                came.add(new.sourced_id)
            else:
                renamed.add(new.sourced_id)

        def changed() -> Iterator[tuple[DistrictClass, bool]]:
            for record in files.made(CLASSES, plan, shard):
                class_id = record.sourced_id
                if plan.rewrites_classes or class_id in came or class_id in renamed or roll.is_touched(class_id):
                    whole = record.district_class(import_.district_id, roll.of(class_id), by_kind=plan.by_kind)
                    whole = dataclass_replace(whole, since=since.get(class_id, ""))
                    yield whole, class_id in came or class_id in renumbered or roll.has_other_students(class_id)

        return self._context.classes.write(import_.district_id, changed(), gone, stood=roll.stood)

    def match(self, import_: Import, shard: int) -> StepResult:
        """Match the people of one shard whom this import newly looked at, and invite the teachers who need it.

        In a preview, and in an upload that waits for the end of a pause, it is only counted.
        """
        files = self._context.files(import_)
        plan = files.get(WRITE_PLAN)
        district = self._context.district(import_)
        held = _HeldBy(files, plan)
        users = self._newly_looked_at(import_, files, plan, shard, held, in_pilot=bool(district.schools))
        again = [*self._who_kept_an_address(import_, files, plan, shard)]
        sharers: Sharers = {}
        is_only_counted = import_.preview or bool(plan.paused)
        matched: list[tuple[RosterUser, str]] = []
        without = set[RosterUserKey]()
        match = self._matcher(import_, files, plan, sharers, without, held, matched)
        matching, notes = match(district, users)
        later, more = match(district, again)
        if is_only_counted:
            at_once = self._context.matcher.at_once
            files.put(PAIRABLE, pairable(matched, self._context.grassroots, at_once=at_once), shard)
        else:
            self._note_stuck(import_, files, plan, shard, sharers, without, again)
        matching += later.without_matches()
        if later.queued:
            notes = [
                *notes,
                Note(
                    "looked_at_again",
                    "Teachers are mailed now because nobody else has their address any more.",
                    count=later.queued,
                ),
            ]
        files.put(MATCH_RESULT, MatchResult(matching, merged_notes([*notes, *more])), shard)
        return self._context.part_done(import_, "match", shard, of=plan.shards)

    def _newly_looked_at(
        self, import_: Import, files: WorkingFiles, plan: WritePlan, shard: int, held: _HeldBy, *, in_pilot: bool
    ) -> Iterator[RosterUser]:
        """People who are new, came back, or of whom something changed that a match rests on; in a pilot also their schools.

        Whose address has only another domain of the district's is looked at where a mail to the one before came back.
        """
        readdressed: list[RosterUser] = []
        for old, new in files.changes(PEOPLE, plan, shard):
            if new is None:
                continue
            follows = old is not None and old.is_readdressed_as(new, plan.domains)
            before = replace(old, email=new.email) if old and follows else old
            user = new.roster_user(import_.district_id)
            if old is None or old.email != new.email:
                held.has_come(user)
            if before is None or not before.is_matched_like(new) or (in_pilot and before.school_ids != new.school_ids):
                yield user
            elif follows and user.role is Role.TEACHER:
                readdressed.append(user)
        if readdressed:
            former = _former_numbers(files, plan) if import_.preview else {}
            keys = {user.key: former_key(user.key, former) for user in readdressed}
            came_back = self._context.readdressing.mails_that_came_back(keys.values())
            yield from (user for user in readdressed if keys[user.key] in came_back)

    def _matcher(
        self,
        import_: Import,
        files: WorkingFiles,
        plan: WritePlan,
        sharers: Sharers,
        without: set[RosterUserKey],
        held: _HeldBy,
        matched: list[tuple[RosterUser, str]],
    ) -> Callable[[District, Iterable[RosterUser]], tuple[MatchCounts, list[Note]]]:
        stuck = frozenset(files.find(SHARERS) or ())
        if not (import_.preview or plan.paused):
            run = self._context.matcher.run
            return partial(
                run,
                sharers=sharers,
                without_address=without,
                stuck=stuck,
                import_id=import_.import_id,
                holders=held.of,
            )
        shards = range(class_shards_of(plan.shards))
        shared = {address for other in shards for address in files.get(SHARED_ADDRESSES, other)}
        return partial(
            self._context.matcher.preview,
            shared=shared,
            former=_former_numbers(files, plan),
            stuck=stuck,
            further={one.kept: one.others for one in files.find(ONE_PERSON) or ()},
            is_first=plan.before is None,
            matched=matched,
        )

    def _note_stuck(
        self,
        import_: Import,
        files: WorkingFiles,
        plan: WritePlan,
        shard: int,
        sharers: Sharers,
        without: set[RosterUserKey],
        again: list[RosterUser],
    ) -> None:
        """Let the list of those who are stuck have whoever shares an address with a teacher now, and nobody whose address is an
        own one since (M7); and teachers who have none. Of a whole roster the first shard sees to all sharers whom the upload
        shows."""
        stuck, district_id = self._context.stuck, import_.district_id
        now = {key for keys in sharers.values() for key in keys}
        if shard == 0:
            now |= {RosterUserKey.of_person_id(district_id, each) for each in files.find(SHARERS) or ()}
        noted = stuck.by_roster(district_id) if plan.before else dict[RosterUserKey, StuckCode]()
        sharing = {key for key, code in noted.items() if code is StuckCode.SHARED_ADDRESS}
        lacking = noted.keys() - sharing
        if noted:
            changed, helped = set[RosterUserKey](), set[RosterUserKey]()
            for old, new in files.changes(PEOPLE, plan, shard):
                if person := new or old:
                    key = RosterUserKey.of_person_id(district_id, person.sourced_id)
                    changed.add(key)
                    if not (new and new.role is Role.TEACHER and not new.email):
                        helped.add(key)
            looked_at = {user.key for user in again} | sharers.keys() | changed
            left = (sharing & looked_at) - now
            stuck.forget_by_roster(_in_order(left - self._context.matcher.still_share(left)), StuckCode.SHARED_ADDRESS)
            stuck.forget_by_roster(_in_order(lacking & helped), StuckCode.NO_ADDRESS)
        at = to_iso(self._context.clock())
        stuck.note_by_roster(_in_order(now - sharing), StuckCode.SHARED_ADDRESS, at)
        stuck.note_by_roster(_in_order(without - lacking), StuckCode.NO_ADDRESS, at)

    def _who_kept_an_address(
        self, import_: Import, files: WorkingFiles, plan: WritePlan, shard: int
    ) -> Iterator[RosterUser]:
        """Those who have an address that somebody else had, too, and whom this import does not look at anyway.

        Where more than a few have it, it is shared as before. Each shard sees to a part of the addresses.
        """
        parts = range(shard, class_shards_of(plan.shards), plan.shards)
        given_up = [each for part in parts for each in (files.find(GIVEN_UP, f"{part}{plan.round}") or {}).items()]
        # A preview renumbers nobody: the table has people under the numbers that they had.
        former = _former_numbers(files, plan) if import_.preview and given_up else {}

        def kept_by(address_and_others: tuple[str, list[str]]) -> list[RosterUser]:
            address, listed = address_and_others
            others = {*listed, *(former[other] for other in listed if other in former)}
            holders = self._context.users.by_email(import_.district_id, address, most=_FEW + len(others))
            return [user for user in holders if user.key.person_id not in others]

        for users in each_of(kept_by, given_up, at_once=self._context.matcher.at_once):
            yield from users


class _HeldBy:
    """Who holds the addresses that people come to hold with an import: known since these were written, without a read each."""

    def __init__(self, files: WorkingFiles, plan: WritePlan) -> None:
        self._files = files
        self._plan = plan
        self._came: set[RosterUserKey] = set()
        self._of_tasks: dict[int, SharedIdentifiers | None] = {}

    def has_come(self, user: RosterUser) -> None:
        """Note that somebody has this address since this import."""
        self._came.add(user.key)

    def of(self, user: RosterUser) -> Sequence[RosterUserKey] | None:
        """Everybody of the district who holds this person's address; None where it is to be read."""
        if user.key not in self._came or not user.official_email:
            return None
        (identifier,) = RosterUserStore.identifiers(user.official_email, ())
        task = task_of(identifier, class_shards_of(self._plan.shards))
        if task not in self._of_tasks:
            self._of_tasks[task] = self._files.find(SHARED_IDENTIFIERS, f"{task}{self._plan.round}")
        found = self._of_tasks[task]
        if found is None or not found.is_all:
            return None
        return [RosterUserKey.of_person_id(user.district_id, each) for each in found.holders.get(identifier, ())]


def _in_order(users: Iterable[RosterUserKey]) -> list[RosterUserKey]:
    return sorted(users, key=attrgetter("person_id"))


def _id_pairs(files: WorkingFiles, plan: WritePlan, *, of_classes: bool) -> list[IdPair]:
    pairs = files.id_pairs(plan.before.renumbered) if plan.before else ()
    return [pair for pair in pairs if pair.is_of_class == of_classes]


def _former_numbers(files: WorkingFiles, plan: WritePlan) -> dict[str, str]:
    """The numbers of people before this import, by those that it gives them."""
    return {pair.new: pair.old for pair in _id_pairs(files, plan, of_classes=False)}


def _changed_people(
    import_: Import, files: WorkingFiles, plan: WritePlan, shard: int
) -> Iterator[tuple[RosterUser | None, RosterUser]]:
    """(before, after) of those who change; who left is inactive (M5)."""
    for old, new in files.changes(PEOPLE, plan, shard):
        before = old.roster_user(import_.district_id) if old else None
        if new:
            yield before, new.roster_user(import_.district_id)
        elif old:
            yield before, old.roster_user(import_.district_id, active=False)
