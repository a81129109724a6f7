"""The package: everything of the guide as one .tgz in the layout of FHIR packages (npm), for servers and validators to load."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping

from wince.delivery.fhir.guide.capability import capabilities
from wince.delivery.fhir.guide.common import PUBLISHER, conformance
from wince.delivery.fhir.guide.examples import examples
from wince.delivery.fhir.guide.structures import structures
from wince.delivery.fhir.guide.vocabulary import code_systems, concept_map, value_sets
from wince.fhir.invariants import Resource
from wince.protocols.rules import ClinicalProtocol
from wince.version import VERSION

NAME = "wince.fhir"
"""Of the package."""
CORE = {"hl7.fhir.r4.core": "4.0.1"}


def definitions(protocols: Mapping[str, ClinicalProtocol]) -> list[Resource]:
    """All conformance resources, the ImplementationGuide first."""
    found = [*structures(), *code_systems(protocols), *value_sets(protocols), concept_map(), *capabilities()]
    return [_guide(found), *found]


def _guide(found: list[Resource]) -> Resource:
    listed = [{"reference": {"reference": f"{one['resourceType']}/{one['id']}"}, "name": one["title"]} for one in found]
    return {
        **conformance("ImplementationGuide", "urn:wince:guide", "WinceGuide", "What Wince writes into a FHIR R4 server"),
        "packageId": NAME,
        "license": "Apache-2.0",
        "fhirVersion": ["4.0.1"],
        "definition": {"resource": listed},
    }


def package(protocols: Mapping[str, ClinicalProtocol]) -> bytes:
    """The .tgz: package/package.json, package/.index.json, a file per definition, and examples below package/example/. The same protocols
    give the same bytes."""
    named = {f"{one['resourceType']}-{one['id']}.json": one for one in definitions(protocols)}
    manifest = {
        "name": NAME,
        "version": VERSION,
        "canonical": "urn:wince",
        "url": "urn:wince:guide",
        "title": "What Wince writes into a FHIR R4 server",
        "description": "Profiles, extensions, terms, examples and what Wince needs of a server",
        "author": PUBLISHER,
        "license": "Apache-2.0",
        "type": "fhir.ig",
        "fhirVersions": ["4.0.1"],
        "dependencies": CORE,
    }
    index = {"index-version": 2, "files": [_indexed(name, one) for name, one in named.items()]}
    files = {"package.json": manifest, ".index.json": index, **named}
    files |= {f"example/{name}.json": one for name, one in examples(dict(protocols)).items()}
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name, content in files.items():
            body = json.dumps(content, indent=2, ensure_ascii=False).encode()
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size, entry.mode = len(body), 0o644
            tar.addfile(entry, io.BytesIO(body))
    return buffer.getvalue()


def _indexed(name: str, resource: Resource) -> Resource:
    kept = ("resourceType", "id", "url", "version", "kind", "type")
    return {"filename": name, **{key: resource[key] for key in kept if key in resource}}
