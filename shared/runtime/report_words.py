"""The words of a report, for the data manager who acts on them: each code's sentence, in the district's language (M2).

The import says what happened in English. Here is each of those sentences once, as a template with ``%(name)s`` for what is filled
in, so that shared/locale can translate it; ``advice`` is what to do, where the sentence itself does not say it.
A new code needs its sentence here and a translation (``make texts``), and a place on the page of codes (``make errors``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Final, NamedTuple

from shared.domain.report import Note, Reject, Report
from shared.domain.settings_mistakes import BETWEEN, Mistake, mistakes_of
from shared.runtime.languages import translations


class Words:
    """What may be said of one code. The first sentence is the one that the page of codes shows."""

    __slots__ = ("advice", "said")

    def __init__(self, *said: str, advice: str = "") -> None:
        self.said = said
        self.advice = advice


def _(text: str) -> str:
    """Mark a text for the catalogue of translations."""
    return text


REASONS: Final = {
    "archive_in_zip": Words(
        _("The zip holds another archive. Zip the CSV files themselves."),
    ),
    "bad_encoding": Words(
        _("The file cannot be read as text. Save it as UTF-8 and upload again."),
        _("The file is in UTF-32. Save it as UTF-8 and upload again."),
    ),
    "bad_manifest": Words(
        _("manifest.csv says something that cannot be. Correct the line that the report names."),
        _("The manifest does not say what %(stem)s.csv is. Write absent, bulk or delta."),
        _("The manifest says two things of %(stem)s.csv. Leave one of them out."),
    ),
    "bad_quotes": Words(
        _("The quotes in this row do not fit together. Double every quote inside of a quoted field."),
    ),
    "behind_held": Words(
        _(
            "An import before this one waits for a person; this delta is applied after it. Approve or reject that one first."
        ),
    ),
    "classes_left_out": Words(
        _(
            "This upload has people and no classes, while %(number)s classes stand. Nothing was written. Upload "
            "all files, or approve this to bring the people up to date and keep the classes as they are."
        ),
    ),
    "column_twice": Words(
        _("The column %(column)s is in %(file)s twice. Leave one of them out."),
    ),
    "last_administrator": Words(
        _(
            "This upload leaves the district without an administrator: nobody of it could get into its console. "
            "Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
    ),
    "not_a_preview": Words(
        _("No preview of this id waits to be applied."),
        advice=_("Upload the roster once more to see what it does, and apply that."),
    ),
    "damaged_zip": Words(
        _("The zip is damaged. Zip and upload it again."),
    ),
    "changed_since_preview": Words(
        _(
            "This preview was not applied: what it would do has changed since it was made. Nothing was written. "
            "Check the roster again."
        ),
    ),
    "decision_unsigned": Words(
        _('A decision says who takes it ("by") and why ("reason"). Add both, and decide again.'),
    ),
    "domain_taken": Words(
        _(
            "district.json cannot be used. %(name)s: %(value)s is another district's already. Leave it out; if "
            "both districts use it, both write it under shared_email_domains."
        ),
        _(
            "district.json cannot be used. %(name)s: %(value)s is a domain that other districts share. Write it "
            "under shared_email_domains."
        ),
    ),
    "empty_file": Words(
        _("%(file)s is empty; not even a header is in it. Export it again."),
    ),
    "encrypted": Words(
        _("The zip is encrypted. Upload it without a password."),
    ),
    "field_too_long": Words(
        _("A field of this row holds more than %(number)s characters. Shorten it."),
    ),
    "file_twice": Words(
        _("%(stem)s.csv is in this upload twice. Leave one of them out."),
    ),
    "header_only": Words(
        _(
            "%(file)s has a header and no rows, while %(number)s people stand. Nothing was written. Export it "
            "again and upload; approve this only if all of them are to be removed."
        ),
        _(
            "%(file)s has a header and no rows, while %(number)s classes stand. Nothing was written. Export it "
            "again and upload; approve this only if all of them are to be removed."
        ),
        _(
            "%(file)s has a header and no rows, while %(number)s enrollments stand. Nothing was written. Export "
            "it again and upload; approve this only if all of them are to be removed."
        ),
    ),
    "id_reused": Words(
        _(
            "%(number)s ids name another person than before, with another name and address: %(ids)s. Nothing was "
            "written. Approve this if these are the same people, or give the new people ids of their own and "
            "upload again."
        ),
    ),
    "ids_changed": Words(
        _(
            "%(number)s of %(stood)s people have other numbers than before, as addresses, names and classes show;"
            " id-changes.csv lists them. Nothing was written. Approve it if these pairs are right: links, mails "
            "that are out and goals follow the people, nobody is removed and nobody is mailed again. If not, "
            "reject it, and upload a map of old and new numbers (id_map.csv) with the roster."
        ),
        _(
            "%(readdressed)s of %(stood)s people have the same address as before in another mail domain of the district's; "
            "%(learnt)s people are listed in id-changes.csv, those with other numbers among them. Nothing was written. "
            "Approve it if the district's domain changed: links, mails that are out and goals follow the people, nobody is "
            "removed and nobody is mailed again. If not, reject it."
        ),
    ),
    "internal_error": Words(
        _(
            "The import stopped because of a fault on our side; people have been told. What stood before still "
            "stands, or will be completed by uploading the same roster again."
        ),
    ),
    "invalid_decision": Words(
        _(
            'A decision is a JSON object with "action" ("approve", "reject", "roll_back" or "commit"), "by" and '
            '"reason".'
        ),
    ),
    "delivery_incomplete": Words(
        _(
            "The last delivery came without %(names)s. Nothing of it was read, and nobody is removed. Send all files "
            "again; if these are all that there are now, put an empty file _complete behind them."
        ),
        _(
            "%(names)s did not come whole: the connection ended, the file is empty, or it still has a temporary name. "
            "Nothing of the delivery was read, and nobody is removed. Send all files again, and delete what is temporary."
        ),
        _(
            "%(names)s ends in the middle of a line, and other files of the delivery do not. Nothing of it was read, "
            "and nobody is removed. Send all files again; if they are right, put an empty file _complete behind them."
        ),
        _(
            "The folder has more files than a roster has. Nothing of it was read, and nobody is removed. Delete what "
            "is old."
        ),
    ),
    "fetch_busy": Words(
        _(
            "The source asks for a pause that is longer than this fetch can wait. It is tried again with the next"
            " fetch."
        ),
    ),
    "fetch_changed": Words(
        _(
            "The source's %(name)s changed again and again while they were fetched. Choose a quieter time of day "
            "in source.json."
        ),
    ),
    "fetch_emptied": Words(
        _(
            "The source has no %(name)s any more, and had some before. Have its owner look at it, or upload the "
            "roster as files."
        ),
    ),
    "fetch_endless": Words(
        _("The source has no end of pages of %(name)s. Have its owner look at it."),
    ),
    "fetch_foreign_address": Words(
        _(
            "The source sends on to another host. Nothing was sent there. Write the address that it leads to into"
            " source.json, if it is the district's."
        ),
    ),
    "fetch_login_refused": Words(
        _("The source refuses the client id and secret, or the token. Correct the secret, or have them renewed there."),
    ),
    "fetch_no_envelope": Words(
        _(
            "The source's answer to %(name)s is none of a roster: it is an error, a page for people, or cut. Have"
            " its owner look at it."
        ),
    ),
    "fetch_no_source": Words(
        _("The district has no source to fetch from. Write sources/{district_id}/source.json, and fetch again."),
        _(
            "source.json cannot be used: the report under _settings/ says why. Correct it; until then nothing is fetched."
        ),
    ),
    "fetch_not_allowed": Words(
        _("The source does not let this service read %(name)s. Have it allowed there, and fetch again."),
    ),
    "fetch_page_missing": Words(
        _(
            "The source said that there are more %(name)s than it gave. Have its owner look at it: nobody is "
            "removed for rows that did not come."
        ),
    ),
    "fetch_paused": Words(
        _(
            "The district's data is paused, or in error, at the source. Have it set right there. Until then "
            "nobody is removed."
        ),
    ),
    "fetch_refused_address": Words(
        _(
            "An address of the source leads to a host that is not public, or is not https. Nothing was sent. "
            "Correct source.json."
        ),
    ),
    "fetch_repeated": Words(
        _("The source gave the same %(name)s on two pages, or leads in a circle. Have its owner look at it."),
    ),
    "fetch_secret": Words(
        _(
            "The secret of the source is not there, or has other fields than it needs. Set it with `make "
            "set-secret`, and fetch again."
        ),
        _(
            "source.json names a secret that is not this district's own, and none was read. Correct it, and fetch again."
        ),
    ),
    "fetch_stopped": Words(
        _(
            "The fetch stopped because of a fault on our side; people have been told. It is tried again with the "
            "next one."
        ),
    ),
    "fetch_switched_off": Words(
        _(
            "The district has switched this service off at the source. Have it switched on there. Until then "
            "nobody is removed."
        ),
    ),
    "fetch_tenant": Words(
        _(
            "district.json names no %(name)s, or the source has another one. Correct it: only what is this "
            "district's is fetched."
        ),
    ),
    "fetch_too_large": Words(
        _("The source gave an answer that is larger than any page of a roster. Have its owner look at it."),
    ),
    "fetch_too_many": Words(
        _("The source gave more %(name)s than it said that there are. Have its owner look at it."),
    ),
    "fetch_unreachable": Words(
        _("The source does not answer. It is tried again with the next fetch."),
    ),
    "invalid_source": Words(
        _("source.json cannot be used. %(what)s."),
        _("source.json is longer than %(number)s bytes. Leave out what is no setting."),
    ),
    "invalid_district": Words(
        _("district.json cannot be used. %(what)s."),
        _("district.json is longer than %(number)s bytes. Leave out what is no setting."),
    ),
    "line_too_long": Words(
        _("A row of this file is longer than %(number)s characters. Export the file again."),
    ),
    "link_in_zip": Words(
        _("The zip holds a link instead of a file. Zip the CSV files themselves."),
    ),
    "missing_column": Words(
        _("%(file)s has no column %(column)s. Add it to the header (line %(line)s) and upload again."),
        _("The map has no column %(column)s. Its columns are %(columns)s. Add it and upload again."),
    ),
    "missing_file": Words(
        _("%(file)s is missing from the upload. Add it and upload again."),
    ),
    "no_csv_files": Words(
        _("The upload holds no CSV file. Upload the roster's CSV files, zipped or loose."),
    ),
    "no_rows": Words(
        _("%(file)s has a header and no rows. Export it again; an empty file removes nobody."),
    ),
    "not_a_zip": Words(
        _("This file is not a zip archive, whatever its name says. Upload the roster's CSV files as one .zip."),
    ),
    "not_held": Words(
        _("No import of this id waits for a decision."),
    ),
    "not_the_latest": Words(
        _("Only the import that was applied last can be rolled back, and only once."),
    ),
    "paused": Words(
        _(
            "The district takes a pause until %(day)s (pauses in district.json). The upload was checked and is "
            "applied after it."
        ),
        _("Uploads that wait are applied first, in their order; this one comes after them."),
    ),
    "rejected_by_person": Words(
        _("A person rejected this import; nothing was written."),
    ),
    "rolled_back": Words(
        _(
            "A person rolled this import back: what stood before it stands again. Links and mails that came of it"
            " stay as they are."
        ),
    ),
    "rollover": Words(
        _(
            "This looks like a new school year. Nothing was written. Approve it if the numbers fit the new year, "
            "reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload begins the school year %(year)s: %(left)s of %(stood)s people leave and %(came)s are new; "
            "%(classes_left)s of %(classes_stood)s classes leave and %(classes_came)s are new; %(enrollments_left)s of "
            "%(enrollments_stood)s enrollments leave and %(enrollments_came)s are new. %(because)s. Nothing was written. "
            "Approve it if these numbers fit the new year, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload begins a new school year: %(left)s of %(stood)s people leave and %(came)s are new; "
            "%(classes_left)s of %(classes_stood)s classes leave and %(classes_came)s are new; %(enrollments_left)s of "
            "%(enrollments_stood)s enrollments leave and %(enrollments_came)s are new. %(because)s. Nothing was written. "
            "Approve it if these numbers fit the new year, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload removes %(number)s of %(stood)s students of the grade %(grade)s, the highest one, as at the end of a "
            "school year. Nothing was written. Approve it if they have graduated, reject it if not, or upload a corrected roster."
        ),
    ),
    "snapshot_lost": Words(
        _(
            "What was applied last is not at hand, so nobody can be seen to have left. Nothing was written. Ask support to bring "
            "it back, or approve this: whoever is on the roster is brought up to date, and whoever left stays for now."
        ),
        _("What was applied last is not at hand, so a delta cannot be added to it. Upload the whole roster."),
        _(
            "This import cannot be rolled back: what stood before it is not at hand. It stands. Upload the roster that is to "
            "stand instead."
        ),
    ),
    "superseded": Words(
        _("A newer upload of this district was read; it counts instead of this one."),
        _("A newer whole upload came in the same pause; it counts instead of this one."),
    ),
    "tenant_taken": Words(
        _("district.json cannot be used. %(name)s: this id is another district's already. Correct it."),
    ),
    "too_many_changed": Words(
        _(
            "More people would change than is usual. Nothing was written. Approve it if this is meant, reject it "
            "if not, or upload a corrected roster."
        ),
        _(
            "This upload would change %(number)s of %(stood)s people; the district's limit is %(limit)s. Nothing "
            "was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would change the address, role or whole name of %(number)s of %(stood)s people"
            "; up to %(limit)s are usual for this district now."
            " Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would change one of the names of %(number)s of %(stood)s people"
            "; up to %(limit)s are usual for this district now."
            " Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would remove, change or take classes from %(number)s of %(stood)s people"
            "; up to %(limit)s are usual for this district now."
            " Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would remove, change or take classes from %(number)s of %(stood)s people of the school %(school)s"
            "; up to %(limit)s are usual for its size."
            " Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
    ),
    "too_many_columns": Words(
        _(
            "The header of %(file)s names %(number)s columns; at most %(most)s are read. Leave out those that no "
            "roster has."
        ),
    ),
    "too_many_files": Words(
        _(
            "The zip holds %(number)s files, or names that are too long; a roster has at most %(most)s files. Zip"
            " the roster's CSV files, and nothing else."
        ),
        _("The upload has more than %(most)s CSV files. Upload the roster's CSV files, and nothing else."),
    ),
    "too_many_removed": Words(
        _(
            "More people, classes or enrollments would be removed than is usual. Nothing was written. Approve it "
            "if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would remove %(number)s of %(stood)s people; the district's limit is %(limit)s. Nothing "
            "was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would remove %(number)s of %(stood)s classes; the district's limit is %(limit)s. Nothing"
            " was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would remove %(number)s of %(stood)s enrollments; the district's limit is %(limit)s. "
            "Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would remove %(number)s of %(stood)s people of the school %(school)s; the limit for a "
            "school is %(limit)s. Nothing was written. Approve it if this is meant, reject it if not, or upload a"
            " corrected roster."
        ),
        _(
            "This upload would remove %(number)s of %(stood)s classes of the school %(school)s; the limit for a "
            "school is %(limit)s. Nothing was written. Approve it if this is meant, reject it if not, or upload a"
            " corrected roster."
        ),
        _(
            "This upload would remove %(number)s of %(stood)s enrollments of the school %(school)s; the limit for"
            " a school is %(limit)s. Nothing was written. Approve it if this is meant, reject it if not, or "
            "upload a corrected roster."
        ),
        _(
            "This upload would leave out the grade %(grade)s: remove %(number)s of its %(stood)s students."
            " Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would remove %(number)s of %(stood)s students"
            "; up to %(limit)s are usual for this district now."
            " Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would remove %(number)s of %(stood)s teachers and administrators"
            "; up to %(limit)s are usual for this district now."
            " Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would take classes from %(number)s of %(stood)s people"
            "; up to %(limit)s are usual for this district now."
            " Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would remove %(number)s of %(stood)s classes that are not over"
            "; up to %(limit)s are usual for this district now."
            " Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would replace %(number)s of %(stood)s classes that are not over"
            "; up to %(limit)s are usual for this district now."
            " Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would remove, change or take classes from %(number)s of %(stood)s people"
            "; up to %(limit)s are usual for this district now."
            " Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
        _(
            "This upload would remove, change or take classes from %(number)s of %(stood)s people of the school %(school)s"
            "; up to %(limit)s are usual for its size."
            " Nothing was written. Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
    ),
    "too_many_rows": Words(
        _("%(file)s has more rows than any roster needs. Leave out what no class refers to."),
    ),
    "two_formats": Words(
        _(
            "The upload holds files of %(first)s and of %(second)s. Leave out those of the one that the district "
            "does not use."
        ),
    ),
    "unclosed_quote": Words(
        _("A quoted field that begins in this line does not end. Close the quote and upload again."),
    ),
    "unknown_compression": Words(
        _(
            "A file in the zip is packed in a way that is not read here. Zip the CSV files with ordinary "
            "compression (deflate)."
        ),
    ),
    "unknown_district": Words(
        _(
            "The district %(district)s is not registered. Put its settings at districts/%(key)s/district.json, "
            "then upload the roster again."
        ),
        _("This district is not registered. Put its settings at districts/{district_id}/district.json."),
    ),
    "unknown_format": Words(
        _(
            "These files are no roster that is known here. Upload OneRoster 1.1 or 1.2 CSV (users.csv, "
            "classes.csv, enrollments.csv …), Clever CSV (students.csv, teachers.csv, sections.csv …) or School "
            "Data Sync CSV."
        ),
        _(
            "users.csv is Canvas' own file of users, and no roster that is known here. Export a roster as "
            "OneRoster 1.1 or 1.2 CSV, Clever CSV or School Data Sync CSV from the district's information system,"
            " and upload that."
        ),
        _(
            "users.csv is Moodle's own file of users, and no roster that is known here. Export a roster as "
            "OneRoster 1.1 or 1.2 CSV, Clever CSV or School Data Sync CSV from the district's information system,"
            " and upload that."
        ),
        _(
            "users.csv has no column sourcedId: it is a list of another system, and no roster that is known here."
            " Export a roster as OneRoster 1.1 or 1.2 CSV, Clever CSV or School Data Sync CSV from the district's"
            " information system, and upload that."
        ),
    ),
    "unknown_import": Words(
        _("No import of this id is known."),
    ),
    "unknown_key": Words(
        _(
            "Nothing is expected under this key. Upload a roster as rosters/{district_id}/{name}.zip, or its CSV "
            "files under rosters/{district_id}/{name}/ and then an empty object _complete beside them."
        ),
        _(
            "Nothing is expected under this key. Write the source as sources/{district_id}/source.json, and ask for a fetch by "
            "fetches/{district_id}/{name}.json."
        ),
    ),
    "unsafe_path": Words(
        _("The zip holds a file whose path leads outside of it or has a backslash. Zip the CSV files anew."),
    ),
    "upload_changed": Words(
        _("A file of the upload was replaced while it was read. Put _complete beside the files once more."),
    ),
    "upload_gone": Words(
        _("The upload was taken away before it was read. Upload it again."),
    ),
    "zip_bomb": Words(
        _(
            "The zip would unpack to far more than a roster of its size can hold. Zip the roster's CSV files "
            "anew, and nothing else."
        ),
    ),
}
"""Why an upload was not applied, or waits: ``reason``, and the one reject of an upload that cannot be used."""

ROWS: Final = {
    "bad_id": Words(
        _("%(column)s is longer than 255 characters or holds control characters. Shorten it."),
        _("%(column)s is longer than %(number)s bytes in UTF-8. Shorten it."),
        _("The row names %(number)s ids; at most %(most)s are kept. Leave out those that are not needed."),
        _("The row names an id that is longer than %(number)s bytes in UTF-8. Shorten it."),
    ),
    "bad_quotes": Words(
        _("The quotes in this row do not fit together. Double every quote inside of a quoted field."),
    ),
    "class_twice": Words(
        _("A class with this id was in an earlier row. Give every class an id of its own."),
    ),
    "field_too_long": Words(
        _("A field of this row holds more than %(number)s characters. Shorten it."),
    ),
    "id_of_another": Words(
        _("An earlier row gives this id to somebody with another name. Give each person an id of their own."),
    ),
    "missing_value": Words(
        _("The row has no %(column)s. Fill it in."),
        _("The row names nobody. Fill in First_name and Last_name."),
        _("The row names nobody. Fill in givenName and familyName."),
        _("The class has no title. Fill it in."),
        _("No row of roles.csv says who this person is. Add one with the person's role."),
    ),
    "too_few_fields": Words(
        _("The row has %(fields)s fields, the header %(columns)s. Fill in the comma that is missing."),
    ),
    "too_many_classes": Words(
        _("The person is in more classes than can be kept; the first ones were taken. Leave out the others."),
    ),
    "too_many_fields": Words(
        _("The row has %(fields)s fields, the header %(columns)s. Put fields that hold a comma into quotes."),
    ),
    "too_many_schools": Words(
        _("A person can have %(schools)s schools and %(ids)s Clever ids. Leave out the others."),
    ),
    "unknown_class": Words(
        _("The row names a class that is not in this upload. Add the class, or leave the row out."),
    ),
    "unknown_role": Words(
        _("The role of this row is not known here. Write a role of the format, such as teacher or student."),
    ),
    "unknown_status": Words(
        _("The status of this row is not known. Write active or tobedeleted."),
    ),
    "unknown_user": Words(
        _("The row names a person who is not in this upload. Add the person, or leave the row out."),
        _("The row is about a person who is not in users.csv. Add the person, or leave the row out."),
    ),
    "id_map_twice": Words(
        _("An earlier row has this number: one old number becomes one new one. Leave one of the rows out."),
    ),
    "id_of_somebody_else": Words(
        _("The roster names another person under the new number: name and address differ. Correct the row."),
    ),
    "unknown_id": Words(
        _("No person that stands is gone under this number with this upload. Correct the number or leave the row out."),
        _("No class that stands is gone under this number with this upload. Correct the number or leave the row out."),
        _("No person comes under this number with this upload. Correct the number or leave the row out."),
        _("No class comes under this number with this upload. Correct the number or leave the row out."),
    ),
    "unknown_kind": Words(
        _("The kind is student, teacher, staff or class. Correct it."),
    ),
    "wrong_kind": Words(
        _("The roster has this person in another role. Correct the kind."),
    ),
}
"""Why a row was rejected."""

NOTES: Final = {
    "last_administrator": Words(
        _("This upload leaves the district without an administrator: nobody of it could get into its console."),
        advice=_("Upload a roster that names one."),
    ),
    "activation_waits": Words(
        _("Activations wait until the district lets them start."),
        advice=_("Change activations_from, first_wave or schools in district.json to send them sooner."),
    ),
    "address_corrected": Words(
        _(
            "The address of teachers who had been mailed was corrected: the link in that mail leads nowhere any "
            "more, and a new mail goes to the new address."
        ),
        advice=_("Nothing to do if the new address is right."),
    ),
    "ambiguous_date": Words(
        _("Dates that can be read in two ways were not used. Write them as YYYY-MM-DD."),
    ),
    "claim_disputed": Words(
        _(
            "The settings name %(claim)s, which is another district's: nobody is matched or let in by it. Correct"
            " district.json."
        ),
    ),
    "class_removals_put_off": Words(
        _("Classes that are missing were kept, because rows of the file were rejected."),
        _("Classes that are missing were kept, because the district takes additions only at this time."),
        advice=_("Correct the rejected rows; the next upload removes what is missing."),
    ),
    "class_id_used_again": Words(
        _(
            "Ids of classes came again in a later term with another course or teacher. Each was read as another class, which "
            "begins without goals; the earlier one is among the past classes of its teacher."
        ),
        advice=_("Nothing to do. If it is the same class after all, leave its course and its teachers as they were."),
    ),
    "classes_follow": Words(
        _("Classes that no row is about follow their course or their term, which changed."),
        advice=_("Nothing to do."),
    ),
    "columns_not_read": Words(
        _("Columns that are none of the format's were not read: %(names)s."),
        advice=_("Rename a column that should be read as the format calls it."),
    ),
    "disabled_user": Words(
        _("People whom the roster disables (enabledUser) are counted, and neither mailed nor let in."),
        _("People all of whose roles are over or have not begun are counted, and neither mailed nor let in."),
        advice=_("Correct the row if this is not meant."),
    ),
    "domain_changed": Words(
        _(
            "Addresses have another mail domain of the district's than before and are otherwise the same. Links and mails that "
            "are out go on at the new addresses; nobody is mailed again, but for those whose mail came back."
        ),
        advice=_("Correct an address that is another person's."),
    ),
    "email_not_usable": Words(
        _("Addresses that are not valid were read as if there were none."),
        advice=_("Correct them, or these teachers cannot be mailed."),
    ),
    "encoding_assumed": Words(
        _("The file is not UTF-8; it was read as %(codec)s."),
        advice=_("Save it as UTF-8, and check names with accents."),
    ),
    "enrollment_over": Words(
        _("Enrollments whose last day is past are over; nobody is in a class by them."),
        advice=_("Nothing to do."),
    ),
    "enrollment_removals_put_off": Words(
        _("Enrollments that are missing were kept, because rows of the file were rejected."),
        _("Enrollments that are missing were kept, because the district takes additions only at this time."),
        advice=_("Correct the rejected rows; the next upload removes what is missing."),
    ),
    "enrollments_left_out": Words(
        _("Enrollments of people who were left out were not read."),
        _("Enrollments in classes that the upload marks as deleted were left out."),
        advice=_("Correct the role of the person or the status of the class if this is not meant."),
    ),
    "files_not_read": Words(
        _("Files of which nothing is used were not read: %(names)s."),
        advice=_("Nothing to do."),
    ),
    "guardians_left_out": Words(
        _("People without a role that this system acts for were left out."),
        advice=_("Nothing to do; correct the role of those who teach or learn."),
    ),
    "header_only": Words(
        _("The file has a header and no rows."),
        advice=_("Export it again if it was cut off."),
    ),
    "id_map_used": Words(
        _("Rows of a map of numbers were carried out by an earlier import."),
        advice=_("Nothing to do; the map can be left out."),
    ),
    "kept_untold": Words(
        _("People keep addresses, Clever ids or their being disabled, for which the files have no column."),
        _("Classes keep the terms or courses that they had: their file has no column for them."),
        advice=_("Export the column again; blank its cells to take the values away."),
    ),
    "looked_at_again": Words(
        _("Teachers are mailed now because nobody else has their address any more."),
        advice=_("Nothing to do."),
    ),
    "manifest_disagrees": Words(
        _("The manifest names files that are not in the upload; the files that are there were read."),
        _("The manifest calls files absent that are in the upload; they were read."),
        _("The manifest names a version of OneRoster that is not known; the files tell the version."),
        advice=_("Correct the manifest."),
    ),
    "manifest_not_read": Words(
        _("Lines of the manifest that are not known here were not read: %(names)s."),
        advice=_("Correct the name of a line that says what a file is (file.users, file.classes …)."),
    ),
    "manifest_unclear": Words(
        _("The manifest does not say what %(stem)s.csv is. Write absent, bulk or delta. The file is not used."),
        _("The manifest says two things of %(stem)s.csv. Leave one of them out. The file is not used."),
    ),
    "mixed_encodings": Words(
        _("The file is in UTF-8 with single letters in the encoding of Windows; both were read. Save it as UTF-8."),
    ),
    "no_date": Words(
        _("Values that are no dates were not used. Write dates as YYYY-MM-DD."),
    ),
    "no_school_year": Words(
        _("School years that are not written as the year in which they end were not used. Write for example 2027."),
    ),
    "no_status": Words(
        _("Rows of a delta without a status were read as active. Fill in active or tobedeleted."),
    ),
    "not_a_teacher": Words(
        _(
            "Enrollments as a teacher of people whose role is another were not used: only staff teach. Correct "
            "the role of the person or of the enrollment."
        ),
    ),
    "nothing_to_delete": Words(
        _("Rows that delete what is not there were read; they change nothing."),
        advice=_("Upload the whole roster once if there are many."),
    ),
    "number_of_another": Words(
        _("Numbers are somebody else's now: the link of the person before ended and can be taken back for 30 days."),
        _("Numbers name somebody else than before, with another name and address: these people begin anew."),
        advice=_("Correct a slip with the next upload."),
    ),
    "outside_domain": Words(
        _("Teachers were mailed at an address outside the district's domains."),
        advice=_("Correct the addresses that are not official ones."),
    ),
    "part_not_usable": Words(
        _("The file has no row that can be used; classes keep the terms and courses that they had."),
        advice=_("Export the file again."),
    ),
    "removals_put_off": Words(
        _("People who are missing were kept, because rows of the file were rejected."),
        _("People who are missing were kept, because the district takes additions only at this time."),
        advice=_("Correct the rejected rows; the next upload removes what is missing."),
    ),
    "repeated_enrollments": Words(
        _("Repeated enrollments were counted once."),
        advice=_("Nothing to do."),
    ),
    "repeated_rows": Words(
        _("Rows with the id of an earlier row of their file were not used: the first one counts."),
        advice=_("Give each row an id of its own."),
    ),
    "role_does_nothing": Words(
        _("Enrollments with roles that neither teach nor attend a class are counted, and do nothing."),
        _("Roles that neither teach nor learn nor administer do nothing."),
        advice=_("Write teacher or student for who is to teach or to learn."),
    ),
    "roles_over": Words(
        _("Roles that are over or have not begun were not used."),
        advice=_("Nothing to do; they are used once they have begun."),
    ),
    "row_without_id": Words(
        _("Rows without a sourcedId were not used: no class can refer to them. Fill it in."),
    ),
    "rows_disagree": Words(
        _("Rows of one person name the person differently; the first was taken."),
        _("Rows of one person give different addresses; the first was taken."),
        advice=_("Correct the row that is wrong."),
    ),
    "school_kept": Words(
        _("Rows that delete schools were read; the names stay for who is in them still."),
        advice=_("Nothing to do."),
    ),
    "school_not_usable": Words(
        _("Schools without an id or a name were not used. Fill both in."),
        _("Ids of schools that are too long were read as if there were none. Shorten them."),
        _("Schools whose id is too long or holds control characters were not used. Correct the id."),
    ),
    "several_numbers": Words(
        _("People with one name, role and address under several numbers were read as one person each."),
        advice=_("Nothing to do; if they are different people, give each of them an address of their own."),
    ),
    "several_rows_per_class": Words(
        _("Classes on several rows, one for each term or the same one twice, were read as one class each."),
        advice=_("Nothing to do."),
    ),
    "several_rows_per_person": Words(
        _("People on several rows were read as one person each."),
        advice=_("Nothing to do."),
    ),
    "shared_address": Words(
        _("An address that several people share is not mailed."),
        advice=_("Give each of them an address of their own."),
    ),
    "sourced_id_changed": Words(
        _(
            "People came under other numbers than before. Links, mails that are out and goals follow them; "
            "id-changes.csv lists them."
        ),
        advice=_(
            "Look at the pairs; if one is wrong, roll the import back and upload a map of old and new numbers "
            "with the roster."
        ),
    ),
    "staff_left_out": Words(
        _(
            "Staff whose Role and Title do not say that they are administrators were left out. Write "
            "administrator, principal, or site, district or system administrator for those who are to see the "
            "console."
        ),
    ),
    "status_in_bulk": Words(
        _("A bulk file marks rows as deleted; they were left out."),
        advice=_("Nothing to do."),
    ),
    "teacher_without_email": Words(
        _("Teachers without a usable address cannot be mailed."),
        advice=_("Fill in their addresses."),
    ),
    "term_ended": Words(
        _("Classes of a term that is over are no longer in the roster; they do not count as removed by mistake."),
        advice=_("Nothing to do."),
    ),
    "unknown_course": Words(
        _("Classes name courses that no courses.csv has; their titles are not known. Add them."),
    ),
    "unknown_enabled": Words(
        _("Words of enabledUser that are not known were read as true. Write true or false."),
    ),
    "unknown_school": Words(
        _("Schools that rows name are not in the file of schools; they have no name. Add them."),
        _("The upload has no file of schools; those that rows name have no name. Add it."),
    ),
    "unknown_status": Words(
        _("An unknown status was read as active."),
        advice=_("Write active or tobedeleted."),
    ),
    "unknown_term": Words(
        _("Classes name terms that no academicSessions.csv has; such classes have no end. Add them."),
    ),
    "user_ids_not_read": Words(
        _("Clever ids in userIds that are not written as {Clever:id} were not used. Put them into braces."),
    ),
    "waits_for_role": Words(
        _("People whose role no row tells wait for it: they come with the upload that tells it."),
        advice=_("Upload the rows of their roles (roles.csv)."),
    ),
}
"""What was unusual, and how it was read."""

ACCOUNTS: Final = {
    "account_twice": Words(
        _("Accounts have several lines. They were read in their order: of what two of them name the later one counts."),
        advice=_("Nothing, if that is meant; otherwise write one line an account."),
    ),
    "accounts_anew": Words(
        _("Table or snapshots were restored to an earlier moment: every line was applied, whatever was before."),
        advice=_("Nothing to do."),
    ),
    "cannot_be_kept": Words(
        _("The line says more of this account than can be kept."),
        advice=_("Leave out classes, students or scores, or shorten names."),
    ),
    "catalogue_full": Words(
        _("The catalogue has more skills than fit: %(number)s MB, packed."),
        _("The file has more lines than fit: %(number)s."),
        advice=_("Leave out skills that no class uses."),
    ),
    "internal_error": Words(
        _("The accounts could not be loaded to the end. Put the file once more: what was loaded is not loaded again."),
    ),
    "invalid_line": Words(
        _("The line has more than %(number)s bytes."),
        advice=_("Leave out what is not part of an account line."),
    ),
    "invalid_value": Words(
        _("%(column)s: a value is missing or wrong. It is not repeated: it may be personal."),
        advice=_("Correct it; the next feed takes it."),
    ),
    "not_json": Words(
        _("The line is not a JSON object. Write one object a line."),
        _("The line is not a JSON object. It cannot be read from character %(number)s on. Write one object a line."),
    ),
    "too_many_skills": Words(
        _("The account has more skills than fit: %(number)s MB with their ids and moments."),
        advice=_("Leave out skills that are not needed."),
    ),
}
"""A file of the accounts feed: why a line is left out, what was unusual, and why it was not loaded to the end."""

PLACES: Final = {
    _("The reason of a report"): REASONS,
    _("A row that is rejected"): ROWS,
    _("A note"): NOTES,
    _("A file of accounts"): ACCOUNTS,
}
"""Where a report has its codes; a code may be in several of them."""


class Explained(NamedTuple):
    """What a code says in one place of a report, in the reader's language, and what to do where no sentence says it."""

    place: str
    said: list[str]
    advice: str


