"""The columns that files of the known formats have: what else a header names is told, and not read (M2)."""

from __future__ import annotations

from functions.import_step.csv_table import folded

_RECORD = "sourcedId status dateLastModified"
_BY_STEM = {
    "users": f"{_RECORD} enabledUser orgSourcedIds orgSourcedId role username userIds userId givenName familyName middleName "
    "identifier email sms phone agentSourcedIds agents grades grade password userMasterIdentifier resourceSourcedIds "
    "preferredGivenName preferredMiddleName preferredFamilyName primaryOrgSourcedId pronouns activeDirectoryMatchId "
    "userNumber passwordHash sex birthDate",
    "roles": f"{_RECORD} userSourcedId roleType role beginDate endDate orgSourcedId userProfileSourcedId sessionSourcedId "
    "sessionSourcedIds grade isPrimary roleStartDate roleEndDate",
    "orgs": f"{_RECORD} name type identifier parentSourcedId",
    "courses": f"{_RECORD} schoolYearSourcedId schoolYearId title courseCode code grades grade orgSourcedId subjects subject "
    "subjectCodes",
    "academicsessions": f"{_RECORD} title type startDate endDate parentSourcedId schoolYear",
    "classes": f"{_RECORD} title grades grade courseSourcedId classCode code classType location schoolSourcedId orgSourcedId "
    "orgSourcedIds termSourcedIds termSourcedId sessionSourcedIds sessionSourcedId subjects subjectCodes periods",
    "enrollments": f"{_RECORD} classSourcedId schoolSourcedId userSourcedId role primary beginDate endDate School_id Section_id "
    "Student_id Start_date End_date",
    "schools": "School_id School_name School_number State_id Nces_id Low_grade High_grade Principal Principal_email "
    "School_address School_city School_state School_zip School_phone",
    "students": "School_id Student_id Student_number State_id Last_name Middle_name First_name Preferred_last_name "
    "Preferred_middle_name Preferred_first_name Grade Gender Graduation_year DOB Race Hispanic_Latino Home_language Ell_status "
    "Frl_status Iep_status Student_street Student_city Student_state Student_zip Student_email Contact_relationship Contact_type "
    "Contact_name Contact_phone Contact_phone_type Contact_email Contact_sis_id Username Password Unweighted_gpa Weighted_gpa",
    "teachers": "School_id Teacher_id Teacher_number State_teacher_id Teacher_email First_name Middle_name Last_name "
    "Preferred_first_name Preferred_middle_name Preferred_last_name Title Username Password",
    "staff": "School_id Staff_id Staff_email First_name Middle_name Last_name Department Title Username Password Role",
    "sections": "School_id Section_id Teacher_id " + " ".join(f"Teacher_{n}_id" for n in range(2, 11)) + " Section_number Name "
    "Grade Course_name Course_number Course_description Period Subject Term_name Term_start Term_end",
}  # fmt: skip
_KNOWN = {stem: frozenset(map(folded, names.split())) for stem, names in _BY_STEM.items()}
_EXTENSIONS = ("metadata.", "ext.")
_MOST_NAMED, _LONGEST_NAMED = 10, 40


def unknown_columns(stem: str, header: list[str]) -> list[str]:
    """The columns of a header that no file of this name has, as they are written; extensions of a standard are not among
    them. Of files that are not listed nothing is said."""
    known = _KNOWN.get(stem)
    if known is None:
        return []
    return [
        name.strip()
        for name in header
        if (column := folded(name)) and column not in known and not column.startswith(_EXTENSIONS)
    ]


def named(columns: list[str]) -> str:
    """The first of these columns, for a sentence."""
    shown = ", ".join(column[:_LONGEST_NAMED] for column in columns[:_MOST_NAMED])
    return shown + (" …" if len(columns) > _MOST_NAMED else "")
