"""Every PK and SK of the table: what each item is called, and what the parts of a key mean."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

from shared.domain.roster import NumberKind, RosterUserKey

type Item = dict[str, Any]


type Key = dict[str, str]


type Pair = tuple[str, str]
"""A key as (PK, SK): what can be compared, sorted and looked up."""


LONGEST_ID = 1_000
"""In bytes: what fits into a sort key (1,024) beside its kind. A longer id, which only a stranger sends, names nothing."""


def ids_of(user: RosterUserKey) -> dict[str, str]:
    """How an item, a message or an event names a roster user: without a kind as ever."""
    ids = {"district_id": user.district_id, "sourced_id": user.sourced_id}
    return {**ids, "kind": user.kind} if user.kind else ids


def user_of(ids: Mapping[str, Any]) -> RosterUserKey:
    """The roster user whom ``ids_of`` named."""
    return RosterUserKey(str(ids["district_id"]), str(ids["sourced_id"]), str(ids.get("kind") or ""))


def is_an_id(text: str) -> bool:
    """Whether there can be an item of this id."""
    return 0 < len(text.encode()) <= LONGEST_ID


def pair(item: Mapping[str, Any]) -> Pair:
    """The key of an item, or of a key itself."""
    return item["PK"], item["SK"]


def key_of(found: Pair) -> Key:
    pk, sk = found
    return {"PK": pk, "SK": sk}


# Roster users: their own partition, and where others hold something of them.

USERS = "USER#"
AUDIT = "AUDIT#"
_PARTITIONS = {"": "USER", **{kind.value: kind.name for kind in NumberKind}}
_KINDS = {name: kind for kind, name in _PARTITIONS.items()}


def user_pk(user: RosterUserKey) -> str:
    """``USER#d#number``; where numbers have kinds ``STUDENT#``, ``TEACHER#`` or ``STAFF#``."""
    return f"{_PARTITIONS[user.kind]}#{user.district_id}#{user.sourced_id}"


def user_of_pk(pk: str) -> RosterUserKey:
    """The roster user that such a key names; a sourcedId may itself hold ``#``."""
    name, district_id, sourced_id = pk.split("#", 2)
    return RosterUserKey(district_id, sourced_id, _KINDS[name])


def is_user_pk(pk: str) -> bool:
    """Whether such a key names a roster user."""
    return pk.partition("#")[0] in _KINDS


def partitions_of_district(district_id: str) -> tuple[str, ...]:
    """How the partitions begin that are about people and classes of this district."""
    return tuple(
        f"{name}#{district_id}#"
        for name in (*_PARTITIONS.values(), "CLASS", "PAST_CLASS", "WAITING", "HOLDERS", "COUNTED")
    )


def holder_sk(user: RosterUserKey) -> str:
    """The roster user as the holder of an identifier. All of a district begin alike, whatever their kinds."""
    return f"{USERS}{user.district_id}#{user.person_id}"


def holders_of_district(district_id: str) -> str:
    """How the sort keys of the holders of this district begin."""
    return f"{USERS}{district_id}#"


def pack_pk(district_id: str, part: int) -> str:
    """A partition of the packs of a district's holders of identifiers."""
    return f"HOLDERS#{district_id}#{part}"


def pack_key(district_id: str, part: int, last_hash: str) -> Key:
    """The pack that has the holders up to this hash."""
    return {"PK": pack_pk(district_id, part), "SK": last_hash}


def is_user(sk: str) -> bool:
    """Whether the holder of an identifier is a roster user."""
    return sk.startswith(USERS)


def user_of_holder(sk: str) -> RosterUserKey:
    """The roster user who holds an identifier."""
    _, district_id, person = sk.split("#", 2)
    return RosterUserKey.of_person_id(district_id, person)


def roster_key(user: RosterUserKey) -> Key:
    return {"PK": user_pk(user), "SK": "ROSTER"}


def past_places_key(user: RosterUserKey) -> Key:
    """Which past classes this roster user taught or attended."""
    return {"PK": user_pk(user), "SK": "PAST"}


def link_key(user: RosterUserKey) -> Key:
    return {"PK": user_pk(user), "SK": "LINK"}


def vouch_key(user: RosterUserKey) -> Key:
    """Which account this student's teacher says is theirs."""
    return {"PK": user_pk(user), "SK": "VOUCH"}