_FILLED_IN = re.compile(r"%\((\w+)\)s")


def in_language(report: Report, language: str) -> Report:
    """Return the report with its reason, rejects and notes as a data manager reads them in this language."""
    return replace(
        report,
        language=language,
        reason=reason_in(report.reason, language) if report.reason else None,
        rejects=list(rejects_in(report.rejects, language)),
        notes=[_note_in(note, language) for note in report.notes],
    )


def reason_in(reason: Mapping[str, str], language: str) -> dict[str, str]:
    """Return a reason in this language."""
    return {**reason, "message": _sentence(REASONS.get(reason["code"]), reason["message"], language)}


def rejects_in(rejects: Iterable[Reject], language: str) -> Iterator[Reject]:
    """Yield the rejects in this language."""
    if language == "en":
        yield from rejects
        return
    for reject in rejects:
        words = ROWS.get(reject.code) or REASONS.get(reject.code)
        yield replace(reject, message=_sentence(words, reject.message, language))


def _note_in(note: Note, language: str) -> Note:
    return replace(note, message=_sentence(NOTES.get(note.code), note.message, language))


def retold(code: str, message: str, said_in: str, language: str) -> str | None:
    """What a report says of a code, as somebody reads it in another language than the one in which it was said (``said_in``).
    None where no sentence of the code fits."""
    translate = translations(said_in).gettext
    for words in (table[code] for table in PLACES.values() if code in table):
        advice = f" {translate(words.advice)}" if words.advice else ""
        if found := next(_fits(words, message.removesuffix(advice), said_in), None):
            said = _filled_in(*found, said_in, language)
            return f"{said} {translations(language).gettext(words.advice)}" if advice else said
    return None


