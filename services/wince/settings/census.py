"""The census from outside, and how long who lies where is believed without a word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from wince.settings.part import Part


class Census(Part):
    """Census

    Who lies where, as somebody else says: taken in at the first start, compared every hour. And how long the last word is believed.
    """

    census_source: Literal["none", "fhir", "csv"] = "none"
    """Where the census comes from. fhir: the server of ehr_url (Encounters in progress). csv: census_file. An empty census is taken from
    it at the start; later it is compared, and differences are shown (`wince census diff`)."""
    census_every_s: float = Field(default=3600.0, ge=0, le=7 * 86400)
    """How often the source is compared with what is believed, seconds. 0: never; an empty census is still taken from it at the start."""
    census_grace_s: float = Field(default=900.0, ge=0, le=86400)
    """A visit that an ADT message named after the census's moment, or within this time before it, is left to ADT: systems show a move
    some minutes after its message, seconds."""
    census_file: Path | None = Field(default=None, examples=["/var/lib/wince/census.csv"])
    """The file of the source csv; docs/how-to/census.md describes its columns. Its moment is when it was last written."""
    census_encoding: Literal["utf-8", "utf-16", "iso8859-1", "iso8859-15", "cp1252"] = "utf-8"
    """Encoding of that file. A byte order mark decides by itself."""
    census_max_age_h: float = Field(default=24.0, gt=0, le=366 * 24)
    """A file older than this is refused: it says nothing about now."""
    census_visit_authority: str = Field(default="", max_length=200)
    """Assigning authority of visit numbers in a file without the column encounter_authority, as in PV1-19.4. Empty: patient_authority."""
    census_wards: tuple[str, ...] = ()
    """Wards (PV1-3.1) of which the source tells everybody, even if nobody lies there now. A ward in which it has somebody counts anyway."""
    census_locations: tuple[str, ...] = Field(default=(), examples=[["icu-2"]])
    """For the source fhir: ids of Locations (wards) whose Encounters are asked for. Empty: all Encounters in progress."""
    census_bed_from: Literal["name", "identifier"] = "name"
    """For the source fhir: which element of a Location names its bed."""
    census_bed_system: str = Field(default="", max_length=500)
    """For the source fhir: system of that identifier. Empty: any."""
    census_bed_pattern: str = Field(default="", max_length=500, examples=["(?P<point>[^-]+)-(?P<room>[^-]+)-(?P<bed>.+)"])
    """Of fhir: regular expression over the whole text, with the groups point, room and bed (and facility), where the text isn't
    POINTOFCARE^ROOM^BED itself. The example makes ICU^101^A of ICU-101-A."""
    feed_silent_after_h: float = Field(default=4.0, ge=0, le=31 * 24)
    """Hours without any ADT message after which nobody is sure who lies where: from then on nothing is charted until a message comes or a
    person confirms (`wince census confirm`). 0: silence is never looked at."""
    stay_doubtful_after_d: float = Field(default=60.0, ge=0, le=3660)
    """Days without any message about a visit after which its stay is doubtful: its discharge may have been lost. A person is asked.
    0: never."""

    @field_validator("census_bed_pattern")
    @classmethod
    def _pattern(cls, value: str) -> str:
        try:
            groups = set(re.compile(value).groupindex)
        except re.error:
            raise ValueError("is no regular expression") from None
        if value and not {"point", "room", "bed"} <= groups:
            raise ValueError("needs the groups point, room and bed, such as (?P<point>[^-]+)-(?P<room>[^-]+)-(?P<bed>.+)")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Census:
        if self.census_source == "csv" and self.census_file is None:
            raise ValueError("census_source is csv, so census_file needs to name the file")
        return self