def day_key(user: RosterUserKey) -> Key:
    """What happened to this student last on their class's first day."""
    return {"PK": user_pk(user), "SK": "DAY"}


def activation_key(user: RosterUserKey) -> Key:
    return {"PK": user_pk(user), "SK": "ACTIVATION"}


def moved_key(user: RosterUserKey) -> Key:
    """Where it is noted of somebody without a kind which kind the number has had since."""
    return {"PK": user_pk(user), "SK": "MOVED"}


FORMER_NUMBERS = "NUMBER#"


def former_number_key(user: RosterUserKey, former: RosterUserKey) -> Key:
    """That this person had that number before, beside the person: where ``MOVED`` lies is found when data is deleted."""
    return {"PK": user_pk(user), "SK": f"{FORMER_NUMBERS}{former.person_id}"}


def former_number_of(user: RosterUserKey, sk: str) -> RosterUserKey:
    return RosterUserKey.of_person_id(user.district_id, sk.removeprefix(FORMER_NUMBERS))


def audit_key(user: RosterUserKey, noted_at: str, version: int) -> Key:
    """``version`` is the link's, so that two facts of one moment have a key each."""
    return {"PK": user_pk(user), "SK": f"{AUDIT}{noted_at}#{version}"}


def activation_pointer_key(activation_id: str) -> Key:
    """Where the roster user is noted whose activation an address of a mail names."""
    return {"PK": f"ACTIVATION#{activation_id}", "SK": "POINTER"}


def stuck_pk(district_id: str) -> str:
    return f"STUCK#{district_id}"


def stuck_of(item: Item) -> RosterUserKey:
    """Who is stuck by this item."""
    return RosterUserKey.of_person_id(str(item["PK"]).partition("#")[2], str(item["SK"]))


def is_stuck(pk: str) -> bool:
    return pk.startswith("STUCK#")


def stuck_key(user: RosterUserKey) -> Key:
    return {"PK": stuck_pk(user.district_id), "SK": user.person_id}


def remaining_pk(district_id: str) -> str:
    return f"LEFT#{district_id}"


def remaining_key(teacher: RosterUserKey) -> Key:
    return {"PK": remaining_pk(teacher.district_id), "SK": teacher.person_id}


DUE_SHARDS = 8
DUE = "DUE#"


def due_pk(kind: str, shard: int) -> str:
    return f"{DUE}{kind}#{shard}"


def due_key(kind: str, user: RosterUserKey, due_at: str) -> Key:
    """Where it stands that something is due for this roster user at this moment (ISO 8601, UTC)."""
    shard = zlib.crc32(user_pk(user).encode()) % DUE_SHARDS
    return {"PK": due_pk(kind, shard), "SK": f"{due_at}#{user.district_id}#{user.person_id}"}


def due_until(moment: str) -> str:
    """The last sort key of what is due by this moment (ISO 8601, UTC)."""
    return f"{moment}~"


def due_of_sk(sk: str) -> tuple[str, RosterUserKey]:
    """Since when something is due, and for whom."""
    due_at, district_id, person = sk.split("#", 2)
    return due_at, RosterUserKey.of_person_id(district_id, person)


WAITS = "WAITS"
"""The partition of the districts in which activations wait."""


def waits_key(district_id: str) -> Key:
    return {"PK": WAITS, "SK": district_id}


def waiting_pk(district_id: str, shard: int) -> str:
    return f"WAITING#{district_id}#{shard}"


def waiting_key(user: RosterUserKey) -> Key:
    """Where it stands that this roster user's activation waits for the district."""
    shard = zlib.crc32(user_pk(user).encode()) % DUE_SHARDS
    return {"PK": waiting_pk(user.district_id, shard), "SK": user.person_id}


FIRST_MAILS = "FIRST_MAILS"
"""The partition of the districts whose contacts have something to hear, and what stands of a district's first mails."""


def first_mails_key(district_id: str) -> Key:
    """What stands of a district's first mails: its first wave, and who was told of it."""
    return {"PK": f"DISTRICT#{district_id}", "SK": FIRST_MAILS}


def first_mails_due_key(district_id: str) -> Key:
    """Where it stands that a district's contacts have something to hear of its first mails."""
    return {"PK": FIRST_MAILS, "SK": district_id}


def first_wave_pk(district_id: str) -> str:
    return f"FIRST_WAVE#{district_id}"