def _sentence(words: Words | None, message: str, language: str) -> str:
    """The message in this language, with what to do. One that no template fits stays as it is, behind the code's own sentence."""
    if words is None:
        return message
    translate = translations(language).gettext
    said = message
    if language != "en":
        found = next(_fits(words, message), None)
        said = _filled_in(*found, "en", language) if found else f"{_general(translate(words.said[0]))} ({message})"
    return f"{said} {translate(words.advice)}" if words.advice else said


def _filled_in(template: str, values: Mapping[str, str], said_in: str, language: str) -> str:
    """The template in this language; what is filled in is translated where it is a sentence itself."""
    within = {"what": _mistakes_in, "because": _because_in}
    spoken = {
        name: within[name](value, said_in, language) if name in within else value for name, value in values.items()
    }
    return translations(language).gettext(template) % spoken


def _mistakes_in(mistakes: str, said_in: str, language: str) -> str:
    """The mistakes of a settings file, each with its place."""
    translate = translations(language).gettext
    told = []
    for place, said in mistakes_of(mistakes):
        found = next(_fits(_MISTAKES, said, said_in), None)
        told.append(f"{place}: {translate(found[0]) % found[1] if found else said}")
    return BETWEEN.join(told)


_MISTAKES: Final = Words(*(mistake.value for mistake in Mistake))


