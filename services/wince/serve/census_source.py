"""The source of the census that is set, and a file that a person names: one way to them for the hospital service and `wince census`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from wince import plain_file
from wince.clock import wall_us
from wince.domain.outside import CensusList
from wince.errors import ConfigError, InputError
from wince.fhir.scopes import census
from wince.hospital.outside import csv_list
from wince.hospital.outside.fhir_list import FhirCensus, Rules
from wince.hospital.site import Site, parts, system
from wince.serve import ehr, site
from wince.settings import Settings

_HOUR_US = 3600 * 1_000_000


def source(settings: Settings, stack: ExitStack) -> Callable[[], CensusList] | None:
    """Reads the census from the source that is set, whenever it is called; None: none is. Raises ConfigError."""
    if settings.census_source == "none":
        return None
    if settings.census_source == "csv":
        site.of(settings)
        return lambda: read_file(settings, _named(settings))
    return from_fhir(settings, stack)


def from_fhir(settings: Settings, stack: ExitStack) -> Callable[[], CensusList]:
    """Reads the FHIR server of the settings. Raises ConfigError where none is set, or its sign-in can't be meant so."""
    reader = FhirCensus(ehr.client(settings, stack, scope=census(settings.ehr_scopes)), rules(settings))
    return reader.read


def read_file(
    settings: Settings, path: Path, *, moment_us: int | None = None, encoding: str = "", wards: tuple[str, ...] = (), skip_bad: bool = False
) -> CensusList:
    """A census file. `moment_us`: when it was so; None: when the file was last written.

    Raises InputError where it can't be read or for what it says, ConfigError where the site's zone is not set.
    """
    where = site.of(settings)
    try:
        written_us = int(path.stat().st_mtime * 1e6)
        data = plain_file.read(path, csv_list.MAX_BYTES)
    except OSError as error:
        raise InputError(error.strerror or "can't be read", field=path, remedy="name a readable file") from None
    now_us = wall_us()
    moment_us = min(written_us, now_us) if moment_us is None else moment_us
    if moment_us > now_us + settings.event_ahead_min * 60e6:
        remedy = "say when it was so; is this machine's clock right? (event_ahead_min is the bound)"
        raise InputError("lies ahead of now", field="--at", remedy=remedy)
    if now_us - moment_us > settings.census_max_age_h * _HOUR_US:
        hours = (now_us - moment_us) / _HOUR_US
        remedy = "give a newer file; where it is right, say when it was so with --at, or raise census_max_age_h"
        raise InputError(f"tells of {hours:.0f} hours ago, and says nothing of now", field=path, remedy=remedy)
    how = csv_list.Reading(
        moment_us,
        encoding or settings.census_encoding,
        where.zone,
        settings.patient_authority,
        settings.census_visit_authority,
        frozenset((*settings.census_wards, *wards)),
        skip_bad,
    )
    return csv_list.read(data, how, field=str(path))


def rules(settings: Settings) -> Rules:
    """How the FHIR server's resources name what HL7 names."""
    visits = ours(settings)
    own = Site(authority=settings.patient_authority)
    patients = {there: here for there, here in visits.items() if not own.authority or here == system(own.own)}
    if own.authority and not patients:
        patients = {system(own.own): system(own.own)}
    return Rules(
        bed_from=settings.census_bed_from,
        bed_system=settings.census_bed_system,
        bed_pattern=settings.census_bed_pattern,
        patients=patients,
        visits=visits,
        locations=settings.census_locations,
        wards=frozenset(settings.census_wards),
    )


def ours(settings: Settings) -> Mapping[str, str]:
    """From the FHIR server's identifier systems to ours. Raises ConfigError where two authorities have one system there, for which of them
    a number was given could then not be told."""
    own, found = Site(authority=settings.patient_authority), dict[str, str]()
    for entry in settings.identifier_systems:
        authority = parts(entry.authority)
        here = system(own.own) if own.authority and own.counts(authority) else system(authority)
        if found.setdefault(entry.system, here) != here:
            remedy = "give each authority a system of its own, or take the census from a file"
            raise ConfigError("two authorities have one system", field="identifier_systems", remedy=remedy)
    return found


def _named(settings: Settings) -> Path:
    if settings.census_file is None:
        raise ConfigError("no census file is set", field="census_file", remedy="name the file")
    return settings.census_file
