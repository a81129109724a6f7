"""LOINC: check digits, and codes that say that a patient told the number."""

SYSTEM = "http://loinc.org"

SELF_REPORT = {
    "72514-3": "pain severity, 0-10 numeric rating, reported",
    "38208-5": "pain severity, reported",
    "38214-3": "pain severity, visual analogue score, reported",
    "38221-8": "pain severity, Wong-Baker faces, reported",
    "57696-7": "pain severity, faces pain scale revised, reported",
}
"""What a patient said. A number from the face is none of these, so none is ever a default (LOINC, component "Pain severity", reported)."""


def loinc_ok(code: str) -> bool:
    """Whether a LOINC code's last digit is its mod 10 check digit (LOINC Users' Guide, appendix on check digits).

    >>> loinc_ok("38208-5"), loinc_ok("38208-6")
    (True, False)
    """
    body, _, check = code.rpartition("-")
    if not (body.isdigit() and len(check) == 1 and check.isdigit()):
        return False
    total = 0
    for place, digit in enumerate(reversed(body)):
        number = int(digit) * (2 if place % 2 == 0 else 1)
        total += number - 9 if number > 9 else number
    return (10 - total % 10) % 10 == int(check)


def fault(system: str, code: str, *, reported: bool = False) -> str:
    """What is wrong with a code for a number from the face; empty: nothing. `reported`: the site says that readers may take it for what
    the patient said.

    >>> fault(SYSTEM, "38208-6"), fault("urn:ours", "x")
    ('is no LOINC code: its check digit is wrong', '')
    """
    if system != SYSTEM:
        return ""
    if not loinc_ok(code):
        return "is no LOINC code: its check digit is wrong"
    if code in SELF_REPORT and not reported:
        return f"says that the patient told the number ({SELF_REPORT[code]})"
    return ""
