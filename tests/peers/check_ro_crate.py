"""Checks a crate with roc-validator, without a network, and every file of it against its digest. Prints what is wrong as JSON.

The contexts that a crate names are given here, as far as a run's crate uses them: each term with the IRI that RO-Crate 1.1
(or the terms of Workflow Run Crate) gives it. A term that is missing would be dropped, and the profile would not be fulfilled.
"""

import hashlib
import json
import sys
import urllib.parse
import zipfile

from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

SCHEMA = "http://schema.org/"
TERMS = (
    "CreateAction CreativeWork Dataset PropertyValue SoftwareApplication about actionStatus contentSize datePublished description "
    "encodingFormat endTime error hasPart identifier instrument isPartOf license mentions name object propertyID result "
    "softwareVersion startTime value version"
)
OTHERS = {
    "File": SCHEMA + "MediaObject",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
}
CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": {**{term: SCHEMA + term for term in TERMS.split()}, **OTHERS},
    "https://w3id.org/ro/terms/workflow-run/context": {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"},
}


class Answer:
    """What the network would say."""

    def __init__(self, url):
        self.url, self.headers = url, {"Content-Type": "application/ld+json"}
        self.status_code = 200 if url in CONTEXTS else 404
        self.ok, self.text = self.status_code == 200, json.dumps({"@context": CONTEXTS.get(url, {})})
        self.content = self.text.encode()

    def json(self):
        return json.loads(self.text)

    def raise_for_status(self):
        if not self.ok:
            raise OSError(f"{self.url} is not one of the contexts that are given here")


def check_files(path):
    """Every file that is named is there, no other is, and each is what its digest says."""
    wrong = []
    with zipfile.ZipFile(path) as crate:
        names = set(crate.namelist())
        graph = json.loads(crate.read("ro-crate-metadata.json"))["@graph"]
        described = {"ro-crate-metadata.json"}
        for entity in graph:
            if entity["@type"] != "File":
                continue
            name = urllib.parse.unquote(entity["@id"])
            described.add(name)
            if name not in names:
                wrong.append(f"{name} is not in the archive")
            elif hashlib.sha256(crate.read(name)).hexdigest() != entity["sha256"]:
                wrong.append(f"{name} is not what its digest says")
        wrong += [f"{name} is not described" for name in names - described]
        used = {key for entity in graph for key in entity if not key.startswith("@")} | {entity["@type"] for entity in graph}
        known = {term for context in CONTEXTS.values() for term in context}
        wrong += [f"the term {term} is in no context" for term in sorted(used - known)]
    return wrong


HttpRequester.get = HttpRequester.head = lambda _, url, **options: Answer(url)
settings = services.ValidationSettings(
    rocrate_uri=sys.argv[1], profile_identifier="process-run-crate", requirement_severity=models.Severity.REQUIRED,
    skip_availability_check=True,
)
result = services.validate(settings)
issues = [f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()]
print(json.dumps(issues + check_files(sys.argv[1])))