def _because_in(because: str, said_in: str, language: str) -> str:
    """The first sentence of a reason for which an import waits, as another reason cites it."""
    for code in ("too_many_removed", "too_many_changed", "rollover"):
        for template in REASONS[code].said:
            translated = translations(said_in).gettext(template)
            first, is_of_several, _rest = translated.partition(_begin_of_second(said_in))
            if is_of_several and (found := _pattern(first).fullmatch(because)):
                spoken: str = translations(language).gettext(template) % found.groupdict()
                return spoken.partition(_begin_of_second(language))[0]
    return because


_NOTHING_WRITTEN: Final = _(". Nothing was written. ")


def _begin_of_second(language: str) -> str:
    """How the second sentence of a reason begins, with the end of the first."""
    return translations(language).gettext(_NOTHING_WRITTEN)


def _fits(words: Words, message: str, said_in: str = "en") -> Iterator[tuple[str, dict[str, str]]]:
    """The templates that the message can be made from, with what is filled in; the one that says most by itself comes first."""
    translate = translations(said_in).gettext
    every = ((template, _pattern(translate(template)).fullmatch(message)) for template in words.said)
    found = [(template, match.groupdict()) for template, match in every if match]
    yield from sorted(found, key=lambda each: sum(map(len, each[1].values())))


