"""Why there is no grade, or why a nurse is asked. Ordered by where on the road the reason arises."""

from enum import StrEnum


class Reason(StrEnum):
    """A reason; its value is what messages, rows and reports carry."""

    # capture
    NO_FRAME = "no_frame"
    """The camera is silent: nothing came for a beat."""
    CORRUPT = "corrupt"
    """Frames came, but damaged; they were withheld."""
    GAP = "gap"
    """What a queue, process or restart lost; a face whose clip is not whole for that, or lies over two stays."""
    LATE = "late"
    """The face waited longer than `max_age` and was not scored."""
    # detect
    NONE = "none"
    """No face in the picture."""
    SMALL = "small"
    DARK = "dark"
    BLURRED = "blurred"
    TURNED = "turned"
    """Head pose out of range: yaw, pitch, or roll up to 120 degrees."""
    UPSIDE_DOWN = "upside_down"
    """Roll beyond 120 degrees; set the camera's rotation."""
    COVERED = "covered"
    """Mask, hand, bandage, pillow."""
    NOT_PATIENT = "not_patient"
    """Faces are seen, none of them in the bed's region or where the patient's was."""
    SEVERAL = "several"
    """Several faces could be the patient's; none is chosen silently."""
    # estimate
    MODEL_CHANGE = "model_change"
    """Two model sets in one window."""
    CONFLICT = "conflict"
    """A smile and pain at once: the number can't be trusted, a nurse is asked; never 0."""
    UNCERTAIN = "uncertain"
    """Below the protocol's confidence threshold; a nurse is asked."""
    # grade
    POPULATION = "population"
    """The patient does not fit the protocol's population."""
    PATIENT = "patient"
    """A nurse set "not assessable by face" (paralysed, deeply sedated, palsy, bandaged)."""
    PAUSED = "paused"
    """Care, privacy or a procedure."""
    OFF = "off"
    """Somebody switched the bed, its ward or the site off: the camera is not looked at."""
    CONSENT = "consent"
    """The patient refused to be watched, or the site requires consent and has none: the camera is not looked at."""
    # binding
    NO_PATIENT = "no_patient"
    """Nobody is known to lie in the bed."""
    TWO_PATIENTS = "two_patients"
    """Two patients are claimed for the bed at that time."""
    DOUBTFUL = "doubtful"
    """Who lies in the bed is not sure any more: the hospital's feed is silent, or a stay never ended."""
