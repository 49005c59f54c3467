"""The double of OneRoster gives what 1EdTech's own document says (schemathesis), where the document is at hand.

It is 1EdTech's, and no part of this repository: ONEROSTER_OPENAPI names its file
(onerosterv1p2rostersservice_openapi3_v1p0.json, from purl.imsglobal.org/spec/or/v1p2/schema/openapi/).
A copy lies in the repository 1EdTech/oneroster-bootcamp.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from local.doubles.oneroster import TOKEN, OneRoster
from local.doubles.roster_server import Server
from tests.corpus import own

DOCUMENT = os.environ.get("ONEROSTER_OPENAPI", "")
COLLECTIONS = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")


@pytest.mark.slow
@pytest.mark.skipif(not DOCUMENT, reason="1EdTech's OpenAPI document is not at hand (ONEROSTER_OPENAPI)")
@pytest.mark.parametrize("collection", COLLECTIONS)
def test_the_double_of_oneroster_gives_what_1edtechs_document_says(collection: str) -> None:
    document = schemathesis.openapi.from_dict(json.loads(Path(DOCUMENT).read_text()))
    operation = document[f"/{collection}"]["GET"]
    files = next(each.files for each in own.make().rosters if any("roles" in name for name in each.files))
    server = Server(OneRoster(files, "1.2"))

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(limit=st.integers(1, 50), offset=st.integers(0, 50))
    def asked(limit: int, offset: int) -> None:
        case = operation.Case(query={"limit": limit, "offset": offset})
        base = f"{server.origin}/ims/oneroster/rostering/v1p2"
        answer = case.call(base_url=base, headers={"Authorization": f"Bearer {TOKEN}"})
        case.validate_response(answer, checks=[status_code_conformance, response_schema_conformance])
        assert int(answer.headers["x-total-count"][0]) >= len(answer.json()[collection])
        # What it refuses is in the form of the document, too.
        for query, login in (({"limit": 20_000}, f"Bearer {TOKEN}"), ({}, "Bearer another")):
            refused = operation.Case(query=query)
            answer = refused.call(base_url=base, headers={"Authorization": login})
            assert answer.status_code in (400, 401)
            refused.validate_response(answer, checks=[status_code_conformance, response_schema_conformance])

    try:
        asked()
    finally:
        server.stop()