def first_wave_key(district_id: str, activation_id: str) -> Key:
    """Where it stands that this activation is of the district's first wave."""
    return {"PK": first_wave_pk(district_id), "SK": activation_id}


# Accounts: who they are, their links, and their grassroots classes.

ACCOUNTS = "ACCOUNT#"
LINKS = "LINK#"
GRASSROOTS_CLASSES = "CLASS#"
ALL_SCORES = "CLASS_ASSIGNMENT#"
MEMBERSHIPS = "MEMBER#"
HANDED_OVER = "HANDED_OVER#"
GATHERED = "GATHERED#"
EXPORTS = "EXPORT#"


def account_pk(account_id: str) -> str:
    return f"{ACCOUNTS}{account_id}"


def is_account(pk: str) -> bool:
    return pk.startswith(ACCOUNTS)


def account_of_pk(pk: str) -> str:
    return pk.removeprefix(ACCOUNTS)


def account_key(account_id: str) -> Key:
    return {"PK": account_pk(account_id), "SK": "ACCOUNT"}


def mastery_key(account_id: str, chunk: int = 0) -> Key:
    """The skills of an account: the first of them, or a later chunk (``MASTERY#1`` …) of very many."""
    return {"PK": account_pk(account_id), "SK": f"MASTERY#{chunk}" if chunk else "MASTERY"}


def logins_key(account_id: str) -> Key:
    """What a link means for an account's logins: when all earlier sessions ended (``ended_at``), and the outside logins
    that were ``shown`` since."""
    return {"PK": account_pk(account_id), "SK": "LOGINS"}


def is_further_side(sk: str) -> bool:
    """Whether an account's side of a link is to a further number of its person."""
    return sk.count("#") > 1


def district_of_side(sk: str) -> str:
    """The district that an account's side of a link names."""
    return sk.split("#")[1]


OWN_LOGINS = "OWN_LOGIN#"
OWN = "OWN#"
OWN_CODES = "OWN_CODE#"


def own_login_key(account_id: str, login_id: str) -> Key:
    """An own login, with its account (``shared.domain.own_login``)."""
    return {"PK": account_pk(account_id), "SK": f"{OWN_LOGINS}{login_id}"}


def opened_by_own_key(login_id: str) -> Key:
    """Which account an own login opens."""
    return {"PK": f"{OWN}{login_id}", "SK": "OWN"}


def own_code_key(code_id: str) -> Key:
    """That a code was asked for, and for which address."""
    return {"PK": f"{OWN_CODES}{code_id}", "SK": "OWN_CODE"}


def joined_key(account_id: str) -> Key:
    """Where it is noted which account this one was joined into (``into``), and which into it (``accounts``)."""
    return {"PK": account_pk(account_id), "SK": "JOINED"}


def account_link_key(account_id: str, district_id: str) -> Key:
    """The account's side of a link: the person of this district that it is linked to."""
    return {"PK": account_pk(account_id), "SK": f"{LINKS}{district_id}"}


def further_link_key(account_id: str, user: RosterUserKey) -> Key:
    """The account's side of a link to a further number of the person of this district that it is linked to."""
    return {"PK": account_pk(account_id), "SK": f"{LINKS}{user.district_id}#{user.person_id}"}


def grassroots_class_key(owner_account_id: str, class_id: str) -> Key:
    return {"PK": account_pk(owner_account_id), "SK": f"{GRASSROOTS_CLASSES}{class_id}"}


def scores_of_class(class_id: str) -> str:
    """How the sort keys of the scores of a grassroots class begin, beside its owner."""
    return f"{ALL_SCORES}{class_id}#"


def scores_key(owner_account_id: str, class_id: str, assignment_id: str) -> Key:
    return {"PK": account_pk(owner_account_id), "SK": f"{scores_of_class(class_id)}{assignment_id}"}


def membership_key(student_account_id: str, class_id: str) -> Key:
    """That a student is in a grassroots class, beside the student."""
    return {"PK": account_pk(student_account_id), "SK": f"{MEMBERSHIPS}{class_id}"}


def handed_over_key(owner_account_id: str, class_id: str) -> Key:
    """That the platform made a grassroots class a colleague's, beside whoever had it before."""
    return {"PK": account_pk(owner_account_id), "SK": f"{HANDED_OVER}{class_id}"}


RECREATED = "MADE_AGAIN#"


def recreated_of_class(class_id: str) -> str:
    """How the sort keys of the notes begin of what was recreated from a grassroots class, beside its owner."""
    return f"{RECREATED}{class_id}#"


