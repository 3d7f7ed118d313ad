"""
How pydoctor documents the fields of a dataclass: by the help that stands in their metadata, which
the options of the command line are made of, too.
"""

from __future__ import annotations

import ast

# pydoctor has no type annotations, so its classes are Any to mypy: hence the comments for it below.
from pydoctor import extensions, model  # type: ignore[import-untyped]

# What makes such a field: dataclasses' own, and a function of ours whose second argument it is.
_FIELD, _LIMIT = "field", "_limit"


class HelpOfFields(extensions.ModuleVisitorExt):  # type: ignore[misc]
    """
    Gives a field its help for a docstring.
    """

    def depart_AnnAssign(self, node: ast.AnnAssign) -> None:
        """
        Called after a field was visited.
        """
        if not isinstance(node.target, ast.Name) or not isinstance(node.value, ast.Call):
            return
        attribute = self.visitor.builder.current.contents.get(node.target.id)
        text = _helpIn(node.value)
        if attribute is not None and text is not None:
            attribute.setDocstring(text)


class System(model.System):  # type: ignore[misc]
    """
    pydoctor, with that.
    """

    custom_extensions = [__name__]


def setup_pydoctor_extension(registrar: extensions.ExtRegistrar) -> None:
    """
    Called by pydoctor.
    """
    registrar.register_astbuilder_visitor(HelpOfFields)


def _helpIn(call: ast.Call) -> ast.Constant | None:
    """
    The help in the call that makes a field, if there is one, with the field's default.
    """
    name = call.func.id if isinstance(call.func, ast.Name) else None
    default: ast.expr | None = None
    text: ast.expr | None = None
    if name == _LIMIT and len(call.args) > 1:
        default, text = call.args[:2]
    if name == _FIELD:
        for keyword in call.keywords:
            if keyword.arg == "default":
                default = keyword.value
            if keyword.arg == "metadata" and isinstance(keyword.value, ast.Dict):
                pairs = zip(keyword.value.keys, keyword.value.values, strict=True)
                named = {key.value: each for key, each in pairs if isinstance(key, ast.Constant)}
                text = named.get("help")
    if not isinstance(text, ast.Constant) or not isinstance(text.value, str):
        return None
    told = text.value.rstrip(".") + "."
    if default is not None:
        told += f" Default: C{{{ast.unparse(default)}}}."
    return ast.copy_location(ast.Constant(told), text)