def fits(words: Words, message: str) -> bool:
    """Whether one of a code's sentences is this message, so that it is translated with what is filled in."""
    return any(_fits(words, message))


def general(words: Words, language: str) -> str:
    """Return what the page of codes says of a code: its first sentence, with … for what is filled in, and what to do."""
    translate = translations(language).gettext
    return " ".join(filter(None, (_general(translate(words.said[0])), translate(words.advice) if words.advice else "")))


def codes(language: str) -> dict[str, str]:
    """Return each code that a report may hold, in alphabetical order, with its first sentence."""
    translate = translations(language).gettext
    every = {code: words.said[0] for table in reversed(PLACES.values()) for code, words in table.items()}
    return {code: _general(translate(every[code])) for code in sorted(every)}


def is_code(code: str) -> bool:
    """Whether a report may hold this code."""
    return any(code in table for table in PLACES.values())


def explained(code: str, language: str) -> list[Explained]:
    """Return all that a report may say of a code, for each place that has it."""
    translate = translations(language).gettext
    return [
        Explained(
            translate(place),
            [_general(translate(said)) for said in table[code].said],
            translate(table[code].advice) if table[code].advice else "",
        )
        for place, table in PLACES.items()
        if code in table
    ]


def _general(template: str) -> str:
    return _FILLED_IN.sub("…", template)


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = _FILLED_IN.split(template)
    texts, names = parts[::2], parts[1::2]
    groups = [f"(?P={name})" if name in names[:place] else f"(?P<{name}>.*?)" for place, name in enumerate(names)]
    return re.compile("".join(map(str.__add__, map(re.escape, texts), [*groups, ""])), re.DOTALL)
