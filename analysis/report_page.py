"""The page of a report: sections of HTML, data for its charts, and all that they need to work.

Texts that are passed in are escaped here; what ends in `_html` is HTML already.
"""

import json
import math
import re
from html import escape
from pathlib import Path

import numpy

from palette import COLOURS

PAGE = Path(__file__).resolve().parent / "page"
DYGRAPHS = Path("/usr/share/javascript/dygraphs")

def number(value, digits=3):
    """1,145 or 5.48 or 0.0123."""
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 10 ** (digits - 1) or float(value).is_integer():
        return f"{value:,.0f}"
    shown = f"{value:.{digits}g}"
    return shown if "e" not in shown else f"{value:.{digits}e}"


def seconds(value):
    """87.2 ms, 1.25 s."""
    if value is None or not math.isfinite(value):
        return "–"
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if abs(value) * factor >= 0.9995 or unit == "µs":
            return f"{number(value * factor)} {unit}"
    return "0 s"


def duration(value):
    """30 min 26 s."""
    if not math.isfinite(value) or value < 120:
        return seconds(value)
    hours, rest = divmod(round(value), 3600)
    return f"{hours} h {rest // 60:02} min" if hours else f"{rest // 60} min {rest % 60:02} s"


def data_size(value):
    """35.3 GB."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 999.5 or unit == "TB":
            return f"{number(value)} {unit}"
        value /= 1000
    return ""


def percent(share):
    return f"{share * 100:.1f}%" if math.isfinite(share) else "–"


def gpu_count(count):
    return f"{count:g} GPU" + ("s" if count != 1 else "")


def dollars(value):
    return f"${value:,.2f}" if math.isfinite(value) else "–"


def whole_dollars(value):
    return f"${value:,.0f}"


def table_html(header, rows, css=""):
    """A table; the first column holds names, the others numbers. Cells may be (text, class)."""
    def cell(tag, content):
        shown, css_class = content if isinstance(content, tuple) else (content, "")
        marked = f' class="{css_class}"' if css_class else ""
        return f"<{tag}{marked}>{escape(str(shown))}</{tag}>"
    head = "".join(cell("th", name) for name in header)
    body = "".join("<tr>" + "".join(cell("td", value) for value in row) + "</tr>" for row in rows)
    return (f'<div class="wide"><table class="{css}"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>")


def tiles_html(tiles):
    """Headline numbers: name, value, what to know about it."""
    def tile(name, value, note):
        size = "long" if len(value) > 12 else "short"
        room = "tile wide" if len(value) > 24 else "tile"
        shown = escape(value) if size == "short" else re.sub("([/=_,])", r"\1<wbr>", escape(value))
        return (f'<div class="{room}"><b class="{size}">{shown}</b>'
                f"<span>{escape(name)}</span><small>{escape(note)}</small></div>")
    return '<div class="tiles">' + "".join(tile(*parts) for parts in tiles) + "</div>"


def legend_html(names):
    return '<p class="legend">' + "".join(
        f'<span><i style="background:{COLOURS[name]}"></i>{escape(name)}</span>'
        for name in names) + "</p>"


def label_html(name):
    """A name that breaks between words alone, not at their hyphens."""
    return re.sub(r"\S*-\S*", r'<span class="whole">\g<0></span>', escape(name))


def bars_html(rows, show, scale_to=None):
    """
    Stacked bars. `rows`: name, note, and parts as name to value; `show` turns a value into text.
    The longest bar, or `scale_to`, fills the width.
    """
    names = [name for name in COLOURS if any(row[2].get(name, 0) > 0 for row in rows)]
    longest = scale_to or max(sum(parts.values()) for _, _, parts in rows)
    lines = []
    for label, note, parts in rows:
        pieces = "".join(
            f'<i style="width:{100 * parts[name] / longest:.4f}%;background:{COLOURS[name]}"'
            f' data-tip="{escape(label)}: {escape(name)} {escape(show(parts[name]))}"></i>'
            for name in names if parts.get(name, 0) > 0)
        lines.append(f'<div class="bar"><label>{label_html(label)}</label><div>{pieces}</div>'
                     f"<small>{escape(note)}</small></div>")
    return legend_html(names) + '<div class="bars">' + "".join(lines) + "</div>"


def aligned_rows(xs, ys):
    """Rows x, y1, y2, ...: every x of any series, None where a series has no point."""
    every = numpy.unique(numpy.concatenate(xs))
    table = [[float(x)] + [None] * len(xs) for x in every]
    for column, (x, y) in enumerate(zip(xs, ys), 1):
        for row, value in zip(numpy.searchsorted(every, x), y):
            table[row][column] = float(value)
    return table


class Page:
    def __init__(self):
        self.title = ""
        self.subtitle = ""
        self.footer = ""
        self.sections = []
        self.charts = []

    def section(self, heading, body_html, note=""):
        note_html = f'<p class="note">{escape(note)}</p>' if note else ""
        self.sections.append(f"<section><h2>{escape(heading)}</h2>{note_html}{body_html}</section>")

    def chart_html(self, **chart):
        """The place of a chart that page.js draws; page.js says what `chart` holds."""
        chart["id"] = f"chart-{len(self.charts)}"
        self.charts.append(chart)
        return f'<div class="chart" id="{chart["id"]}"></div>'

    def warnings(self, warnings):
        items = "".join(f"<li><code>{escape(code)}</code> {escape(text)}</li>"
                        for code, text in warnings)
        if items:
            self.section("Warnings", f'<ul class="warnings">{items}</ul>')

    def provenance(self, lines, heading, note):
        """Lines of the scenario, each with where its value comes from."""
        rows = "".join(f"<tr><td><code>{escape(line)}</code></td><td>{escape(source)}</td></tr>"
                       for line, source in lines)
        table = f'<div class="wide"><table class="source">{rows}</table></div>'
        self.section(heading, f"<details><summary>Show all values</summary>{table}</details>", note)

    def html(self):
        """The file. OSError where the charts' library is not installed."""
        try:
            library = (DYGRAPHS / "dygraph.min.js").read_text(encoding="utf-8")
            library_style = (DYGRAPHS / "dygraph.min.css").read_text(encoding="utf-8")
        except FileNotFoundError as missing:
            raise OSError("the charts need Debian's package libjs-dygraphs: "
                          f"{missing.filename} is not there") from missing
        data = json.dumps(finite(self.charts), allow_nan=False, separators=(",", ":"))
        values = {
            "heading": escape(self.title),
            "title": escape(self.title),
            "subtitle": escape(self.subtitle),
            "sections": "\n".join(self.sections),
            "footer": escape(self.footer),
            "style": library_style.partition("/*# sourceMappingURL")[0]
            + (PAGE / "page.css").read_text(encoding="utf-8"),
            "library": library.partition("//# sourceMappingURL")[0],
            "data": data.replace("</", "<\\/"),
            "script": (PAGE / "page.js").read_text(encoding="utf-8")
            + (PAGE / "gantt.js").read_text(encoding="utf-8"),
        }
        page = (PAGE / "page.html").read_text(encoding="utf-8")
        for name, value in values.items():
            before, _, after = page.partition("{{" + name + "}}")
            page = before + value + after
        return page


def finite(value):
    """The same with "NaN" for NaN and infinities, which JSON does not have; page.js knows it."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN"
    return value