def recreated_key(owner_account_id: str, class_id: str, work_id: str, into: tuple[str, ...]) -> Key:
    """``into`` is (district id, class id) of the district class in which a goal or an assignment was recreated; where the id was
    another class's before, with the name that tells them apart."""
    digest = hashlib.sha256(json.dumps([work_id, *into]).encode()).hexdigest()[:32]
    return {"PK": account_pk(owner_account_id), "SK": f"{recreated_of_class(class_id)}{digest}"}


def export_key(account_id: str, export_id: str) -> Key:
    return {"PK": account_pk(account_id), "SK": f"{EXPORTS}{export_id}"}


def gathered_key(account_id: str, class_id: str) -> Key:
    return {"PK": account_pk(account_id), "SK": f"{GATHERED}{class_id}"}


# Identifiers: who holds an address, a Clever id or an outside identity.

OIDC = "OIDC#"


def email_pk(address: str) -> str:
    return f"EMAIL#{address}"


def clever_pk(clever_id: str) -> str:
    return f"CLEVER#{clever_id}"


def oidc_pk(issuer: str, subject: str) -> str:
    return f"{OIDC}{issuer}#{subject}"


def oidc_key(issuer: str, subject: str) -> Key:
    return {"PK": oidc_pk(issuer, subject), "SK": "ACCOUNT"}


PROOFS = "PROOF#"
FORMER = "FORMER#"


def proof_key(hashed_identity: str, user: RosterUserKey) -> Key:
    """Where it is noted that a federated identity, by its hash, is a proof of this roster user's link."""
    return {"PK": f"{PROOFS}{hashed_identity}", "SK": holder_sk(user)}


def former_holder_key(address: str, user: RosterUserKey) -> Key:
    """That this roster user had the address before; it sorts between the accounts and the users who hold it now."""
    return {"PK": email_pk(address), "SK": f"{FORMER}{holder_sk(user)}"}


def former_holder_of_sk(sk: str) -> RosterUserKey:
    return user_of_holder(sk.removeprefix(FORMER))


def former_address_key(user: RosterUserKey, address: str) -> Key:
    """The same beside the roster user, so that it is found when the person's data is deleted."""
    return {"PK": user_pk(user), "SK": f"{FORMER}{address}"}


def former_address_of_sk(sk: str) -> str:
    return sk.removeprefix(FORMER)


# Districts: settings, schools, classes, digests and imports.

SCHOOLS = "SCHOOL#"
PROGRESS = "PROGRESS#"
GOALS = "GOAL#"
ASSIGNMENTS = "ASSIGNMENT#"
DIGESTS = "DIGESTS"
PAUSES = "PAUSES"
"""The partition of the districts that have a pause, or an upload that waits for the end of one."""
PAUSED = "PAUSED#"


def district_pk(district_id: str) -> str:
    return f"DISTRICT#{district_id}"


def district_of_pk(pk: str) -> str:
    """The district whose partition this is."""
    return pk.removeprefix("DISTRICT#")


def settings_key(district_id: str) -> Key:
    return {"PK": district_pk(district_id), "SK": "SETTINGS"}


def is_settings(item: Item) -> bool:
    """Whether an item has the settings of a district."""
    return str(item["PK"]).startswith(district_pk("")) and item["SK"] == "SETTINGS"


def pauses_key(district_id: str) -> Key:
    return {"PK": PAUSES, "SK": district_id}


def paused_key(district_id: str, import_id: str) -> Key:
    """Where an import is noted that waits for the end of a pause."""
    return {"PK": district_pk(district_id), "SK": f"{PAUSED}{import_id}"}


def clever_district_key(clever_district_id: str) -> Key:
    return {"PK": f"CLEVER_DISTRICT#{clever_district_id}", "SK": "DISTRICT"}


def domain_key(domain: str) -> Key:
    """The district whose domain this is (M21)."""
    return {"PK": f"DOMAIN#{domain}", "SK": "DISTRICT"}


def tenant_key(kind: str, tenant_id: str) -> Key:
    """The district whose tenant of a hub (``classlink``, ``microsoft``) this is (M21)."""
    return {"PK": f"TENANT#{kind}#{tenant_id}", "SK": "DISTRICT"}


def school_key(district_id: str, school_id: str) -> Key:
    return {"PK": district_pk(district_id), "SK": f"{SCHOOLS}{school_id}"}


