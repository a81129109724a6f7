"""A report as one HTML file: nothing from outside, no script, prints on A4 with the label on every page."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from wince.report.document import Block, Bullets, Document, Drawing, Entry, Facts, Form, Gallery, Headline, Paragraph, Section, Table
from wince.report.svg import svg

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
"""The file can load nothing, run nothing and send nothing, whatever a file's name says."""

_SHORT = 10
"""Rows of a table that is kept on one page."""
STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 6mm; max-width: 200mm; background: #fff; color: #1c2430;
  font: 15px/1.45 system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", "Noto Sans CJK SC", sans-serif; }
h1 { font-size: 1.5em; line-height: 1.2; margin: 0 0 .1em; overflow-wrap: anywhere; }
h2 { font-size: 1.1em; margin: 1.8em 0 .5em; padding-top: .5em; border-top: 1.5px solid #1c2430; }
p, ul { margin: .5em 0; max-width: 46em; overflow-wrap: anywhere; }
ul { padding-left: 1.2em; }
.subtitle { margin: 0; color: #56606e; }
.label { margin: .8em 0; padding: .45em .7em; border: 1.5px solid #1c2430; font-weight: 700; max-width: none; }
.big { font-size: 2.3em; line-height: 1.1; font-weight: 700; margin: .1em 0; }
.tiles { display: flex; flex-wrap: wrap; gap: .6em 2.4em; margin: .9em 0 0; }
.tiles div { display: flex; flex-direction: column-reverse; }
.tiles dt { color: #56606e; font-size: .85em; }
.tiles dd { margin: 0; font-size: 1.45em; font-weight: 700; font-variant-numeric: tabular-nums; }
figure { margin: .6em 0; break-inside: avoid; }
figcaption, caption { color: #56606e; font-size: .85em; text-align: left; }
caption { padding-bottom: .3em; }
svg { display: block; width: 100%; height: auto; font-family: inherit; }
.gallery { display: grid; grid-template-columns: repeat(3, 1fr); gap: 1.6%; align-items: end; }
.gallery figure { margin: 0 0 .6em; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; font-size: .87em; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; margin: .8em 0; }
th, td { text-align: left; vertical-align: top; padding: .25em .5em .25em 0; border-bottom: 1px solid #c9d0d8; overflow-wrap: anywhere; }
thead th { border-bottom: 1.5px solid #56606e; }
tbody th { font-weight: 400; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
.facts { display: grid; grid-template-columns: minmax(8em, 26%) 1fr; gap: .25em 1em; margin: .5em 0; font-size: .93em; }
.facts dt { color: #56606e; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.form { display: grid; grid-template-columns: 38% 1fr; gap: .7em 1em; margin: .8em 0; align-items: end; break-inside: avoid; }
.form input[type=text] { font: inherit; padding: .1em 0; background: none;
  width: 100%; border: 0; border-bottom: 1px solid #1c2430; border-radius: 0; }
fieldset { border: 0; margin: 0; padding: 0; }
fieldset label { margin-right: 1.6em; }
a { color: #1d4f91; }
a:focus-visible, input:focus-visible { outline: 3px solid #1d4f91; outline-offset: 2px; }
.running { display: none; }
@page { size: A4; margin: 14mm 15mm 12mm; }
@media print {
  body { padding: 0; max-width: none; font-size: 9.5pt; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  .page { display: table; width: 100%; table-layout: fixed; }
  .running { display: table-footer-group; break-inside: avoid; font-size: 8pt; color: #1c2430; }
  .running span { display: block; padding-top: 3mm; }
  main { display: table-row-group; }
  .label { margin-left: .3mm; margin-right: .3mm; }
  h2 { break-after: avoid; }
  .whole { break-inside: avoid; }
  .scroll { overflow: visible; }
  a { color: inherit; text-decoration: none; }
}
"""


def html(document: Document) -> str:
    """The report as HTML 5. Every text is escaped here and nowhere else."""
    body = "\n".join(_section(section, number) for number, section in enumerate(document.sections, 1))
    title, label = escape(document.title), escape(document.label)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<div class="page">
<main>
<header>
<h1><bdi>{title}</bdi></h1>
<p class="subtitle">{escape(document.subtitle)}</p>
<p class="label">{label}</p>
</header>
{body}
</main>
<div class="running" aria-hidden="true"><span>{label}</span></div>
</div>
</body>
</html>
"""


def _section(section: Section, number: int) -> str:
    blocks = "\n".join(_block(block, f"{number}-{i}") for i, block in enumerate(section.blocks))
    long = any(isinstance(block, Table) and len(block.rows) > _SHORT for block in section.blocks)
    whole = "" if long or any(isinstance(block, Gallery) for block in section.blocks) else ' class="whole"'
    return f'<section{whole} aria-labelledby="s{number}">\n<h2 id="s{number}">{escape(section.title)}</h2>\n{blocks}\n</section>'


def _block(block: Block, name: str) -> str:
    match block:
        case Headline():
            tiles = "".join(f"<div><dt>{escape(what)}</dt><dd>{escape(value)}</dd></div>" for value, what in block.numbers)
            return f'<p class="big">{escape(block.big)}</p>\n<p>{escape(block.lead)}</p>\n<dl class="tiles">{tiles}</dl>'
        case Paragraph():
            return f"<p>{escape(block.text)}</p>"
        case Bullets():
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in block.items) + "</ul>"
        case Facts():
            return '<dl class="facts">' + "".join(f"<dt>{escape(k)}</dt><dd><bdi>{escape(v)}</bdi></dd>" for k, v in block.rows) + "</dl>"
        case Table():
            return _table(block)
        case Drawing():
            return f"<figure>{svg(block.figure)}<figcaption>{escape(block.caption)}</figcaption></figure>"
        case Gallery():
            return '<div class="gallery">' + "".join(f"<figure>{svg(figure)}</figure>" for figure in block.figures) + "</div>"
        case Form():
            return '<div class="form">' + "".join(_entry(entry, f"f{name}-{i}") for i, entry in enumerate(block.entries)) + "</div>"


def _table(table: Table) -> str:
    whole = sum(table.widths)
    columns = "".join(f'<col style="width:{100 * width / whole:.2f}%">' for width in table.widths)
    header = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.header)
    rows = []
    for i, (first, *rest) in enumerate(table.rows):
        target = table.links[i] if table.links else ""
        name = f"<bdi>{escape(first)}</bdi>"
        linked = f'<a href="{escape(quote(target))}">{name}</a>' if target else name
        rows.append(f'<tr><th scope="row">{linked}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in rest) + "</tr>")
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    head = f"{caption}<colgroup>{columns}</colgroup><thead><tr>{header}</tr></thead>"
    return f'<div class="scroll"><table>{head}<tbody>{"".join(rows)}</tbody></table></div>'


def _entry(entry: Entry, name: str) -> str:
    if not entry.choices:
        field = f'<input type="text" id="{name}" value="{escape(entry.value)}" autocomplete="off">'
        return f'<label for="{name}">{escape(entry.name)}</label>{field}'
    boxes = "".join(
        f'<label><input type="radio" name="{name}"{" checked" if choice == entry.value else ""}> {escape(choice)}</label>'
        for choice in entry.choices
    )
    return f'<span id="{name}">{escape(entry.name)}</span><fieldset aria-labelledby="{name}">{boxes}</fieldset>'
