"""What checks look at: a stack with its resources, public DNS, the web, this machine's clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from operations.doctor import dns, web
from operations.stack import Stack
from shared.domain.clock import Clock, utc_now
from shared.domain.district import District
from shared.hubs.public_web import PublicWeb, Resolve, Web
from shared.stores.districts import DistrictStore
from shared.stores.table import DynamoTable

_DISTRICTS = "districts/"
_SOURCES = "sources/"


class Resource(NamedTuple):
    """A resource of the template. ``name`` is what AWS calls it: an address, an ARN or a name, by its type."""

    logical_id: str
    name: str
    type: str


@dataclass(frozen=True)
class Facts:
    """Everything is looked up on first use, and once."""

    stack: Stack
    lookup: dns.Lookup = dns.lookup
    fetch: web.Fetch = web.fetch
    clock: Clock = utc_now
    sleep: Callable[[float], None] = field(kw_only=True)
    sources_web: Web | None = None
    """In the place of the web, for districts' sources."""
    resolve: Resolve | None = None
    """In the place of this machine's resolver, for the same."""
    version: str = ""
    """Of this working copy (``operations.version``)."""

    def client(self, service: str) -> Any:
        """A client of boto3, whose types are not among the tools for each service that is asked here."""
        return self.stack.client(service)

    @cached_property
    def described(self) -> Mapping[str, Any]:
        """The stack as CloudFormation describes it."""
        stacks = self.client("cloudformation").describe_stacks(StackName=self.stack.deployed_name)["Stacks"]
        return dict(stacks[0])

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        return {p["ParameterKey"]: p.get("ParameterValue", "") for p in self.described.get("Parameters", ())}

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(
            StackName=self.stack.deployed_name
        )  # fmt: skip
        return tuple(
            Resource(found["LogicalResourceId"], found.get("PhysicalResourceId", ""), found["ResourceType"])
            for page in pages
            for found in page["StackResourceSummaries"]
        )

    def of_type(self, kind: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == kind]

    def name_of(self, logical_id: str) -> str | None:
        """What AWS calls this resource; None where the stack has none of this name."""
        return next((r.name for r in self.resources if r.logical_id == logical_id), None)

    @cached_property
    def functions(self) -> tuple[Mapping[str, Any], ...]:
        """The configuration of each function."""
        client = self.client("lambda")
        return tuple(
            client.get_function_configuration(FunctionName=resource.name)
            for resource in self.of_type("AWS::Lambda::Function")
        )

    @cached_property
    def page_settings(self) -> Mapping[str, str]:
        """The environment of the function that renders the pages."""
        name = self.stack.outputs["PagesFunctionName"]
        configuration = self.client("lambda").get_function_configuration(FunctionName=name)
        return dict(configuration["Environment"]["Variables"])

    @cached_property
    def table(self) -> DynamoTable:
        return self.stack.table()

    @cached_property
    def districts(self) -> tuple[District, ...]:
        """The settings of each district that has a district.json."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(
            Bucket=self.stack.outputs["RosterBucketName"], Prefix=_DISTRICTS, Delimiter="/"
        )  # fmt: skip
        ids = [
            prefix["Prefix"].removeprefix(_DISTRICTS).rstrip("/")
            for page in pages
            for prefix in page.get("CommonPrefixes", ())
        ]
        store = DistrictStore(self.table)
        return tuple(found for district_id in ids if (found := store.find(district_id, consistent=False)))

    @cached_property
    def districts_with_a_source(self) -> tuple[str, ...]:
        """The districts that have a source.json."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(
            Bucket=self.stack.outputs["RosterBucketName"], Prefix=_SOURCES, Delimiter="/"
        )  # fmt: skip
        found = (prefix["Prefix"] for page in pages for prefix in page.get("CommonPrefixes", ()))
        return tuple(name.removeprefix(_SOURCES).rstrip("/") for name in found if name.startswith(_SOURCES))

    @cached_property
    def web(self) -> Web:
        """The web as a fetch reaches it."""
        return self.sources_web or PublicWeb(self.stack.is_local)

    @cached_property
    def sending(self) -> Mapping[str, Any]:
        """What SES says of the whole account."""
        return dict(self.client("sesv2").get_account())