def class_pk(district_id: str, class_id: str) -> str:
    """The partition of a district class."""
    return f"CLASS#{district_id}#{class_id}"


def class_key(district_id: str, class_id: str) -> Key:
    return {"PK": class_pk(district_id, class_id), "SK": "CLASS"}


def members_key(district_id: str, class_id: str, chunk: int = 0) -> Key:
    """The students of a district class: the first of them, or a later chunk (``MEMBERS#1`` …) of a large class."""
    return {"PK": class_pk(district_id, class_id), "SK": f"MEMBERS#{chunk}" if chunk else "MEMBERS"}


def class_code_key(district_id: str, class_id: str) -> Key:
    """The code that is on the board of a district class."""
    return {"PK": class_pk(district_id, class_id), "SK": "CODE"}


def told_apart_key(district_id: str, class_id: str) -> Key:
    """Of which accounts a teacher of this class said that they are none of certain students'."""
    return {"PK": class_pk(district_id, class_id), "SK": "TOLD_APART"}


def past_class_pk(district_id: str, class_id: str) -> str:
    """The partition of the past classes of an id."""
    return f"PAST_CLASS#{district_id}#{class_id}"


def past_class_key(district_id: str, class_id: str, noted_by: str, chunk: int = 0) -> Key:
    """A past class of this id, as the import ``noted_by`` noted it with its first students, or a later chunk of them."""
    sk = f"PAST#{noted_by}"
    return {"PK": past_class_pk(district_id, class_id), "SK": f"{sk}#{chunk}" if chunk else sk}


def goal_key(district_id: str, class_id: str, goal_id: str) -> Key:
    return {"PK": class_pk(district_id, class_id), "SK": f"{GOALS}{goal_id}"}


def assignment_key(district_id: str, class_id: str, assignment_id: str) -> Key:
    return {"PK": class_pk(district_id, class_id), "SK": f"{ASSIGNMENTS}{assignment_id}"}


WORK = (ASSIGNMENTS, f"{GOALS}\U0010ffff")
"""Between these lie the sort keys of all assignments and goals of a district class."""


WORK_LIST = "WORK"


def work_list_key(district_id: str, class_id: str) -> Key:
    """Which assignments and goals a district class has had."""
    return {"PK": class_pk(district_id, class_id), "SK": WORK_LIST}


def work_list_of(item: Item) -> Key:
    """The list of the class that this goal or assignment is of."""
    return {"PK": str(item["PK"]), "SK": WORK_LIST}


def work_lists_key(district_id: str) -> Key:
    """That every class of this district with assignments or goals has such a list."""
    return {"PK": district_pk(district_id), "SK": "WORK_LISTS"}


def made_key(district_id: str, class_id: str, made: str) -> Key:
    """A goal or an assignment of a district class, by its sort key as a note of it has that."""
    return {"PK": class_pk(district_id, class_id), "SK": made}


def is_work(sk: str) -> bool:
    """Whether an item of a district class is an assignment or a goal."""
    return sk.startswith((ASSIGNMENTS, GOALS))


def digest_key(district_id: str) -> Key:
    return {"PK": DIGESTS, "SK": district_id}


ID_MAPS = "ID_MAP#"


def id_map_key(district_id: str, name: str) -> Key:
    """A map of old and new numbers that waits for the district's next upload."""
    return {"PK": district_pk(district_id), "SK": f"{ID_MAPS}{name}"}


SOURCES = "SOURCES"
"""The partition of the districts that have a source, and when each is due."""


def source_due_key(district_id: str) -> Key:
    return {"PK": SOURCES, "SK": district_id}


def source_key(district_id: str) -> Key:
    """Where the district's roster is fetched from, and how the fetches went."""
    return {"PK": district_pk(district_id), "SK": "SOURCE"}


def fetch_lock_key(district_id: str) -> Key:
    """Which fetch of the district is at work."""
    return {"PK": district_pk(district_id), "SK": "FETCHING"}


DELIVERIES = "DELIVERIES"
"""The partition of the districts whose folder for SFTP has to be looked at."""


def deliveries_key(district_id: str) -> Key:
    return {"PK": DELIVERIES, "SK": district_id}


def delivery_key(district_id: str) -> Key:
    """What was taken of the district's folder for SFTP last."""
    return {"PK": district_pk(district_id), "SK": "DELIVERY"}


