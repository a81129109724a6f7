"""`wince protocols route`: an operator tries the rules before anybody is graded by them."""


def test_protocols_route(wince, tmp_path, monkeypatch):
    """Who would grade a stay, who would look on, and why; by place, age, and for nobody."""
    plain = wince("protocols", "route", "--ward", "ICU", "--born", "1950-01-31")
    assert (plain.code, plain.out.splitlines()[0].split()) == (0, ["grades", "activity"])
    file = tmp_path / "wince.toml"
    file.write_text(
        '[[routing]]\nprotocol = "neonatal"\nwards = ["NICU"]\n[[routing]]\nprotocol = "icu"\nwards = ["ICU"]\n'
        '[[routing]]\nprotocol = "activity"\nrole = "shadow"\nwards = ["ICU"]\n'
    )
    monkeypatch.setenv("WINCE_CONFIG", str(file))
    shown = wince("protocols", "route", "--bed", "ICU^1^A", "--born", "1950-01-31", "--json").json()
    assert (shown["grades"], shown["shadows"], shown["says_population"]) == ("icu", ["activity"], None)
    unknown = wince("protocols", "route", "--ward", "NICU", "--json").json()
    assert (unknown["grades"], unknown["says_population"]) == (None, "activity")
    assert unknown["rules"][0] == "neonatal: needs an age, and none is known"
    nobody = wince("protocols", "route", "--ward", "NICU", "--nobody", "--json").json()
    assert nobody["grades"] == "neonatal"
    text = wince("protocols", "route", "--ward", "NICU", "--born", "2026-11-20", "--on", "2026-12-30").out
    assert "nobody: activity says `population`" in text
    assert "not of its population (neonates)" in text
    assert "2026-11-20" not in text
    wrong = wince("protocols", "route", "--ward", "NICU", "--bed", "ICU^1^A")
    assert wrong.code == 2
    assert "--ward, --bed" in wrong.err
    assert wince("protocols", "route", "--ward", "A", "--born", "yesterday").code == 2
