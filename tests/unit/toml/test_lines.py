"""Where keys stand in a TOML file, whatever its notation."""

import tomllib

from wince.toml.lines import nearest, path_lines

TEXT = '''# a comment
site = "a"
text = """
[rpc]
port = 1
"""
"quoted.key" = 2
beds = [
  "x",   # ]
  "y",
]
rpc.port = 5
serving = { target = "h:1", deadline_s = 2 }

[otlp]
endpoint = "x"
[[cameras]]
id = "a"
[cameras.extra]
deep = 1
[[cameras]]

id = "b"
  url = "u"
'''


def test_every_notation():
    tomllib.loads(TEXT)
    found = path_lines(TEXT)
    assert {path: line for path, line in found.items() if len(path) == 1} == {
        ("site",): 2,
        ("text",): 3,
        ("quoted.key",): 7,
        ("beds",): 8,
        ("rpc",): 12,
        ("serving",): 13,
        ("otlp",): 15,
        ("cameras",): 17,
    }
    assert found[("rpc", "port")] == 12
    assert found[("serving", "deadline_s")] == 13
    assert found[("otlp", "endpoint")] == 16
    assert found[("cameras", 0, "id")] == 18
    assert found[("cameras", 0, "extra", "deep")] == 20
    assert (found[("cameras", 1)], found[("cameras", 1, "id")], found[("cameras", 1, "url")]) == (21, 23, 24)


def test_the_nearest_that_stands_there():
    """A key that is missing is looked for where it belongs."""
    found = path_lines(TEXT)
    assert nearest(found, ("cameras", 1, "bed")) == 21
    assert nearest(found, ("beds", 1)) == 10
    assert nearest(found, ("nowhere", "x")) is None
