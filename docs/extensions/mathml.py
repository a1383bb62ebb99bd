"""Formulas as MathML, which browsers render by themselves: no script, no font, no network."""

from __future__ import annotations

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


def to_mathml(tex: str, display: str) -> str:
    """Return a formula as MathML.

    Parameters
    ----------
    tex : str
        The formula in LaTeX.
    display : {"inline", "block"}
        Whether it stands in a line or alone.

    Raises
    ------
    ValueError
        The formula has an environment that the converter does not know.
    """
    # The converter knows `aligned` by its other name, and leaves an escape in a text as it is.
    tex = re.sub(r"\\(begin|end)\{aligned\}", r"\\\1{split}", tex)
    tex = re.sub(r"\\text\{[^}]*\}", lambda text: text[0].replace(r"\_", "_"), tex)
    mathml = convert(tex, display=display)
    if "<mi>&</mi>" in mathml:
        raise ValueError(f"an environment of this formula is unknown to latex2mathml: {tex}")
    # "log p" and "z ~ p" want the space of an operator; the converter writes them as names.
    mathml = re.sub(
        r"<mi>([a-z]{2,})</mi>", r'<mo form="prefix" lspace="0.17em" rspace="0.17em">\1</mo>', mathml
    )
    # A bar round a quantity is no relation, and infinity no operator: neither wants space.
    mathml = mathml.replace(
        '<mo stretchy="false">&#x0007C;</mo>', '<mo stretchy="false" lspace="0em" rspace="0em">&#x0007C;</mo>'
    )
    mathml = mathml.replace("<mo>&#x0221E;</mo>", "<mi>&#x0221E;</mi>")
    return mathml.replace("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>")


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula that stands in a line."""
    self.body.append(to_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula that stands alone, with its number if it has one."""
    self.body.append(self.starttag(node, "div", "", CLASS="math"))
    if node.get("number"):
        self.body.append(f'<span class="eqno">({node["number"]})</span>')
    self.body.append(to_mathml(node.astext(), "block"))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer under the name ``mathml``."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
