"""`wince token`: made, listed, revoked, as a person types it."""

import json


def test_from_make_to_revoke(wince, tmp_path):
    file = tmp_path / "tokens"
    made = wince("token", "make", "cam-3", "camera", "--source", "bed-1", "--until", "2999-12-31", "--file", str(file))
    assert made.code == 0
    token = made.out.strip()
    assert token.startswith("wince_")
    assert token not in file.read_text() + made.err
    listed = wince("token", "list", "--file", str(file), "--json")
    (caller,) = json.loads(listed.out)["callers"]
    assert (caller["name"], caller["roles"], caller["sources"], caller["over"]) == ("cam-3", ["camera"], ["bed-1"], False)
    shown = wince("token", "list", "--file", str(file)).out
    assert caller["id"] in shown
    assert "sources=bed-1" in shown
    assert token not in shown
    assert json.loads(wince("token", "revoke", caller["id"], "--file", str(file), "--json").out) == {
        "revoked": [{"name": "cam-3", "id": caller["id"]}]
    }
    assert json.loads(wince("token", "list", "--file", str(file), "--json").out) == {"callers": []}


def test_what_is_wrong_names_the_option(wince, tmp_path):
    file = str(tmp_path / "tokens")
    unbound = wince("token", "make", "cam-3", "camera", "--file", file)
    assert (unbound.code, "--source" in unbound.err) == (2, True)
    assert wince("token", "make", "a", "chief", "--file", file).code == 2
    assert wince("token", "make", "a", "reader", "--until", "soon", "--file", file).code == 2
    assert wince("token", "revoke", "nobody", "--file", file).code != 0
    assert wince("token", "list").code == 2


def test_a_file_of_before_is_sealed_and_the_rest_is_said(wince, tmp_path):
    file = tmp_path / "tokens"
    file.write_text("cam-3 camera k3Vt0m2yZ7s8qLrWb1x9\n")
    file.chmod(0o600)
    sealed = wince("token", "seal", "--file", str(file))
    assert "1 sealed" in sealed.out
    assert (sealed.code != 0, "sources=ID" in sealed.err) == (True, True)
    assert "k3Vt0m2yZ7s8qLrWb1x9" not in file.read_text()
