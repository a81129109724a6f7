"""The site as settings say it: one way to it for `wince run`, the hospital service, `wince doctor` and `wince config check`."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo
from zoneinfo import ZoneInfo

from wince.errors import ConfigError
from wince.hospital.site import Site, parts, system
from wince.settings import Settings

_HOUR_US = 3600 * 1_000_000


def of(settings: Settings, *, zone: tzinfo | None = None) -> Site:
    """`zone`: of a feed of our own, where none is set. Raises ConfigError where nothing says which zone it is."""
    if settings.time_zone is not None:
        zone = ZoneInfo(settings.time_zone)
    if zone is None:
        remedy = "set WINCE_TIME_ZONE to the hospital's zone, such as Europe/Berlin (UTC where its messages are in UTC)"
        raise ConfigError("the zone of the hospital's times is not known, so no ADT or census is taken", field="time_zone", remedy=remedy)
    return Site(
        name=settings.site,
        zone=zone,
        authority=settings.patient_authority,
        id_types=tuple(kind.upper() for kind in settings.patient_id_types),
        visit_number=settings.visit_number,
        facilities=settings.facilities,
        production=settings.production_site,
        window_us=round(settings.control_id_window_h * _HOUR_US),
    )


def systems(settings: Settings) -> dict[str, str]:
    """From our identifier systems to those of the FHIR server, for every form that an authority's name can have in a message."""
    own, found = Site(authority=settings.patient_authority), {}
    for entry in settings.identifier_systems:
        name = parts(entry.authority)
        if own.authority and own.counts(name):
            found[system(own.own)] = entry.system
        if name.universal:
            found[system(name)] = entry.system
        else:
            kinds = ("", "UUID", "URI")
            found |= {system(replace(name, universal=name.namespace if kind else "", kind=kind)): entry.system for kind in kinds}
    return found