def newest_upload_key(district_id: str) -> Key:
    return {"PK": district_pk(district_id), "SK": "NEWEST"}


def import_lock_key(district_id: str) -> Key:
    return {"PK": district_pk(district_id), "SK": "LOCK"}


def snapshot_key(district_id: str) -> Key:
    return {"PK": district_pk(district_id), "SK": "SNAPSHOT"}


def names_key(district_id: str) -> Key:
    """Where in the file of sorted names words begin with which letters."""
    return {"PK": district_pk(district_id), "SK": "NAMES"}


IMPORTS = "IMPORT#"


def import_key(district_id: str, import_id: str) -> Key:
    return {"PK": district_pk(district_id), "SK": f"{IMPORTS}{import_id}"}


DECISIONS = "DECISION#"


def decision_key(district_id: str, import_id: str) -> Key:
    return {"PK": district_pk(district_id), "SK": f"{DECISIONS}{import_id}"}


TRAIL = "TRAIL#"


def trail_key(district_id: str, at: str, entry_id: str) -> Key:
    """What somebody did in the district's console, at a moment (ISO 8601, UTC)."""
    return {"PK": district_pk(district_id), "SK": f"{TRAIL}{at}#{entry_id}"}


PLATFORM = "_platform"
"""Stands for a district in the trail of what operators do that is about no single district; no district has such an id."""


def is_entry(pk: str, sk: str) -> bool:
    """Whether an item is an entry of a trail: of a district's, or of what happened to a person's link."""
    if sk.startswith(TRAIL):
        return pk.startswith("DISTRICT#")
    return sk.startswith(AUDIT) and is_user_pk(pk)


def district_of_entry(pk: str) -> str:
    """The district, or what stands for one, whose entry lies in this partition."""
    return pk.split("#", 2)[1]


SEALS_DUE = "SEALS_DUE"
"""The partition of the hours in which something was collected that is to be sealed."""


def seals_due_key(hour: str, district_id: str) -> Key:
    return {"PK": SEALS_DUE, "SK": f"{hour}#{district_id}"}


def seals_pk(district_id: str) -> str:
    """The partition of what the stream brought of a district's trail."""
    return f"SEALED#{district_id}"


def sheet_key(district_id: str, reference: str) -> Key:
    """``reference`` is the hour and the id of a sheet (shared.domain.trail_seal)."""
    return {"PK": seals_pk(district_id), "SK": reference}


def seal_head_key(district_id: str) -> Key:
    """The number and hash of the newest seal, after every sheet."""
    return {"PK": seals_pk(district_id), "SK": "HEAD"}


TRIED = "TRIED#"


def tried_key(district_id: str, hashed_identity: str) -> Key:
    """Who proved to be of the district and is not on its roster, by a hash of the login."""
    return {"PK": district_pk(district_id), "SK": f"{TRIED}{hashed_identity}"}


def bulk_key(district_id: str, order_id: str) -> Key:
    """What an administrator wants done for many people at once."""
    return {"PK": district_pk(district_id), "SK": f"BULK#{order_id}"}


WAYS_IN = "WAY_IN#"


def way_in_key(district_id: str, hashed_identity: str) -> Key:
    """Where it is noted by its hash whose login opens the console for a day, whatever the roster says."""
    return {"PK": district_pk(district_id), "SK": f"{WAYS_IN}{hashed_identity}"}


COUNTS = "COUNTS#"
MINUTES = "MINUTE#"
DAYS = "DAY#"


def counts_pk(district_id: str) -> str:
    """The partition of a district's counts: what stands, what each minute changed, and what stood at the end of each day."""
    return f"{COUNTS}{district_id}"


def standing_counts_key(district_id: str) -> Key:
    return {"PK": counts_pk(district_id), "SK": "BASE"}


def minute_counts_key(district_id: str, minute: str, part: int | str) -> Key:
    """What a minute (ISO 8601, UTC) changed, of a part of the schools or by a recount."""
    return {"PK": counts_pk(district_id), "SK": f"{MINUTES}{minute}#{part}"}


def minute_of_sk(sk: str) -> str:
    return sk.split("#")[1]


def day_counts_key(district_id: str, day: str) -> Key:
    """What stood at the end of a day (YYYY-MM-DD) of the district."""
    return {"PK": counts_pk(district_id), "SK": f"{DAYS}{day}"}


