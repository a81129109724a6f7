"""What patients and nurses decide, as far as a site sets it."""

from __future__ import annotations

from wince.settings.part import Part


class Care(Part):
    """Care

    Consent.
    """

    consent_required: bool = False
    """Who has not consented (`wince consent give`) is not watched: the camera of such a bed, or of one in which nobody is known, is not
    looked at. Off: everybody is watched but who refused. Set it for all services alike."""