def day_of_sk(sk: str) -> str:
    return sk.removeprefix(DAYS)


def counted_changes_pk(district_id: str, minute: str, part: int) -> str:
    """The partition of the changes that were counted of a minute, of a part of the schools."""
    return f"COUNTED#{district_id}#{minute}#{part}"


def counted_changes_key(district_id: str, minute: str, part: int, second: str) -> Key:
    return {"PK": counted_changes_pk(district_id, minute, part), "SK": second}


RECEIPTS_SEEN: Key = {"PK": "RECEIPTS", "SK": "SEEN"}
"""How far the hourly look at receipts has come."""


FEEDS = "_accounts"
"""Stands for a district where something is kept of all accounts feeds; no district has such an id."""


SKILLS = "_skills"
"""Stands for a district where reports are of the catalogue of skills."""


def skills_key(chunk: int = 0) -> Key:
    """The catalogue of skills: its version, or a chunk of it, from 1 on."""
    return {"PK": "SKILLS", "SK": f"CATALOGUE#{chunk}" if chunk else "CATALOGUE"}


def feeds_key() -> Key:
    """What all accounts feeds have in common."""
    return {"PK": district_pk(FEEDS), "SK": "FEEDS"}


def feed_key(name: str) -> Key:
    """Which file of this name was loaded last."""
    return {"PK": district_pk(FEEDS), "SK": f"FEED#{name}"}


def progress_key(district_id: str, import_id: str) -> Key:
    return {"PK": district_pk(district_id), "SK": f"{PROGRESS}{import_id}"}


def latest_report_key(district_id: str, *, preview: bool = False) -> Key:
    return {"PK": district_pk(district_id), "SK": "LATEST_PREVIEW" if preview else "LATEST"}


# Mail, browsers and events.

EVENTS = "OUTBOX#"
SEND_RATE: Key = {"PK": "SENDING", "SK": "PACE"}


def told_key(message_id: str) -> Key:
    """That SES said what became of this reminder or nudge."""
    return {"PK": f"SENDING#{message_id}", "SK": "TOLD"}


BREAKERS: Key = {"PK": "SENDING", "SK": "BREAKER"}
"""The breaker of all mail; what the keys of those of districts begin with, too."""


def send_breaker_key(district_id: str = "") -> Key:
    """Whether the mail of a district has stopped; without one, that of all."""
    return {**BREAKERS, "SK": f"{BREAKERS['SK']}#{district_id}"} if district_id else BREAKERS


SENT_COUNTS = "SENDING#"


def sent_counts_key(day: str, district_id: str = "") -> Key:
    """A day's counts (YYYY-MM-DD) of what became of a district's mails; without one, of all."""
    return {"PK": f"{SENT_COUNTS}{day}", "SK": f"COUNTS#{district_id}" if district_id else "COUNTS"}


def counted_key(message_id: str, kind: str) -> Key:
    """That a bounce or a complaint of this mail was counted."""
    return {"PK": f"SENDING#{message_id}#{kind}", "SK": "NOTED"}


NOTICES = "NOTICE#"
SESSIONS = "SESSION#"


def notice_key(notice_id: str, side: str) -> Key:
    return {"PK": f"{NOTICES}{notice_id}", "SK": side}


def event_key(event_id: str) -> Key:
    return {"PK": f"{EVENTS}{event_id}", "SK": "EVENT"}


def is_event(pk: str) -> bool:
    return pk.startswith(EVENTS)


def event_of_pk(pk: str) -> str:
    """The id of the event that an ``OUTBOX#…`` key names."""
    return pk.removeprefix(EVENTS)


def session_key(session_id: str) -> Key:
    return {"PK": f"{SESSIONS}{_hash(session_id)}", "SK": "SESSION"}


def login_state_key(state: str) -> Key:
    return {"PK": f"OIDC_STATE#{_hash(state)}", "SK": "OIDC_STATE"}


def mail_code_key(code: str) -> Key:
    """Which mails carry this short code: of which district, day and kind."""
    return {"PK": f"REAL#{code}", "SK": "CODE"}


def limit_key(kind: str, counted: str, window: int) -> Key:
    """The tries of this kind in one window, by whom or of what is ``counted``."""
    return {"PK": f"LIMIT#{kind}#{_hash(counted)}", "SK": str(window)}


def _hash(secret: str) -> str:
    """What stands in the table for a secret: a dump of it opens nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()
